// SPDX-License-Identifier: Apache-2.0
#include "transport/http2/grpc_call.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace ringcast::session {
namespace {

using codec::GrpcStatus;

std::string head_of(std::string_view path, std::string_view fields = {}) {
  std::string head = "POST ";
  head.append(path).append(" HTTP/1.1\r\nhost: example.org\r\ntransfer-encoding: chunked\r\nconnection: close\r\n");
  return head.append(fields).append("content-type: application/grpc\r\nte: trailers\r\n\r\n");
}

std::string framed(std::string_view message) {
  std::string out(codec::kGrpcPrefix, '\0');
  codec::write_grpc_prefix(out.data(), message.size());
  return out.append(message);
}

void take(GrpcCall& call, std::string_view bytes) {
  call.take({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// "Body\r\n" of a response with this status.
std::string response(int status, std::string_view body, std::string_view fields = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n";
  return text.append(fields).append("Content-Length: 1\r\n\r\n").append(body);
}

class GrpcCalls : public testing::Test {
 protected:
  void SetUp() override {
    if (!grpc::has_methods()) GTEST_SKIP() << "built without gRPC";
  }
};

TEST_F(GrpcCalls, OtherRequestsAreNone) {
  EXPECT_EQ(GrpcCall::begin("GET / HTTP/1.1\r\ncontent-type: application/grpc\r\n\r\n", 100), nullptr);
  EXPECT_EQ(GrpcCall::begin("POST /messages HTTP/1.1\r\ncontent-type: application/json\r\n\r\n", 100), nullptr);
  EXPECT_EQ(GrpcCall::begin("POST /messages HTTP/1.1\r\n\r\n", 100), nullptr);
  EXPECT_EQ(GrpcCall::begin("POST", 100), nullptr);
  EXPECT_NE(GrpcCall::begin(head_of("/any/thing"), 100), nullptr);
}

TEST_F(GrpcCalls, AReadIsMadeOfItsMessage) {
  const auto call = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/History",
                                            "authorization: Bearer x\r\ngrpc-timeout: 5S\r\nringcast-tenant: a b\r\n"),
                                    100);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->timeout(), std::chrono::seconds(5));
  EXPECT_EQ(call->take_head(), "");
  take(*call, framed("\x0a\x01r"));
  EXPECT_EQ(call->end(),
            "GET /rooms/r/history?tenant=a%20b HTTP/1.1\r\nhost: example.org\r\nauthorization: Bearer x\r\n"
            "connection: close\r\n\r\n");
  call->answer(response(200, R"({"room":"r","messages":[],"oldest":null,"newest":null})"));
  EXPECT_EQ(call->status(), GrpcStatus::ok);
  EXPECT_EQ(call->head(), "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n\r\n");
  EXPECT_EQ(call->message(), framed("\x0a\x01r"));
  EXPECT_EQ(call->trailers(), "grpc-status: 0\r\n");
}

TEST_F(GrpcCalls, TheHeadOfAPublishGoesBefore) {
  const auto call = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/Publish"), 100);
  EXPECT_EQ(call->take_head(),
            "POST /messages HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\ncontent-type: application/json\r\n"
            "transfer-encoding: chunked\r\n\r\n");
  take(*call, framed("\x3a\x02hi"));
  EXPECT_EQ(call->end(), "10\r\n{\"content\":\"hi\"}\r\n0\r\n\r\n");
}

TEST_F(GrpcCalls, RefusalsAreTrailersInTheHead) {
  const auto call = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/Publish"), 100);
  call->answer(
      response(429, R"({"error":{"code":"rate_limited","message":"the limit of “a” is 1"}})", "Retry-After: 3\r\n"));
  EXPECT_FALSE(call->has_message());
  EXPECT_EQ(call->status(), GrpcStatus::resource_exhausted);
  EXPECT_EQ(call->head(),
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 8\r\n"
            "grpc-message: the limit of %E2%80%9Ca%E2%80%9D is 1\r\nringcast-error: rate_limited\r\n"
            "grpc-retry-pushback-ms: 3000\r\n\r\n");
}

TEST_F(GrpcCalls, RefusalsOfDialectsAreReadToo) {
  for (const auto& [body, words] : {std::pair{R"({"error":"invalid body"})", "invalid body"}, {"", "HTTP 400"}}) {
    const auto call = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/Publish"), 100);
    call->answer(response(400, body));
    EXPECT_EQ(call->trailers(), "grpc-status: 3\r\ngrpc-message: " + std::string(words) + "\r\n");
  }
}

TEST_F(GrpcCalls, TheFirstRefusalStays) {
  const auto call = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/None"), 100);
  EXPECT_TRUE(call->refused());
  EXPECT_EQ(call->take_head(), "");
  call->refuse(GrpcStatus::deadline_exceeded, "late");
  EXPECT_EQ(call->status(), GrpcStatus::unimplemented);
  take(*call, framed("x"));
  EXPECT_EQ(call->end(), "");
}

TEST_F(GrpcCalls, MessagesHaveTheirLimit) {
  const auto publish = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/Publish"), 100);
  take(*publish, framed(std::string(101, 'x')));
  EXPECT_EQ(publish->status(), GrpcStatus::resource_exhausted);
  const auto read = GrpcCall::begin(head_of("/ringcast.v1.Ringcast/Rooms"), 1 << 20);
  take(*read, framed(std::string(GrpcCall::kSmallMessage + 1, 'x')));
  EXPECT_EQ(read->status(), GrpcStatus::resource_exhausted);
}

TEST_F(GrpcCalls, AnUnreadyServerIsAnAnswer) {
  const auto call = GrpcCall::begin(head_of("/grpc.health.v1.Health/Check"), 100);
  take(*call, framed(""));
  EXPECT_EQ(call->end().substr(0, 10), "GET /ready");
  call->answer(response(503, R"({"error":{"code":"draining","message":"x"}})"));
  EXPECT_EQ(call->status(), GrpcStatus::ok);
  EXPECT_EQ(call->message(), framed("\x08\x02"));
}

}  // namespace
}  // namespace ringcast::session
