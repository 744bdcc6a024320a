// SPDX-License-Identifier: Apache-2.0
// What gRPC says beside its messages: status codes, their messages, time-outs, content types. Pure functions; any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast::codec {

// The order is the protocol's and the metrics'.
enum class GrpcStatus : uint8_t {
  ok,
  cancelled,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,
  count_
};
// "DEADLINE_EXCEEDED"
std::string_view to_string(GrpcStatus status);

// What a status of the REST API is called here.
GrpcStatus grpc_status_of(uint16_t http_status);

// The text of grpc-message: percent-encoded but for printable ASCII without '%'.
void append_grpc_text(std::string& out, std::string_view text);

// The value of grpc-timeout: at most eight digits and a unit of H, M, S, m, u, n. Nothing: it is none.
std::optional<std::chrono::nanoseconds> read_grpc_timeout(std::string_view text);

enum class GrpcContent : uint8_t {
  none,   // another content type
  proto,  // application/grpc or application/grpc+proto
  other,  // application/grpc+json, say
};
GrpcContent grpc_content_of(std::string_view content_type);

}  // namespace ringcast::codec
