// SPDX-License-Identifier: Apache-2.0
#include "transport/http2/grpc_call.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/assert.h"
#include "codec/http1/http_syntax.h"
#include "codec/http1/url.h"
#include "codec/json/json_members.h"
#include "codec/native/names.h"

namespace ringcast::session {

using codec::GrpcMessage;
using codec::GrpcStatus;

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kTenant = "ringcast-tenant";

// The next line of a head; false at the empty one.
bool next_line(std::string_view& rest, std::string_view& line) {
  const size_t end = rest.find(kLineEnd);
  if (end == 0 || end == std::string_view::npos) return false;
  line = rest.substr(0, end);
  rest.remove_prefix(end + kLineEnd.size());
  return true;
}

bool split(std::string_view line, std::string_view& name, std::string_view& value) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  name = line.substr(0, colon);
  value = codec::trim_blanks(line.substr(colon + 1));
  return true;
}

// What says something about the call's own message, which the request does not have.
bool goes_on(std::string_view name) {
  static constexpr std::string_view kOwn[] = {
      "content-type", "content-length", "content-encoding", "transfer-encoding", "connection",
      "te",           "expect",         "accept",           "accept-encoding"};
  return std::find(std::begin(kOwn), std::end(kOwn), name) == std::end(kOwn) && !name.starts_with("grpc-") &&
         name != kTenant;
}

}  // namespace

std::unique_ptr<GrpcCall> GrpcCall::begin(std::string_view head, size_t message_max) {
  constexpr std::string_view kPost = "POST ", kVersion = " HTTP/1.1";
  std::string_view rest = head, line, name, value;
  if (!grpc::has_methods() || !head.starts_with(kPost) || !next_line(rest, line) || !line.ends_with(kVersion)) {
    return nullptr;
  }
  const std::string_view path = line.substr(kPost.size(), line.size() - kPost.size() - kVersion.size());
  const std::string_view fields = rest;
  auto content = codec::GrpcContent::none;
  while (next_line(rest, line)) {
    if (split(line, name, value) && name == "content-type") content = codec::grpc_content_of(value);
  }
  if (content == codec::GrpcContent::none) return nullptr;

  const grpc::Method* const method = grpc::find_method(path);
  const bool publishes = method != nullptr && method->publishes;
  std::unique_ptr<GrpcCall> call(new GrpcCall(publishes ? message_max : std::min(message_max, kSmallMessage)));
  call->method_ = method;
  std::string_view timeout;
  for (rest = fields; next_line(rest, line);) {
    if (!split(line, name, value)) continue;
    if (name == "grpc-timeout") timeout = value;
    if (name == kTenant) call->tenant_ = value;
    if (goes_on(name)) call->fields_.append(line).append(kLineEnd);
    if (name == "grpc-encoding" && value != "identity") {
      call->refuse(GrpcStatus::unimplemented, "messages must not be compressed: grpc-encoding: identity");
    }
  }
  if (method == nullptr) {
    call->refuse(GrpcStatus::unimplemented, "there is no method " + codec::quoted(path, 100));
  } else if (content == codec::GrpcContent::other) {
    call->refuse(GrpcStatus::unimplemented, "messages are those of protobuf: content-type: application/grpc");
  }
  if (!timeout.empty()) {
    call->timeout_ = codec::read_grpc_timeout(timeout);
    if (!call->timeout_) call->refuse(GrpcStatus::invalid_argument, "grpc-timeout is no time");
  }
  return call;
}

std::string GrpcCall::take_head() {
  if (refused() || !method_->publishes) return {};
  std::string head = "POST /messages";
  if (!tenant_.empty()) codec::append_percent_encoded(head += "?tenant=", tenant_);
  head.append(" HTTP/1.1\r\n").append(fields_);
  return head += "connection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
}

void GrpcCall::take(std::span<const uint8_t> bytes) {
  if (refused()) return;
  switch (request_.feed(bytes)) {
    case GrpcMessage::Fault::none: return;
    case GrpcMessage::Fault::compressed:
      return refuse(GrpcStatus::unimplemented, "messages must not be compressed: grpc-encoding: identity");
    case GrpcMessage::Fault::too_large:
      return refuse(GrpcStatus::resource_exhausted,
                    method_->publishes ? "the message is larger than body_size_max"
                                       : "the message is larger than this call needs",
                    "too_large");
    case GrpcMessage::Fault::several: return refuse(GrpcStatus::unimplemented, "a call has one message");
    case GrpcMessage::Fault::flags: return refuse(GrpcStatus::internal, "a message begins with 0 or 1");
  }
}

std::string GrpcCall::end() {
  if (refused()) return {};
  if (!request_.complete()) {
    refuse(GrpcStatus::internal, request_.begun() ? "the message is cut short" : "the call has no message");
    return {};
  }
  auto request = method_->ask(request_.bytes());
  request_.clear();
  if (!request) {
    const Error& error = request.error();
    refuse(error.code == "not_found"         ? GrpcStatus::not_found
           : error.code == "batch_too_large" ? GrpcStatus::resource_exhausted
                                             : GrpcStatus::invalid_argument,
           error.message, error.code);
    return {};
  }
  std::string text;
  if (method_->publishes) {
    // Its head has gone before.
    char size[20];
    const auto end = std::to_chars(size, size + sizeof size, request->body.size(), 16).ptr;
    text.reserve(request->body.size() + 32);
    text.append(size, end).append(kLineEnd).append(request->body).append("\r\n0\r\n\r\n");
    return text;
  }
  text.append(method_->verb).append(" ").append(request->target);
  if (!tenant_.empty()) {
    text += request->target.find('?') == std::string::npos ? "?tenant=" : "&tenant=";
    codec::append_percent_encoded(text, tenant_);
  }
  return text.append(" HTTP/1.1\r\n").append(fields_).append("connection: close\r\n\r\n");
}

void GrpcCall::add_trailer(std::string_view name, std::string_view value) {
  trailers_.append(name).append(": ").append(value).append(kLineEnd);
}

void GrpcCall::refuse(GrpcStatus status, std::string_view message, std::string_view code) {
  if (refused()) return;
  status_ = status;
  request_.clear();
  add_trailer("grpc-status", std::to_string(static_cast<int>(status)));
  std::string text;
  codec::append_grpc_text(text, message);
  if (!text.empty()) add_trailer("grpc-message", text);
  if (!code.empty()) add_trailer("ringcast-error", code);
  if (status == GrpcStatus::unimplemented) add_trailer("grpc-accept-encoding", "identity");
}

void GrpcCall::answer(std::string_view http) {
  RINGCAST_ASSERT(!refused() && method_ != nullptr);
  constexpr std::string_view kVersion = "HTTP/1.1 ", kHeadEnd = "\r\n\r\n";
  const size_t end = http.find(kHeadEnd);
  RINGCAST_ASSERT(http.starts_with(kVersion) && end != std::string_view::npos);
  uint16_t status = 0;
  std::from_chars(http.data() + kVersion.size(), http.data() + end, status);
  const std::string_view body = http.substr(end + kHeadEnd.size());

  message_.assign(codec::kGrpcPrefix, '\0');
  const bool good = codec::grpc_status_of(status) == GrpcStatus::ok;
  if (good) method_->answer(message_, body);
  if (good || (method_->answer_refusal != nullptr && method_->answer_refusal(message_, status))) {
    codec::write_grpc_prefix(message_.data(), message_.size() - codec::kGrpcPrefix);
    status_ = GrpcStatus::ok;
    return add_trailer("grpc-status", "0");
  }
  message_.clear();
  const std::string_view error = codec::json_member(body, "error");
  std::string code, message;
  codec::append_unquoted(code, codec::json_member(error, "code"));
  codec::append_unquoted(message, codec::json_member(error, "message"));
  if (message.empty()) codec::append_unquoted(message, error);  // of a dialect
  if (message.empty()) message = "HTTP " + std::to_string(status);
  refuse(codec::grpc_status_of(status), message, code);
  std::string_view rest = http.substr(0, end + kLineEnd.size()), line, name, value;
  while (next_line(rest, line)) {
    uint32_t seconds = 0;
    if (!split(line, name, value) || !codec::equal_ignoring_case(name, "Retry-After")) continue;
    std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (seconds != 0) add_trailer("grpc-retry-pushback-ms", std::to_string(uint64_t{seconds} * 1000));
  }
}

std::string GrpcCall::head() const {
  std::string head = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n";
  if (!has_message()) head += trailers_;
  return head += kLineEnd;
}

}  // namespace ringcast::session
