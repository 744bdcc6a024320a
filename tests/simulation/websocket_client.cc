// SPDX-License-Identifier: Apache-2.0
#include "websocket_client.h"

#include <iterator>
#include <vector>

#include "codec/websocket/websocket_frame.h"
#include "codec/websocket/websocket_handshake.h"

namespace ringcast::simulation {

namespace {

constexpr codec::MaskKey kMask{0x5a, 0xa5, 0x0f, 0xf0};
constexpr std::string_view kNonce = "AAECAwQFBgcICQoLDA0ODw==";

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

WebSocketClient::WebSocketClient(World& world, std::string name, std::string tenant, std::string user)
    : SimClient(world, std::move(name)), tenant_(std::move(tenant)), user_(std::move(user)) {}

void WebSocketClient::on_connected() {
  stage_ = Stage::handshake;
  response_ = std::make_unique<codec::HttpResponseParser>();
  receiver_.emplace(world_.ledger, tenant_);
  joining_.clear();
  awaited_.clear();
  heard_.clear();
  deaf_.clear();
  notified_ = drained_ = false;
  parted_.reset();
  pair_.reset();
  publisher_ = ++world_.publishers;
  sequence_ = 0;
  std::string target = "/ws?tenant=" + tenant_ + "&user=" + user_;
  std::string rooms, since;
  for (uint32_t i = 0; i < world_.rooms; ++i) {
    const std::string room = 'r' + std::to_string(i);
    if (!random().percent(50)) continue;
    rooms += rooms.empty() ? "&rooms=" + room : ',' + room;
    joining_[room] = {.cursor = std::nullopt, .at_opening = true};
  }
  if (random().percent(80)) {
    for (const auto& [room, position] : cursors_) {
      const auto found = joining_.find(room);
      if (is_room(room) && found == joining_.end()) continue;
      since += (since.empty() ? "&since=" : ",") + room + "%3D" + std::to_string(position);
      joining_[room] = {.cursor = position, .at_opening = true};
    }
  }
  target += rooms + since;
  note("connects " + target);
  const bool deflate = world_.deflate && random().percent(60);
  std::string request;
  codec::append_websocket_request(
      request, {.host = "sim", .target = target, .extensions = deflate ? codec::kDeflateOffer : std::string_view()},
      kNonce);
  send(request);
}

void WebSocketClient::on_bytes(std::span<uint8_t> bytes) {
  if (stage_ != Stage::handshake) return frames(bytes);
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    const auto event = response_->next(input, data);
    if (event == codec::HttpResponseEvent::need_more) return;
    if (event == codec::HttpResponseEvent::error) violated("http", response_->error().message);
    if (event != codec::HttpResponseEvent::headers_complete) continue;
    if (world_.draining() && response_->response().status == 503) {
      note("is refused");
      stage_ = Stage::closing;
      return cut(false);
    }
    codec::WebSocketAnswer answer;
    codec::HttpError error;
    if (!codec::check_websocket_response(response_->response(), kNonce, true, answer, error)) {
      violated("handshake", std::to_string(response_->response().status) + " " + error.message);
    }
    decoder_.emplace(codec::WebSocketDecoder::Options{
        .role = codec::WebSocketRole::client, .deflate = answer.deflate, .message_max = 1 << 20});
    stage_ = Stage::opening;
    return frames(bytes.subspan(bytes.size() - input.size()));
  }
}

void WebSocketClient::frames(std::span<uint8_t> bytes) {
  for (;;) {
    const codec::WebSocketEvent event = decoder_->next(bytes);
    const bool paired = pair_.has_value();
    switch (event.kind) {
      case codec::WebSocketEventKind::need_more: return;
      case codec::WebSocketEventKind::text:
        if (paired) violated("pair", "a text between a binary event and its frame");
        text(as_text(event.payload));
        break;
      case codec::WebSocketEventKind::binary: {
        if (!paired) violated("pair", "a binary frame without its event");
        const auto [room, id] = *pair_;
        pair_.reset();
        receiver_->message(room, id, as_text(event.payload));
        break;
      }
      case codec::WebSocketEventKind::ping:
        if (paired) violated("pair", "a ping between a binary event and its frame");
        if (stage_ != Stage::closing) {
          std::string pong;
          codec::append_masked_frame(pong, {.opcode = codec::WebSocketOpcode::pong}, as_text(event.payload), kMask);
          send(pong);
        }
        break;
      case codec::WebSocketEventKind::pong: break;
      case codec::WebSocketEventKind::close: {
        note("is closed with " + std::to_string(event.code));
        if (event.code == 1002 || event.code == 1007 || event.code == 1009) violated("protocol", name_);
        // The answer to its own close frame comes behind all that it was owed, unless that took too long.
        const bool in_time = parted_ && world_.passed - *parted_ < World::kCloseTimeout;
        if (in_time && event.code == 1000 && !awaited_.empty()) {
          violated("owed", name_ + " is let go without ref " + std::to_string(awaited_.begin()->first));
        }
        if (stage_ != Stage::closing) {
          std::string close;
          codec::append_close_frame(close, event.code, {}, &kMask);
          send(close);
        }
        drained_ = notified_ && event.code == 1001 && stage_ == Stage::open;
        stage_ = Stage::closing;
        return;
      }
      case codec::WebSocketEventKind::error: violated("protocol", std::string(event.text));
    }
    if (pipe_ == nullptr) return;
  }
}

void WebSocketClient::text(std::string_view json) {
  const std::string_view type = json_text(json, "event_type");
  if (stage_ == Stage::opening) {
    if (type != "connection_id") violated("opening", std::string(json));
    return opened(json);
  }
  const std::string_view room = json_text(json, "room");
  if (type == "joined") return joined(json);
  if (type == "ack") return acknowledged(json);
  if (type == "error") return refused(json);
  if (type == "member_joined" || type == "member_left") return presence(json, type == "member_joined");
  if (type == "gap" || type == "lagged") {
    note(json);
    if (type == "lagged") deaf_.emplace(room);
    return type == "gap" ? receiver_->gap(json) : receiver_->lagged(json);
  }
  if (type == "left") {
    const std::optional<uint64_t> position = receiver_->position(room);
    receiver_->end(room);
    if (position) cursors_[std::string(room)] = *position;
    note("left " + std::string(room) + ' ' + std::string(json_text(json, "reason")));
    return;
  }
  if (type == "binary") {
    pair_.emplace(std::string(room), json_number(json, "id").value_or(0));
    return;
  }
  if (type == "members" && expected_ != nullptr) {
    compare_members(json);
    expected_ = nullptr;
  }
  if (type == "reconnect") notified_ = true;
  if (type == "pong" || type == "history" || type == "members" || type == "reconnect") {
    if (const auto ref = json_number(json, "ref")) awaited_.erase(*ref);
    return;
  }
  const std::optional<uint64_t> id = json_number(json, "id");
  if (!id) return receiver_->ephemeral(room);  // typing, presence
  note("gets " + std::string(room) + ' ' + std::to_string(*id));
  receiver_->message(room, *id, json_text(json, "content"));
}

void WebSocketClient::opened(std::string_view json) {
  stage_ = Stage::open;
  connection_name_ = json_text(json, "connection_id");
  note("opens as " + connection_name_);
  for (const std::string& channel : {std::string("*"), '@' + user_}) {
    const auto position = json_number(json, channel);
    if (!position) violated("opening", "no position of " + channel);
    const auto found = joining_.find(channel);
    receiver_->begin(channel, *position, found == joining_.end() ? std::nullopt : found->second.cursor);
    joining_.erase(channel);
  }
}

void WebSocketClient::joined(std::string_view json) {
  const std::string room(json_text(json, "room"));
  const auto found = joining_.find(room);
  if (found == joining_.end()) violated("joined", "not asked for: " + std::string(json));
  const Joining joining = found->second;
  joining_.erase(found);
  const uint64_t id = json_number(json, "id").value_or(0);
  const bool recovered = json_flag(json, "recovered");
  note("joined " + room + " at " + std::to_string(id) + (recovered ? "" : " with a gap"));
  if (recovered && joining.cursor && *joining.cursor != id)
    violated("joined", "not at its cursor: " + std::string(json));
  if (!recovered && !joining.cursor) violated("joined", "a gap without a cursor");
  receiver_->begin(room, id, recovered ? std::nullopt : std::optional(id + 1));
  heard_[room].clear();
  deaf_.erase(room);
}

void WebSocketClient::acknowledged(std::string_view json) {
  const auto ref = json_number(json, "ref");
  const auto found = ref ? awaited_.find(*ref) : awaited_.end();
  if (found == awaited_.end()) violated("ack", "not asked for: " + std::string(json));
  const Awaited awaited = found->second;
  awaited_.erase(found);
  const auto id = json_number(json, "id");
  if (awaited.excluded) receiver_->excluded_answered(awaited.room, id);
  if (!awaited.key.empty()) {
    if (json_text(json, "idempotency_key") != awaited.key) violated("ack", "without its key: " + std::string(json));
    if (random().percent(70)) retries_.erase(awaited.key);
  }
  if (id) world_.ledger.saw(receiver_->key(awaited.room), *id, awaited.content);
  if (!id && !awaited.ephemeral) violated("ack", "without an id: " + std::string(json));
}

void WebSocketClient::refused(std::string_view json) {
  const std::string_view code = json_text(json, "code");
  note("is refused: " + std::string(code));
  if (code != "not_joined" && code != "already_joined" && code != "channels_full" && code != "no_room" &&
      (code != "draining" || !world_.draining())) {
    violated("refused", std::string(json));
  }
  const auto ref = json_number(json, "ref");
  if (!ref) return;
  const auto found = awaited_.find(*ref);
  if (found == awaited_.end()) return;
  if (found->second.excluded) receiver_->excluded_answered(found->second.room, std::nullopt);
  // What is sent again may have been published before.
  if (found->second.key.empty() && !found->second.content.empty()) world_.ledger.refused(found->second.content);
  awaited_.erase(found);
}

void WebSocketClient::keep_cursors() {
  if (!receiver_) return;
  for (const std::string& room : receiver_->rooms()) cursors_[room] = *receiver_->position(room);
}

void WebSocketClient::on_end() {
  keep_cursors();
  stage_ = Stage::idle;
}

void WebSocketClient::frame(std::string_view payload, bool binary) {
  std::string bytes;
  codec::append_masked_frame(bytes, {.opcode = binary ? codec::WebSocketOpcode::binary : codec::WebSocketOpcode::text},
                             payload, kMask);
  send(bytes);
}

std::string WebSocketClient::some_room() {
  return 'r' + std::to_string(random().below(world_.rooms));
}

void WebSocketClient::do_something() {
  if (stage_ == Stage::closing) return;
  if (stage_ != Stage::open) {
    if (random().percent(3)) cut(random().percent(50));
    return;
  }
  const uint64_t choice = random().below(100);
  if (choice < 7) return publish_once();
  if (choice < 45) {
    const uint64_t burst = random().percent(30) ? random().between(2, 12) : 1;
    for (uint64_t i = 0; i < burst; ++i) publish();
    return;
  }
  if (choice < 52) return publish_binary();
  if (choice < 58) return direct();
  if (choice < 70) return join();
  if (choice < 77) {
    const std::string room = some_room();
    // Not while its join is under way: what the answer then belongs to would be anybody's guess.
    if (joining_.count(room) == 0) {
      note("leaves " + room);
      frame("{\"action\":\"leave\",\"room\":\"" + room + "\"}");
    }
    return;
  }
  if (choice < 81) {
    const std::string room = some_room();
    return frame("{\"action\":\"typing\",\"room\":\"" + room + "\"}");
  }
  if (choice < 83) {
    static constexpr const char* kStatus[] = {"online", "away", "busy"};
    return frame(std::string(R"({"action":"status","status":")") + kStatus[random().below(3)] + "\"}");
  }
  if (choice < 86) {
    const std::string ref = std::to_string(++ref_);
    awaited_[ref_] = {.ephemeral = true};
    const char* action = random().percent(50) ? "history" : "members";
    return frame(std::string("{\"action\":\"") + action + "\",\"room\":\"" + some_room() + "\",\"ref\":" + ref + "}");
  }
  if (choice < 90) {
    note("stops reading");
    return set_reading(false);
  }
  if (choice < 96) return set_reading(true);
  if (choice < 97) return say_goodbye();
  cut(random().percent(50));
}

void WebSocketClient::join() {
  const std::string room = some_room();
  if (joining_.count(room) != 0 || receiver_->has(room)) return;
  Joining joining;
  std::string json = "{\"action\":\"join\",\"room\":\"" + room + "\"";
  const auto known = cursors_.find(room);
  if (known != cursors_.end() && random().percent(80)) {
    uint64_t cursor = known->second;
    if (random().percent(20)) cursor -= std::min<uint64_t>(cursor, random().below(12));
    if (random().percent(5)) cursor += random().below(1000);
    joining.cursor = cursor;
    json += ",\"last_id\":" + std::to_string(cursor);
  }
  joining_[room] = joining;
  note("joins " + room + (joining.cursor ? " after " + std::to_string(*joining.cursor) : ""));
  frame(json + "}");
}

void WebSocketClient::publish() {
  const bool everybody = random().percent(5);
  const std::string room = everybody ? "*" : some_room();
  const std::string text = content(receiver_->key(room), publisher_, ++sequence_);
  std::string json = "{\"action\":\"message\",\"room\":\"" + room + "\",\"content\":\"" + text + "\"";
  const bool excluded = random().percent(15);
  if (excluded) json += ",\"echo\":false";
  if (excluded || random().percent(80)) {
    awaited_[++ref_] = {.room = room, .content = text, .excluded = excluded};
    json += ",\"ref\":" + std::to_string(ref_);
    if (excluded) receiver_->excluded_published(room);
  }
  note("publishes " + room + ' ' + std::to_string(sequence_) + (excluded ? " to the others" : ""));
  frame(json + "}");
}

// A message that is sent again until it is acknowledged, and now and then after that, is published once. Its token has
// a publisher of its own, since bytes of a connection that was cut may still arrive after the next one's.
void WebSocketClient::publish_once() {
  auto found = retries_.begin();
  if (found == retries_.end() || random().percent(40)) {
    const std::string room = random().percent(10) ? "*" : some_room();
    const uint64_t publisher = ++world_.publishers;
    found = retries_.emplace("k" + std::to_string(publisher), Retry{room, content(receiver_->key(room), publisher, 1)})
                .first;
  } else {
    std::advance(found, static_cast<std::ptrdiff_t>(random().below(retries_.size())));
  }
  const auto& [key, retry] = *found;
  const uint64_t times = random().percent(20) ? 2 : 1;
  for (uint64_t i = 0; i < times; ++i) {
    awaited_[++ref_] = {.room = retry.room, .content = retry.content, .key = key};
    note("publishes once " + retry.content);
    frame("{\"action\":\"message\",\"room\":\"" + retry.room + "\",\"content\":\"" + retry.content +
          "\",\"idempotency_key\":\"" + key + "\",\"ref\":" + std::to_string(ref_) + "}");
  }
}

void WebSocketClient::publish_binary() {
  const std::string room = some_room();
  frame("{\"action\":\"binary\",\"room\":\"" + room + "\"}");
  note("publishes bytes to " + room);
  frame(content(receiver_->key(room), publisher_, ++sequence_), true);
}

void WebSocketClient::direct() {
  const std::string to = 'u' + std::to_string(random().below(world_.users));
  const std::string room = '@' + to;
  const std::string text = content(receiver_->key(room), publisher_, ++sequence_);
  awaited_[++ref_] = {.room = room, .content = text};
  note("writes to " + to);
  frame("{\"action\":\"direct\",\"to\":\"" + to + "\",\"content\":\"" + text + "\",\"ref\":" + std::to_string(ref_) +
        "}");
}

void WebSocketClient::say_goodbye() {
  if (stage_ != Stage::open) return cut(false);
  note("says goodbye");
  std::string close;
  codec::append_close_frame(close, 1000, {}, &kMask);
  send(close);
  stage_ = Stage::closing;
  reading_ = true;
  parted_ = world_.passed;
  // Some end their side at once, behind whatever is under way, and read on.
  if (ref_ % 2 == 0) pipe_->client_fin = true;
}

// Coming and going alternate, as long as no event can have been lost on the way.
void WebSocketClient::presence(std::string_view json, bool joined) {
  const std::string_view room = json_text(json, "room");
  const std::string user(json_text(json, "user"));
  receiver_->ephemeral(room);
  note(json);
  if (user == user_) violated("presence", name_ + " hears of itself: " + std::string(json));
  if (joined && json_number(json, "members").value_or(0) < 2) violated("presence", std::string(json));
  auto& heard = heard_[std::string(room)];
  const auto known = heard.find(user);
  const bool reliable = deaf_.count(room) == 0 && world_.tells_presence(room);
  if (reliable && known != heard.end() && known->second == joined) violated("presence", "twice: " + std::string(json));
  heard[user] = joined;
}

bool WebSocketClient::ask_members(const std::string& room, const Presences& present) {
  if (pipe_ == nullptr || stage_ != Stage::open || !receiver_->has(room)) return false;
  expected_ = &present;
  awaited_[++ref_] = {.ephemeral = true};
  frame("{\"action\":\"members\",\"room\":\"" + room + "\",\"ref\":" + std::to_string(ref_) + "}");
  return true;
}

void WebSocketClient::compare_members(std::string_view json) {
  const std::string room(json_text(json, "room"));
  if (!world_.has_presence(room)) return;
  const auto found = expected_->find(receiver_->key(room));
  const std::map<std::string, uint32_t> none;
  const std::map<std::string, uint32_t>& due = found == expected_->end() ? none : found->second;
  std::map<std::string, uint32_t> shown;
  uint64_t connections = 0;
  const auto fail = [&](const std::string& why) { violated("presence", why + ": " + std::string(json)); };
  for_each_object(json, [&](std::string_view member) {
    const std::string user(json_text(member, "user"));
    const auto count = static_cast<uint32_t>(json_number(member, "connections").value_or(0));
    if (!shown.emplace(user, count).second) fail(user + " twice");
    connections += count;
    // Without connections one is shown for a time of grace.
    const std::string status(json_text(member, "status"));
    if (count != 0 && world_.statuses.emplace(receiver_->key(user), status).first->second != status) {
      fail(user + " is " + world_.statuses[receiver_->key(user)] + " elsewhere");
    }
    const auto known = due.find(user);
    if (count != (known == due.end() ? 0 : known->second)) fail(user);
  });
  for (const auto& [user, count] : due) {
    if (shown.count(user) == 0) fail(user + " is missing");
  }
  if (connections != json_number(json, "count")) fail("count");
  if (deaf_.count(room) != 0 || !world_.tells_presence(room)) return;
  for (const auto& [user, here] : heard_[room]) {
    if (here != (shown.count(user) != 0)) fail(name_ + " was notified that " + user + (here ? " came" : " went"));
  }
}

void WebSocketClient::count_in(Presences& present) const {
  if (pipe_ == nullptr || stage_ != Stage::open) return;
  for (const std::string& room : receiver_->rooms()) {
    if (is_room(room)) ++present[receiver_->key(room)][user_];
  }
}

void WebSocketClient::check_drained(bool) const {
  if (!drained_) return;
  receiver_->check_caught_up();
}

void WebSocketClient::check_at_rest() const {
  if (pipe_ == nullptr || stage_ == Stage::closing) return;
  if (stage_ != Stage::open) violated("stuck", name_ + " is not let in");
  if (!awaited_.empty()) violated("stuck", name_ + " waits for ref " + std::to_string(awaited_.begin()->first));
  if (!joining_.empty()) violated("stuck", name_ + " waits to join " + joining_.begin()->first);
  receiver_->check_caught_up();
}

}  // namespace ringcast::simulation
