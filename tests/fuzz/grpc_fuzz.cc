// SPDX-License-Identifier: Apache-2.0
// A call of gRPC: the path, the fields and the bytes of a client. Whatever they are, what comes out is a request that
// the parser for HTTP/1.x reads as one request, or a refusal that a client can read.
#include <iterator>
#include <string>
#include <string_view>

#include "codec/http1/http_request_parser.h"
#include "cuts.h"
#include "transport/http2/grpc_call.h"

namespace {

using namespace ringcast;
using fuzz::require;

constexpr size_t kMessageMax = 4096;
constexpr std::string_view kMethods[] = {"Publish",    "PublishBatch", "Rooms",          "Members",
                                         "History",    "Purge",        "CloseRoom",      "RemoveMember",
                                         "Users",      "User",         "DisconnectUser", "Connections",
                                         "Disconnect", "RevokeUser",   "RevokeToken",    "Stats"};

void check_refusal(const session::GrpcCall& call) {
  require(!call.has_message() && call.status() != codec::GrpcStatus::ok);
  const std::string head = call.head();
  require(head.find("\r\n\r\n") == head.size() - 4);
  for (const char c : head) require((c >= ' ' && c <= '~') || c == '\r' || c == '\n');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size), cuts;
  if (!fuzz::take_cuts(input, cuts) || input.size() < 2) return 0;
  // A byte says which method, "/SSEService" and health included.
  const size_t which = input[0] % (std::size(kMethods) + 2);
  input = input.subspan(1);
  std::string path = which < std::size(kMethods)    ? "/ringcast.v1.Ringcast/" + std::string(kMethods[which])
                     : which == std::size(kMethods) ? "/a.SSEService/PushToUsers"
                                                    : "/grpc.health.v1.Health/Check";
  const auto call = session::GrpcCall::begin(
      "POST " + path + " HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\nringcast-tenant: t\r\n\r\n",
      kMessageMax);
  if (call == nullptr) return 0;  // built without gRPC
  std::string request = call->take_head();
  for (const auto& piece : fuzz::cut(input, cuts)) {
    call->take(piece);
    require(call->received() <= codec::kGrpcPrefix + kMessageMax);
  }
  request += call->end();
  if (call->refused()) return check_refusal(*call), 0;
  codec::HttpRequestParser parser(codec::HttpLimits{1 << 20, 1 << 20, 64, 1 << 20});
  std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(request.data()), request.size());
  auto result = parser.feed(bytes);
  if (result.status == codec::HttpParseStatus::headers_complete)
    result = parser.feed(bytes = bytes.subspan(result.consumed));
  require(result.status == codec::HttpParseStatus::complete && result.consumed == bytes.size());
  // An answer of any sort is read without a fault.
  std::string answer = "HTTP/1.1 200 OK\r\n\r\n";
  answer.append(reinterpret_cast<const char*>(input.data()), input.size());
  call->answer(answer);
  require(call->status() == codec::GrpcStatus::ok);
  require(call->message().size() >= codec::kGrpcPrefix);
  return 0;
}
