// SPDX-License-Identifier: Apache-2.0
#include "session/slow_consumer.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "session/gate.h"

namespace ringcast::session {

namespace {

// Adds what an earlier notice, in JSON as event_json.h writes it, said about the same channel.
void merge(std::string_view notice, Lagged& lagged) {
  const auto number = [&](std::string_view key) {
    uint64_t value = 0;
    const size_t at = notice.rfind(key);
    if (at != std::string_view::npos) {
      std::from_chars(notice.data() + at + key.size(), notice.data() + notice.size(), value);
    }
    return value;
  };
  lagged.missed += number("\"missed\":") + number("\"warning\":\"missed ");  // R3 has a sentence
  const uint64_t from = number("\"from\":");
  if (from != 0) lagged.from = from;
  if (lagged.to == 0) lagged.to = number("\"to\":");
}

}  // namespace

bool drop_oldest(Gate& gate, runtime::Connection& connection,
                 const std::function<void(const Lagged& lagged, std::string& out)>& write) {
  struct Loss {
    uint32_t channel;
    uint32_t at;  // where the first of its frames that were dropped has been: a cursor behind that counts them as seen
    Lagged lagged;
  };
  std::vector<Loss> losses;
  const auto& of_route = gate.route_of(gate.at(connection.slot)).settings.slow;
  const auto may_drop = [&](uint32_t channel) {
    if (of_route) return *of_route == hub::SlowPolicy::drop_oldest;
    return gate.hub().policy_of(channel).slow == hub::SlowPolicy::drop_oldest;
  };
  const auto note = [&](const runtime::Dropped& dropped) {
    gate.stats().dropped.add(dropped.frames);
    auto found =
        std::find_if(losses.begin(), losses.end(), [&](const Loss& loss) { return loss.channel == dropped.channel; });
    if (found == losses.end()) {
      losses.push_back({dropped.channel, dropped.at, {.room = hub::name_of(gate.hub().key_of(dropped.channel))}});
      found = losses.end() - 1;
    }
    found->lagged.missed += dropped.frames;
    if (dropped.first_id != 0 && found->lagged.from == 0) found->lagged.from = dropped.first_id;
    if (dropped.last_id != 0) found->lagged.to = dropped.last_id;
  };
  // Down to half the limits: a reader that stays slow is told once per half, not once per message.
  runtime::Outbox& outbox = connection.outbox;
  const runtime::OutputRules& rules = gate.reactor().output_of(connection);
  outbox.drop_oldest(rules.bytes_max / 2, rules.messages_max / 2, rules.frame_length, may_drop, note);
  if (losses.empty()) return false;

  // A notice that still waits lies right before the frames that it would have to be followed by: one tells both, so
  // that there is never more than one for a channel.
  for (Loss& loss : losses) {
    Slice said;
    const uint32_t taken = outbox.take_notice(loss.channel, said);
    if (taken == runtime::Outbox::kNoNotice) continue;
    merge(said.view(), loss.lagged);
    said.hold->release();
    for (Loss& other : losses) other.at -= other.at > taken ? 1 : 0;
    loss.at = std::min(loss.at, taken);
  }
  std::stable_sort(losses.begin(), losses.end(), [](const Loss& a, const Loss& b) { return a.at > b.at; });
  std::string& bytes = gate.scratch();
  for (const Loss& loss : losses) {
    bytes.clear();
    write(loss.lagged, bytes);
    if (bytes.empty()) continue;  // a dialect that does not show it
    const OwnedSlice notice = gate.reactor().copy(bytes);
    outbox.insert(loss.at, {.hold = notice->hold,
                            .offset = notice->offset,
                            .length = notice->length,
                            .channel = loss.channel,
                            .first_id = loss.lagged.from});
  }
  gate.stats().lagged.add(losses.size());
  return outbox.bytes() <= rules.bytes_max && outbox.messages() <= rules.messages_max;
}

void append_event_end(std::string& out, const runtime::Connection& connection, runtime::FrameLength frame_length,
                      wire::SseFraming framing) {
  iovec pieces[2];
  uint64_t wanted = 0;
  const int count = connection.outbox.gather(pieces, 2, wanted);
  // The frame that has begun lies in the first piece, a cursor in one with it or alone in the next.
  const uint32_t begun = connection.outbox.begun_rest(frame_length);
  const int at = count > 0 && begun == pieces[0].iov_len ? 1 : 0;
  if (at >= count) return;
  std::string_view next(static_cast<const char*>(pieces[at].iov_base), pieces[at].iov_len);
  if (at == 0) next.remove_prefix(begun);
  next = next.substr(0, frame_length({reinterpret_cast<const uint8_t*>(next.data()), next.size()}));
  if (wire::is_sse_event_cursor(framing, next)) out += next;
}

bool is_head_unsent(const runtime::Connection& connection) {
  if (connection.outbox.empty()) return false;
  const runtime::Segment& first = connection.outbox.first();
  const Slice bytes{first.hold, first.offset, first.length};
  return bytes.view().starts_with("HTTP/");
}

}  // namespace ringcast::session
