// SPDX-License-Identifier: Apache-2.0
#include "sse_client.h"

#include <algorithm>

#include "codec/native/cursor.h"

namespace ringcast::simulation {

SseClient::SseClient(World& world, std::string name, std::string tenant, std::string user)
    : SimClient(world, std::move(name)), tenant_(std::move(tenant)), user_(std::move(user)) {
  for (uint32_t i = 0; i < world_.rooms; ++i) {
    if (random().percent(60)) channels_.push_back('r' + std::to_string(i));
  }
  if (random().percent(30)) channels_.emplace_back("*");
  if (random().percent(30)) channels_.push_back('@' + user_);
  if (channels_.empty()) channels_.emplace_back("r0");
  std::sort(channels_.begin(), channels_.end());
}

void SseClient::on_connected() {
  response_ = std::make_unique<codec::HttpResponseParser>();
  receiver_.emplace(world_.ledger, tenant_);
  parser_.reconnect();
  opened_ = ended_ = told_ = drained_ = false;
  std::string request = "GET /events?tenant=" + tenant_ + "&user=" + user_ + "&rooms=";
  for (size_t i = 0; i < channels_.size(); ++i) request += (i == 0 ? "" : ",") + channels_[i];
  note("asks for " + request + " after " + last_event_id_);
  request += random().percent(80) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  request += "Host: sim\r\nAccept: text/event-stream\r\n";
  if (!last_event_id_.empty()) request += "Last-Event-ID: " + last_event_id_ + "\r\n";
  send(request + "\r\n");
}

void SseClient::on_bytes(std::span<uint8_t> bytes) {
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    switch (response_->next(input, data)) {
      case codec::HttpResponseEvent::need_more: return;
      case codec::HttpResponseEvent::error: violated("http", response_->error().message);
      case codec::HttpResponseEvent::headers_complete:
        if (response_->response().status == 204) {
          // Every room has come to its end, so EventSource stops; here it begins anew from the newest.
          note("is told that there is nothing more");
          last_event_id_.clear();
          ended_ = true;
          return cut(false);
        }
        if (response_->response().status == 503 && world_.draining()) {
          note("is refused");
        } else if (response_->response().status != 200) {
          violated("http", name_ + " is answered " + std::to_string(response_->response().status));
        }
        break;
      case codec::HttpResponseEvent::body: {
        std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
        while (parser_.next(text) == codec::SseParser::Status::event) event(parser_.event());
        break;
      }
      case codec::HttpResponseEvent::complete:
        ended_ = true;
        drained_ = told_;
        return;
    }
    if (pipe_ == nullptr) return;
  }
}

std::vector<uint64_t> SseClient::positions(std::string_view cursor) const {
  const std::vector<std::string_view> names(channels_.begin(), channels_.end());
  const auto parsed = codec::parse_cursor(cursor, names, user_);
  if (!parsed || parsed->match != codec::Cursor::Match::matched)
    violated("cursor", "of the server: " + std::string(cursor));
  return parsed->positions;
}

void SseClient::opened(std::string_view json) {
  opened_ = true;
  const std::vector<uint64_t> begin = positions(json_text(json, "cursor"));
  std::vector<uint64_t> given;
  if (!last_event_id_.empty()) given = positions(last_event_id_);
  note("opens at " + std::string(json_text(json, "cursor")));
  for (size_t i = 0; i < channels_.size(); ++i) {
    receiver_->begin(channels_[i], begin[i], given.empty() ? std::nullopt : std::optional(given[i]));
  }
}

void SseClient::check_cursor(std::string_view room, uint64_t id, std::string_view cursor) const {
  const std::vector<uint64_t> now = positions(cursor);
  for (size_t i = 0; i < channels_.size(); ++i) {
    const auto position = receiver_->position(channels_[i]);
    // Behind what came it may be (after a gap), never ahead of it: that would lose messages.
    const bool right = channels_[i] == room ? now[i] == id : !position || now[i] <= *position;
    if (!right) violated("cursor", name_ + " is given " + std::string(cursor) + " with " + std::to_string(id));
  }
}

void SseClient::event(const codec::SseEvent& event) {
  const std::string_view json = event.data;
  // Of one who is too slow from the first moment on, what it has not taken is discarded.
  const bool thrown_out = event.type == "problem" || event.type == "close";
  if (!opened_ && !thrown_out) {
    if (event.type != "connection_id") violated("opening", std::string(event.type) + ' ' + std::string(json));
    opened(json);
    last_event_id_ = event.last_event_id;
    return;
  }
  const std::string before = last_event_id_;
  last_event_id_ = event.last_event_id;
  if (event.type == "gap" || event.type == "lagged") {
    note(json);
    return event.type == "gap" ? receiver_->gap(json) : receiver_->lagged(json);
  }
  if (event.type == "problem" || event.type == "close" || event.type == "heartbeat" || event.type == "reconnect") {
    note(std::string(event.type) + ' ' + std::string(json));
    if (event.type == "reconnect") told_ = true;
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

void SseClient::check_drained(bool) const {
  if (drained_) receiver_->check_caught_up();
}

void SseClient::count_in(Presences& present) const {
  if (pipe_ == nullptr || ended_ || !opened_) return;
  for (const std::string& room : receiver_->rooms()) {
    if (is_room(room)) ++present[receiver_->key(room)][user_];
  }
}

void SseClient::do_something() {
  const uint64_t choice = random().below(100);
  if (choice < 12) {
    note("stops reading");
    return set_reading(false);
  }
  if (choice < 60) return set_reading(true);
  if (choice < 75) cut(random().percent(50));
}

void SseClient::check_at_rest() const {
  if (pipe_ == nullptr || ended_) return;
  if (!opened_) violated("stuck", name_ + " is not answered");
  receiver_->check_caught_up();
}

}  // namespace ringcast::simulation
