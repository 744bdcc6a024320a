// SPDX-License-Identifier: Apache-2.0
#include "codec/grpc/grpc_status.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {

std::string_view to_string(GrpcStatus status) {
  static constexpr std::string_view kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  static_assert(std::size(kNames) == static_cast<size_t>(GrpcStatus::count_));
  return kNames[static_cast<size_t>(status)];
}

GrpcStatus grpc_status_of(uint16_t http_status) {
  static constexpr struct {
    uint16_t http;
    GrpcStatus status;
  } kTable[] = {
      {400, GrpcStatus::invalid_argument},
      {401, GrpcStatus::unauthenticated},
      {403, GrpcStatus::permission_denied},
      {404, GrpcStatus::not_found},
      {405, GrpcStatus::unimplemented},
      {408, GrpcStatus::deadline_exceeded},
      {409, GrpcStatus::aborted},
      {413, GrpcStatus::resource_exhausted},
      {415, GrpcStatus::invalid_argument},
      {421, GrpcStatus::failed_precondition},
      {429, GrpcStatus::resource_exhausted},
      {431, GrpcStatus::resource_exhausted},
      {500, GrpcStatus::internal},
      {501, GrpcStatus::unimplemented},
      {503, GrpcStatus::unavailable},
  };
  if (http_status >= 200 && http_status < 300) return GrpcStatus::ok;
  const auto* const row =
      std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& at) { return at.http == http_status; });
  if (row != std::end(kTable)) return row->status;
  return http_status >= 400 && http_status < 500 ? GrpcStatus::invalid_argument : GrpcStatus::unknown;
}

void append_grpc_text(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

std::optional<std::chrono::nanoseconds> read_grpc_timeout(std::string_view text) {
  constexpr size_t kDigitsMax = 8;
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  int64_t amount = 0;
  const char* const end = text.data() + text.size() - 1;
  if (text[0] < '0' || text[0] > '9' || std::from_chars(text.data(), end, amount).ptr != end) return std::nullopt;
  using namespace std::chrono;
  switch (text.back()) {
    case 'H': return hours(std::min<int64_t>(amount, 1'000'000));  // more than nanoseconds can count, almost
    case 'M': return minutes(amount);
    case 'S': return seconds(amount);
    case 'm': return milliseconds(amount);
    case 'u': return microseconds(amount);
    case 'n': return nanoseconds(amount);
    default: return std::nullopt;
  }
}

GrpcContent grpc_content_of(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  std::string_view type;
  if (!next_part(content_type, ';', type) || type.size() < kType.size() ||
      !equal_ignoring_case(type.substr(0, kType.size()), kType)) {
    return GrpcContent::none;
  }
  const std::string_view rest = type.substr(kType.size());
  if (rest.empty() || equal_ignoring_case(rest, "+proto")) return GrpcContent::proto;
  return rest[0] == '+' ? GrpcContent::other : GrpcContent::none;
}

}  // namespace ringcast::codec
