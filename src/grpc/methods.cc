// SPDX-License-Identifier: Apache-2.0
#include "grpc/methods.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <health.pb.h>
#include <push.pb.h>
#include <ringcast.pb.h>
#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#endif

#include <algorithm>
#include <iterator>

#include "codec/http1/url.h"
#include "codec/json/compact_json.h"
#include "codec/json/json_writer.h"
#include "grpc/answers.h"

namespace ringcast::grpc {
namespace {

using codec::JsonWriter;

#if __has_include(<google/protobuf/stubs/logging.h>)
// It would write a line to stderr for each text of a client that is not UTF-8.
[[maybe_unused]] const auto kSaidBefore = google::protobuf::SetLogHandler(nullptr);
#endif

// The server that reads the body has its own limits; these only bound the recursion.
constexpr codec::JsonLimits kWide{1024, UINT32_MAX, UINT32_MAX};

template <class Message>
[[nodiscard]] Result<void> parse(Message& message, std::string_view bytes) {
  if (bytes.size() <= INT32_MAX && message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return fail("bad_message", "the request is no message of this call, or a text in it is not UTF-8");
}

tl::unexpected<Error> missing(std::string_view field) {
  return fail("missing_field", "the request must say \"" + std::string(field) + "\"");
}

// Path and query, piece by piece.
class Target {
 public:
  Target& path(std::string_view literal) {
    text_ += literal;
    return *this;
  }
  Target& name(std::string_view data) {
    codec::append_percent_encoded(text_, data);
    return *this;
  }
  Target& parameter(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ += separator_;
    separator_ = '&';
    text_.append(key) += '=';
    return name(value);
  }
  Target& parameter(std::string_view key, uint64_t value) {
    return value == 0 ? *this : parameter(key, std::to_string(value));
  }
  RestRequest request() { return {std::move(text_), {}}; }

 private:
  std::string text_;
  char separator_ = '?';
};

// --- publishing ---

template <class Names>
void write_names(JsonWriter& writer, std::string_view key, const Names& names) {
  writer.key(key).begin_array();
  for (const std::string& name : names) writer.string(name);
  writer.end_array();
}

[[nodiscard]] Result<void> write_publish(std::string& out, JsonWriter& writer, const v1::PublishRequest& request) {
  writer.begin_object();
  switch (request.target_case()) {
    case v1::PublishRequest::kRoom: writer.string("room", request.room()); break;
    case v1::PublishRequest::kRooms: write_names(writer, "rooms", request.rooms().names()); break;
    case v1::PublishRequest::kTo: writer.string("to", request.to()); break;
    case v1::PublishRequest::kUsers: write_names(writer, "users", request.users().names()); break;
    case v1::PublishRequest::kToConnection: writer.string("to_connection", request.to_connection()); break;
    case v1::PublishRequest::kBroadcast: writer.boolean("broadcast", request.broadcast()); break;
    default: break;
  }
  if (request.payload_case() == v1::PublishRequest::kContent) {
    writer.string("content", request.content());
  } else if (request.payload_case() == v1::PublishRequest::kData) {
    // Checked here: it becomes part of a body, and may not end its member.
    writer.key("data").raw({});
    if (auto written = codec::append_compact_json(out, request.data(), kWide); !written) {
      return fail(written.error().code, "\"data\": " + written.error().message);
    }
  }
  if (!request.user().empty()) writer.string("user", request.user());
  if (!request.event().empty()) writer.string("event", request.event());
  if (!request.exclude().empty()) writer.string("exclude", request.exclude());
  if (request.final()) writer.boolean("final", true);
  if (!request.idempotency_key().empty()) writer.string("idempotency_key", request.idempotency_key());
  if (request.ack_timeout_ms() != 0) writer.uint("ack_timeout_ms", request.ack_timeout_ms());
  writer.end_object();
  return {};
}

[[nodiscard]] Result<RestRequest> ask_publish(std::string_view bytes) {
  v1::PublishRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  RestRequest request;
  JsonWriter writer(request.body);
  if (auto written = write_publish(request.body, writer, message); !written) return tl::unexpected(written.error());
  return request;
}

// An item may be two bytes here and a hundred once it is parsed: no more of them than batch_items_max may allow.
bool has_too_many_items(std::string_view bytes) {
  using google::protobuf::internal::WireFormatLite;
  constexpr size_t kItemsMax = 100'000;
  constexpr uint32_t kItem =
      WireFormatLite::MakeTag(v1::PublishBatchRequest::kMessagesFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  size_t items = 0;
  while (const uint32_t tag = input.ReadTag()) {
    if (tag == kItem && ++items > kItemsMax) return true;
    if (!WireFormatLite::SkipField(&input, tag)) return false;  // the parser says what is wrong with it
  }
  return false;
}

[[nodiscard]] Result<RestRequest> ask_batch(std::string_view bytes) {
  v1::PublishBatchRequest message;
  if (bytes.size() <= INT32_MAX && has_too_many_items(bytes)) {
    return fail("batch_too_large", "a batch has far fewer messages");
  }
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  RestRequest request;
  JsonWriter writer(request.body);
  writer.begin_array();
  size_t index = 0;
  for (const v1::PublishRequest& item : message.messages()) {
    if (auto written = write_publish(request.body, writer, item); !written) {
      return fail(written.error().code, "item " + std::to_string(index) + ": " + written.error().message);
    }
    ++index;
  }
  writer.end_array();
  return request;
}

// The data is a text to those who publish so, whatever is in it: it leaves as it came.
[[nodiscard]] Result<RestRequest> ask_push(std::string_view bytes) {
  v1::PushToUsersRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  RestRequest request;
  JsonWriter writer(request.body);
  writer.begin_object();
  write_names(writer, "users", message.userids());
  if (!message.event().empty()) writer.string("event", message.event());
  writer.string("data", message.jsondata()).end_object();
  return request;
}

// --- rooms, users, connections, tokens ---

[[nodiscard]] Result<RestRequest> ask_rooms(std::string_view bytes) {
  v1::RoomsRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  return Target().path("/rooms").parameter("limit", message.limit()).parameter("after", message.after()).request();
}

[[nodiscard]] Result<RestRequest> ask_members(std::string_view bytes) {
  v1::MembersRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.room().empty()) return missing("room");
  return Target().path("/rooms/").name(message.room()).path("/members").parameter("limit", message.limit()).request();
}

[[nodiscard]] Result<RestRequest> ask_history(std::string_view bytes) {
  v1::HistoryRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.room().empty()) return missing("room");
  Target target;
  target.path("/rooms/").name(message.room()).path("/history");
  return target.parameter("after", message.after()).parameter("limit", message.limit()).request();
}

template <class Message>
[[nodiscard]] Result<RestRequest> ask_room(std::string_view bytes, std::string_view behind) {
  Message message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.room().empty()) return missing("room");
  return Target().path("/rooms/").name(message.room()).path(behind).request();
}
[[nodiscard]] Result<RestRequest> ask_purge(std::string_view bytes) {
  return ask_room<v1::PurgeRequest>(bytes, "");
}
[[nodiscard]] Result<RestRequest> ask_close_room(std::string_view bytes) {
  return ask_room<v1::CloseRoomRequest>(bytes, "/close");
}

[[nodiscard]] Result<RestRequest> ask_remove_member(std::string_view bytes) {
  v1::RemoveMemberRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.room().empty()) return missing("room");
  if (message.user().empty()) return missing("user");
  return Target().path("/rooms/").name(message.room()).path("/members/").name(message.user()).request();
}

[[nodiscard]] Result<RestRequest> ask_users(std::string_view bytes) {
  v1::UsersRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  return Target().path("/users").parameter("limit", message.limit()).parameter("after", message.after()).request();
}

template <class Message>
[[nodiscard]] Result<RestRequest> ask_of_user(std::string_view bytes, std::string_view behind) {
  Message message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.user().empty()) return missing("user");
  return Target().path("/users/").name(message.user()).path(behind).request();
}
[[nodiscard]] Result<RestRequest> ask_user(std::string_view bytes) {
  return ask_of_user<v1::UserRequest>(bytes, "");
}
[[nodiscard]] Result<RestRequest> ask_disconnect_user(std::string_view bytes) {
  return ask_of_user<v1::DisconnectUserRequest>(bytes, "/connections");
}
[[nodiscard]] Result<RestRequest> ask_revoke_user(std::string_view bytes) {
  return ask_of_user<v1::RevokeUserRequest>(bytes, "/tokens");
}

[[nodiscard]] Result<RestRequest> ask_connections(std::string_view bytes) {
  v1::ConnectionsRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  Target target;
  target.path("/connections").parameter("user", message.user()).parameter("room", message.room());
  return target.parameter("limit", message.limit()).parameter("after", message.after()).request();
}

[[nodiscard]] Result<RestRequest> ask_disconnect(std::string_view bytes) {
  v1::DisconnectRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.connection_id().empty()) return missing("connection_id");
  return Target().path("/connections/").name(message.connection_id()).request();
}

[[nodiscard]] Result<RestRequest> ask_revoke_token(std::string_view bytes) {
  v1::RevokeTokenRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  if (message.token_id().empty()) return missing("token_id");
  return Target().path("/tokens/").name(message.token_id()).request();
}

[[nodiscard]] Result<RestRequest> ask_stats(std::string_view bytes) {
  v1::StatsRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  return RestRequest{"/stats", {}};
}

// --- health ---

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

[[nodiscard]] Result<RestRequest> ask_health(std::string_view bytes) {
  static constexpr std::string_view kServices[] = {"", "ringcast.v1.Ringcast", "ringcast.v1.SSEService", "SSEService",
                                                   "grpc.health.v1.Health"};
  HealthCheckRequest message;
  if (auto parsed = parse(message, bytes); !parsed) return tl::unexpected(parsed.error());
  const std::string_view service = message.service();
  if (std::find(std::begin(kServices), std::end(kServices), service) == std::end(kServices) &&
      !service.ends_with(".SSEService")) {
    return fail("not_found", "there is no such service here");
  }
  return RestRequest{"/ready", {}};
}

void append_health(std::string& out, HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse message;
  message.set_status(status);
  message.AppendToString(&out);
}
void answer_health(std::string& out, std::string_view) {
  append_health(out, HealthCheckResponse::SERVING);
}
bool answer_unready(std::string& out, uint16_t status) {
  if (status != 503) return false;
  append_health(out, HealthCheckResponse::NOT_SERVING);
  return true;
}

constexpr Method kMethods[] = {
    {"/ringcast.v1.Ringcast/Publish", "POST", true, false, ask_publish, answer_publish},
    {"/ringcast.v1.Ringcast/PublishBatch", "POST", true, false, ask_batch, answer_batch},
    {"/ringcast.v1.Ringcast/Rooms", "GET", false, false, ask_rooms, answer_rooms},
    {"/ringcast.v1.Ringcast/Members", "GET", false, false, ask_members, answer_members},
    {"/ringcast.v1.Ringcast/History", "GET", false, false, ask_history, answer_history},
    {"/ringcast.v1.Ringcast/Purge", "DELETE", false, false, ask_purge, answer_purge},
    {"/ringcast.v1.Ringcast/CloseRoom", "POST", false, false, ask_close_room, answer_close_room},
    {"/ringcast.v1.Ringcast/RemoveMember", "DELETE", false, false, ask_remove_member, answer_remove_member},
    {"/ringcast.v1.Ringcast/Users", "GET", false, false, ask_users, answer_users},
    {"/ringcast.v1.Ringcast/User", "GET", false, false, ask_user, answer_user},
    {"/ringcast.v1.Ringcast/DisconnectUser", "DELETE", false, false, ask_disconnect_user, answer_disconnect_user},
    {"/ringcast.v1.Ringcast/Connections", "GET", false, false, ask_connections, answer_connections},
    {"/ringcast.v1.Ringcast/Disconnect", "DELETE", false, false, ask_disconnect, answer_disconnect},
    {"/ringcast.v1.Ringcast/RevokeUser", "DELETE", false, false, ask_revoke_user, answer_revoke_user},
    {"/ringcast.v1.Ringcast/RevokeToken", "DELETE", false, false, ask_revoke_token, answer_revoke_token},
    {"/ringcast.v1.Ringcast/Stats", "GET", false, false, ask_stats, answer_stats},
    {"/grpc.health.v1.Health/Check", "GET", false, false, ask_health, answer_health, answer_unready},
};
constexpr Method kPush{"/ringcast.v1.SSEService/PushToUsers", "POST", true, true, ask_push, answer_push};

}  // namespace

const Method* find_method(std::string_view path) {
  const auto* const found =
      std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Method& method) { return method.path == path; });
  if (found != std::end(kMethods)) return found;
  // Under any package, or none.
  constexpr std::string_view kPushed = "SSEService/PushToUsers";
  if (!path.ends_with(kPushed) || path.size() == kPushed.size()) return nullptr;
  const std::string_view before = path.substr(0, path.size() - kPushed.size());
  const bool fits = before == "/" || (before.size() > 2 && before.front() == '/' && before.back() == '.' &&
                                      before.find('/', 1) == std::string_view::npos);
  return fits ? &kPush : nullptr;
}

bool has_methods() {
  return true;
}

}  // namespace ringcast::grpc
