// SPDX-License-Identifier: Apache-2.0
#include "poll_client.h"

#include <algorithm>

#include "codec/native/cursor.h"
#include "codec/text/base64.h"
#include "receiver.h"

namespace ringcast::simulation {

PollClient::PollClient(World& world, std::string name, std::string tenant, std::string user)
    : SimClient(world, std::move(name)), tenant_(std::move(tenant)), user_(std::move(user)) {
  for (uint32_t i = 0; i < world_.rooms; ++i) {
    if (random().percent(60)) channels_.push_back('r' + std::to_string(i));
  }
  if (random().percent(30)) channels_.emplace_back("*");
  if (random().percent(30)) channels_.push_back('@' + user_);
  if (channels_.empty()) channels_.emplace_back("r0");
  std::sort(channels_.begin(), channels_.end());
}

void PollClient::on_connected() {
  response_ = std::make_unique<codec::HttpResponseParser>();
  waiting_ = drained_ = false;
  note("connects");
}

void PollClient::ask() {
  std::string request = "GET /poll?tenant=" + tenant_ + "&user=" + user_ + "&rooms=";
  for (size_t i = 0; i < channels_.size(); ++i) request += (i == 0 ? "" : ",") + channels_[i];
  request += "&timeout=" + std::to_string(random().percent(30) ? random().between(1, 3) : 60);
  if (random().percent(3)) cursor_.clear();
  if (!cursor_.empty()) request += "&since=" + cursor_;
  note("asks for " + request);
  send(request + " HTTP/1.1\r\nHost: sim\r\n\r\n");
  waiting_ = true;
  body_.clear();
  response_->reset();
}

void PollClient::do_something() {
  const uint64_t choice = random().below(100);
  if (choice < 4) return cut(random().percent(50));
  if (choice < 8) return set_reading(false);
  if (choice < 30) return set_reading(true);
  if (!waiting_) ask();
}

void PollClient::on_bytes(std::span<uint8_t> bytes) {
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    switch (response_->next(input, data)) {
      case codec::HttpResponseEvent::need_more: return;
      case codec::HttpResponseEvent::error: violated("http", response_->error().message);
      case codec::HttpResponseEvent::headers_complete: break;
      case codec::HttpResponseEvent::body: body_.append(reinterpret_cast<const char*>(data.data()), data.size()); break;
      case codec::HttpResponseEvent::complete:
        if (response_->response().status == 408) return;  // the idle connection's end
        if (!waiting_) violated("http", "an answer that nobody asked for");
        waiting_ = false;
        return answered();
    }
  }
}

void PollClient::answered() {
  const uint16_t status = response_->response().status;
  note("is answered " + std::to_string(status));
  if (status == 200) return take(body_);
  const std::string_view code = json_text(body_, "code");
  // The rooms have all ended; or an administrator has closed the connection.
  const bool known = (status == 204 && !cursor_.empty()) || (status == 403 && code == "kicked") ||
                     (status == 400 && code == "no_history") ||
                     (status == 503 && (code == "try_again" || code == "channels_full")) ||
                     (status == 503 && code == "draining" && world_.draining());
  if (!known) violated("http", name_ + " is answered " + std::to_string(status) + ' ' + body_);
}

std::vector<uint64_t> PollClient::positions(std::string_view cursor) const {
  const std::vector<std::string_view> names(channels_.begin(), channels_.end());
  const auto parsed = codec::parse_cursor(cursor, names, user_);
  if (!parsed || parsed->match != codec::Cursor::Match::matched) {
    violated("cursor", "of the server: " + std::string(cursor));
  }
  return parsed->positions;
}

void PollClient::take(std::string_view json) {
  const size_t gaps_at = json.rfind("\"gaps\":[");
  const size_t cursor_at = json.rfind("],\"cursor\":", gaps_at);
  if (gaps_at == std::string_view::npos || cursor_at == std::string_view::npos) violated("poll", std::string(json));
  const std::string cursor(json_text(json.substr(cursor_at), "cursor"));
  const std::vector<uint64_t> after = positions(cursor);
  std::multimap<std::string, uint64_t> gaps;
  for_each_object(json.substr(gaps_at), [&](std::string_view gap) {
    gaps.emplace(json_text(gap, "room"), json_number(gap, "oldest").value_or(0));
  });
  const auto gap_at = [&](const std::string& room, uint64_t oldest) {
    const auto [first, last] = gaps.equal_range(room);
    return std::any_of(first, last, [&](const auto& gap) { return gap.second == oldest; });
  };

  std::map<std::string, uint64_t> reached;
  if (!cursor_.empty()) {
    const std::vector<uint64_t> before = positions(cursor_);
    for (size_t i = 0; i < channels_.size(); ++i) reached[channels_[i]] = before[i];
  }
  for_each_object(json.substr(0, cursor_at), [&](std::string_view event) {
    const std::string room(json_text(event, "room"));
    const std::string_view type = json_text(event, "event_type");
    if (std::find(channels_.begin(), channels_.end(), room) == channels_.end()) {
      violated("stray", name_ + " gets " + std::string(event));
    }
    const auto id = json_number(event, "id");
    if (!id) return;
    std::string token(json_text(event, "content"));
    if (type == "binary") {
      token.clear();
      if (!codec::base64_decode(json_text(event, "data"), token)) violated("content", std::string(event));
    }
    note("gets " + room + ' ' + std::to_string(*id));
    world_.ledger.saw(key(room), *id, token);
    const auto known = reached.find(room);
    if (known != reached.end() && *id != known->second + 1 && !gap_at(room, *id)) {
      violated("sequence", name_ + ' ' + room + ' ' + std::to_string(*id) + " came after " +
                               std::to_string(known->second) + " without a gap");
    }
    reached[room] = *id;
  });
  for (size_t i = 0; i < channels_.size(); ++i) {
    const auto known = reached.find(channels_[i]);
    if (known == reached.end() || known->second == after[i]) continue;
    // A gap alone moves a cursor to what comes next.
    if (gaps.count(channels_[i]) == 0 || after[i] < known->second) {
      violated("cursor", name_ + ' ' + channels_[i] + " is at " + std::to_string(known->second) + ", its cursor at " +
                             std::to_string(after[i]));
    }
  }
  cursor_ = cursor;
  drained_ = world_.telling();
}

void PollClient::check_at_rest() const {
  if (pipe_ == nullptr || !waiting_) return;
  if (cursor_.empty()) violated("stuck", name_ + " waits for a cursor");
  check_caught_up();
}

// An answer brings what there is at that moment; what came a moment later, the next poll would have asked for.
void PollClient::check_drained(bool rested) const {
  if (rested && drained_ && !cursor_.empty()) check_caught_up();
}

void PollClient::check_caught_up() const {
  const std::vector<uint64_t> at = positions(cursor_);
  for (size_t i = 0; i < channels_.size(); ++i) {
    const uint64_t highest = world_.ledger.highest(key(channels_[i]));
    if (at[i] < highest) {
      violated("delivery", name_ + ' ' + channels_[i] + " stands at " + std::to_string(at[i]) + ", and " +
                               std::to_string(highest) + " was acknowledged or seen by others");
    }
  }
}

void PollClient::count_in(Presences& present) const {
  if (pipe_ == nullptr || !waiting_) return;
  for (const std::string& channel : channels_) {
    if (is_room(channel)) ++present[key(channel)][user_];
  }
}

}  // namespace ringcast::simulation
