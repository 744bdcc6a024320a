// SPDX-License-Identifier: Apache-2.0
// A unary call of gRPC on a stream of HTTP/2: it becomes a request of the REST API, which the stream then makes like
// any other, and the answer to that becomes the call's. So a call has the keys, rights, limits and counters of its
// request. Without I/O; owned by the transport, its core's thread only.
//
// The head of a publish goes on at once, so that who may not publish is refused before the message has come; any
// other request depends on its message, which is small.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/grpc/grpc_message.h"
#include "codec/grpc/grpc_status.h"
#include "grpc/methods.h"

namespace ringcast::session {

class GrpcCall {
 public:
  // Of a message that is not published.
  static constexpr size_t kSmallMessage = 16 << 10;

  // `head`: a request's as HTTP/1.1 text, to the empty line. Null: it is no call, but a request like any other.
  static std::unique_ptr<GrpcCall> begin(std::string_view head, size_t message_max);

  // What goes to the parser of HTTP/1.x now; empty: nothing yet.
  std::string take_head();
  void take(std::span<const uint8_t> bytes);
  // The request is complete. What goes to the parser; empty: it is refused.
  std::string end();

  // The call is answered with this instead of what its request is answered.
  void refuse(codec::GrpcStatus status, std::string_view message, std::string_view code = {});
  bool refused() const { return status_.has_value(); }
  // The answer to its request, head and all, as HTTP/1.1 text.
  void answer(std::string_view http);

  // Once it is refused or answered.
  codec::GrpcStatus status() const { return *status_; }
  bool has_message() const { return !message_.empty(); }
  // The head of the answer as HTTP/1.1 text; with the trailers in it where there is no message.
  std::string head() const;
  std::string_view message() const { return message_; }  // with its prefix
  void forget_message() { std::string().swap(message_); }
  // As lines of a head.
  std::string_view trailers() const { return trailers_; }

  bool pushes() const { return method_ != nullptr && method_->pushes; }
  size_t received() const { return request_.received(); }
  std::optional<std::chrono::nanoseconds> timeout() const { return timeout_; }

 private:
  explicit GrpcCall(size_t message_max) : request_(message_max) {}
  void add_trailer(std::string_view name, std::string_view value);

  const grpc::Method* method_ = nullptr;
  std::string fields_;  // of the request, that go on
  std::string tenant_;
  std::string path_;
  codec::GrpcMessage request_;
  std::optional<std::chrono::nanoseconds> timeout_;
  std::optional<codec::GrpcStatus> status_;
  std::string message_;
  std::string trailers_;
};

}  // namespace ringcast::session
