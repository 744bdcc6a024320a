// SPDX-License-Identifier: Apache-2.0
#include "transport/slow_consumer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "client/clients.h"

namespace ringcast::session {

namespace {

// What a notice says lies right behind it in its block, unsent, for the notice that takes its place.
struct Counts {
  uint64_t missed, from, to;
};

void append_counts(std::string& out, const Lagged& lagged) {
  const Counts counts{lagged.missed, lagged.from, lagged.to};
  out.append(reinterpret_cast<const char*>(&counts), sizeof counts);
}

// Adds what an earlier notice of the same channel said.
void merge(const Slice& notice, Lagged& lagged) {
  Counts counts;
  std::memcpy(&counts, notice.hold->data() + notice.offset + notice.length, sizeof counts);
  lagged.missed += counts.missed;
  if (counts.from != 0) lagged.from = counts.from;
  if (lagged.to == 0) lagged.to = counts.to;
}

}  // namespace

uint64_t drop_messages(Clients& clients, reactor::Connection& connection, codec::SseFraming framing,
                       const std::function<void(const Lagged& lagged, std::string& out)>& write) {
  struct Loss {
    uint32_t channel;
    uint32_t at;  // where the first of its frames that were dropped has been: a cursor behind that counts them as seen
    Lagged lagged;
  };
  std::vector<Loss> losses;
  const auto& of_route = clients.route_of(clients.at(connection.slot)).settings.slow;
  const auto is = [&](hub::SlowPolicy policy) {
    return [&, policy](uint32_t channel) {
      return (of_route ? *of_route : clients.hub().policy_of(channel).slow) == policy;
    };
  };
  uint64_t missed = 0;
  const auto note = [&](const reactor::Dropped& dropped) {
    missed += dropped.frames;
    clients.stats().dropped.add(dropped.frames);
    auto found =
        std::find_if(losses.begin(), losses.end(), [&](const Loss& loss) { return loss.channel == dropped.channel; });
    if (found == losses.end()) {
      losses.push_back({dropped.channel, dropped.at, {.room = hub::name_of(clients.hub().key_of(dropped.channel))}});
      found = losses.end() - 1;
    }
    found->lagged.missed += dropped.frames;
    const auto earlier = [](uint64_t a, uint64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; };
    found->lagged.from = earlier(found->lagged.from, dropped.first_id);
    found->lagged.to = std::max(found->lagged.to, dropped.last_id);
  };
  // Down to half the limits: a reader that stays slow is notified once per half, not once per message.
  reactor::Outbox& outbox = connection.outbox;
  const reactor::OutputRules& rules = clients.reactor().output_of(connection);
  outbox.drop_oldest(rules.bytes_max / 2, rules.messages_max / 2, rules.frame_length, is(hub::SlowPolicy::drop_oldest),
                     note);
  const auto ends = [&](const Slice& slice) { return codec::is_sse_event_cursor(framing, slice.view()); };
  // As many as fit stay, but for what the notices take.
  outbox.drop_newest(rules.bytes_max - rules.bytes_max / 16, rules.messages_max, rules.frame_length,
                     is(hub::SlowPolicy::drop_newest), ends, note);
  if (losses.empty()) return 0;
  const bool enough = outbox.bytes() <= rules.bytes_max && outbox.messages() <= rules.messages_max;

  // A notice that still waits lies right before the frames that it would have to be followed by: one reports both, so
  // that there is never more than one for a channel.
  for (Loss& loss : losses) {
    Slice said;
    // What is behind the notice of a newest one was not lost: another follows it.
    const bool newest = loss.at == UINT32_MAX;
    const uint32_t taken =
        newest ? outbox.take_last_notice(loss.channel, said) : outbox.take_notice(loss.channel, said);
    if (taken == reactor::Outbox::kNoNotice) continue;
    merge(said, loss.lagged);
    said.hold->release();
    for (Loss& other : losses) other.at -= other.at > taken && other.at != UINT32_MAX ? 1 : 0;
    if (!newest) loss.at = std::min(loss.at, taken);
  }
  std::stable_sort(losses.begin(), losses.end(), [](const Loss& a, const Loss& b) { return a.at > b.at; });
  std::string bytes;
  for (const Loss& loss : losses) {
    bytes.clear();
    write(loss.lagged, bytes);
    if (bytes.empty()) continue;  // a dialect that does not show it
    const auto length = static_cast<uint32_t>(bytes.size());
    append_counts(bytes, loss.lagged);
    const OwnedSlice notice = clients.reactor().copy(bytes);
    outbox.insert(loss.at, {.hold = notice->hold,
                            .offset = notice->offset,
                            .length = length,
                            .channel = loss.channel,
                            .first_id = loss.lagged.from});
  }
  clients.stats().lagged.add(losses.size());
  return enough ? missed : 0;
}

void append_event_end(std::string& out, const reactor::Connection& connection, reactor::FrameLength frame_length,
                      codec::SseFraming framing) {
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
  if (codec::is_sse_event_cursor(framing, next)) out += next;
}

}  // namespace ringcast::session
