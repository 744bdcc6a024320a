// SPDX-License-Identifier: Apache-2.0
#include "event_stream.h"

#include <algorithm>
#include <utility>

#include "codec/native/cursor.h"

namespace ringcast::simulation {

EventStream::EventStream(World& world, std::string name, std::string tenant, std::string user)
    : world_(world), name_(std::move(name)), tenant_(std::move(tenant)), user_(std::move(user)) {
  for (uint32_t i = 0; i < world_.rooms; ++i) {
    if (world_.random.percent(60)) channels_.push_back('r' + std::to_string(i));
  }
  if (world_.random.percent(30)) channels_.emplace_back("*");
  if (world_.random.percent(30)) channels_.push_back('@' + user_);
  if (channels_.empty()) channels_.emplace_back("r0");
  std::sort(channels_.begin(), channels_.end());
}

std::string EventStream::ask() {
  receiver_.emplace(world_.ledger, tenant_);
  parser_.reconnect();
  state_ = State::asked;
  parted_ = drained_ = false;
  std::string target = "/events?tenant=" + tenant_ + "&user=" + user_ + "&rooms=";
  for (size_t i = 0; i < channels_.size(); ++i) target += (i == 0 ? "" : ",") + channels_[i];
  note("asks for GET " + target + " after " + last_event_id_);
  return target;
}

void EventStream::answered(int status) {
  if (status == 200) return;
  if (status == 204) {
    // Every room has come to its end, so EventSource stops; here it begins anew from the newest.
    note("hears that there is nothing more");
    last_event_id_.clear();
    state_ = State::ended;
  } else if (status == 503 && world_.draining()) {
    note("is refused");
    state_ = State::ended;
  } else {
    violated("http", name_ + " is answered " + std::to_string(status));
  }
}

void EventStream::take(std::string_view body) {
  if (state_ == State::ended) return;
  while (parser_.next(body) == codec::SseParser::Status::event) event(parser_.event());
}

void EventStream::completed() {
  state_ = State::ended;
  drained_ = parted_;
}

std::vector<uint64_t> EventStream::positions(std::string_view cursor) const {
  const std::vector<std::string_view> names(channels_.begin(), channels_.end());
  const auto parsed = codec::parse_cursor(cursor, names, user_);
  if (!parsed || parsed->match != codec::Cursor::Match::matched)
    violated("cursor", "of the server: " + std::string(cursor));
  return parsed->positions;
}

void EventStream::opened(std::string_view json) {
  state_ = State::open;
  const std::vector<uint64_t> begin = positions(json_text(json, "cursor"));
  std::vector<uint64_t> given;
  if (!last_event_id_.empty()) given = positions(last_event_id_);
  note("opens at " + std::string(json_text(json, "cursor")));
  for (size_t i = 0; i < channels_.size(); ++i) {
    receiver_->begin(channels_[i], begin[i], given.empty() ? std::nullopt : std::optional(given[i]));
  }
}

void EventStream::check_cursor(std::string_view room, uint64_t id, std::string_view cursor) const {
  const std::vector<uint64_t> now = positions(cursor);
  for (size_t i = 0; i < channels_.size(); ++i) {
    const auto position = receiver_->position(channels_[i]);
    // Behind what came it may be (after a gap), never ahead of it: that would lose messages.
    const bool right = channels_[i] == room ? now[i] == id : !position || now[i] <= *position;
    if (!right) violated("cursor", name_ + " is given " + std::string(cursor) + " with " + std::to_string(id));
  }
}

void EventStream::event(const codec::SseEvent& event) {
  const std::string_view json = event.data;
  // Of one who is too slow from the first moment on, what it has not taken is discarded.
  const bool thrown_out = event.type == "problem" || event.type == "close";
  if (state_ != State::open && !thrown_out) {
    if (event.type != "connection_id") violated("opening", std::string(event.type) + ' ' + std::string(json));
    opened(json);
    last_event_id_ = event.last_event_id;
    return;
  }
  last_event_id_ = event.last_event_id;
  if (event.type == "gap" || event.type == "lagged") {
    note(json);
    return event.type == "gap" ? receiver_->gap(json) : receiver_->lagged(json);
  }
  if (event.type == "problem" || event.type == "close" || event.type == "heartbeat" || event.type == "reconnect") {
    note(std::string(event.type) + ' ' + std::string(json));
    if (event.type == "reconnect") parted_ = true;
    return;
  }
  const std::string_view room = json_text(json, "room");
  if (event.type == "left") {
    note("left " + std::string(room) + ' ' + std::string(json_text(json, "reason")));
    return receiver_->end(room);
  }
  const std::optional<uint64_t> id = json_number(json, "id");
  if (!id) return receiver_->ephemeral(room);
  note("gets " + std::string(room) + ' ' + std::to_string(*id));
  if (event.type == "binary") {
    receiver_->message_of_bytes(room, *id, json_text(json, "data"));
  } else {
    receiver_->message(room, *id, json_text(json, "content"));
  }
  check_cursor(room, *id, last_event_id_);
}

void EventStream::check_at_rest() const {
  if (!under_way()) return;
  if (state_ != State::open) violated("stuck", name_ + " is not answered");
  receiver_->check_caught_up();
}

void EventStream::check_drained() const {
  if (drained_) receiver_->check_caught_up();
}

void EventStream::count_in(Presences& present) const {
  if (state_ != State::open) return;
  for (const std::string& room : receiver_->rooms()) {
    if (is_room(room)) ++present[receiver_->key(room)][user_];
  }
}

}  // namespace ringcast::simulation
