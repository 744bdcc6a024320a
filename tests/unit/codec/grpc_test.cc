// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/grpc/grpc_message.h"
#include "codec/grpc/grpc_status.h"

namespace ringcast::codec {
namespace {

using namespace std::chrono_literals;
using Fault = GrpcMessage::Fault;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string framed(std::string_view message) {
  std::string out(kGrpcPrefix, '?');
  write_grpc_prefix(out.data(), message.size());
  return out.append(message);
}

TEST(GrpcMessage, ComesTogetherFromAnyPieces) {
  for (const size_t size : {0, 1, 5, 300, 70000}) {
    const std::string text(size, 'm'), wire = framed(text);
    for (const size_t piece : {size_t{1}, size_t{3}, size_t{4}, size_t{5}, size_t{6}, size_t{64}, wire.size()}) {
      GrpcMessage message(70000);
      EXPECT_FALSE(message.complete());
      for (size_t at = 0; at < wire.size(); at += piece) {
        EXPECT_FALSE(message.complete());
        ASSERT_EQ(message.feed(bytes_of(std::string_view(wire).substr(at, piece))), Fault::none);
      }
      ASSERT_TRUE(message.complete());
      EXPECT_EQ(message.bytes(), text);
    }
  }
}

TEST(GrpcMessage, TheLengthIsInFourBytes) {
  EXPECT_EQ(framed(std::string(0x010203, 'x')).substr(0, 5), std::string("\0\0\1\2\3", 5));
}

TEST(GrpcMessage, FaultsStay) {
  const struct {
    std::string wire;
    Fault fault;
  } kCases[] = {
      {std::string("\1\0\0\0\1x", 6), Fault::compressed}, {std::string("\2", 1), Fault::flags},
      {std::string("\0\0\0\0\x0b", 5), Fault::too_large}, {std::string("\0\xff\xff\xff\xff", 5), Fault::too_large},
      {framed("one") + framed("two"), Fault::several},    {framed("one") + "x", Fault::several}};
  for (const auto& [wire, fault] : kCases) {
    GrpcMessage at_once(10), bytewise(10);
    EXPECT_EQ(at_once.feed(bytes_of(wire)), fault);
    Fault last = Fault::none;
    for (const char c : wire) last = bytewise.feed(bytes_of({&c, 1}));
    EXPECT_EQ(last, fault);
    EXPECT_EQ(at_once.feed(bytes_of(framed("x"))), fault);
  }
}

TEST(GrpcMessage, WhatIsCutShortIsNotComplete) {
  const std::string wire = framed("message");
  for (size_t size = 0; size < wire.size(); ++size) {
    GrpcMessage message(100);
    EXPECT_EQ(message.feed(bytes_of(std::string_view(wire).substr(0, size))), Fault::none);
    EXPECT_FALSE(message.complete());
    EXPECT_EQ(message.begun(), size != 0);
  }
}

TEST(GrpcStatus, NamesStatusesOfHttp) {
  const std::pair<uint16_t, std::string_view> kCases[] = {
      {200, "OK"},
      {202, "OK"},
      {400, "INVALID_ARGUMENT"},
      {401, "UNAUTHENTICATED"},
      {403, "PERMISSION_DENIED"},
      {404, "NOT_FOUND"},
      {408, "DEADLINE_EXCEEDED"},
      {413, "RESOURCE_EXHAUSTED"},
      {418, "INVALID_ARGUMENT"},
      {421, "FAILED_PRECONDITION"},
      {429, "RESOURCE_EXHAUSTED"},
      {431, "RESOURCE_EXHAUSTED"},
      {500, "INTERNAL"},
      {501, "UNIMPLEMENTED"},
      {503, "UNAVAILABLE"},
      {302, "UNKNOWN"},
  };
  for (const auto& [http, name] : kCases) EXPECT_EQ(to_string(grpc_status_of(http)), name) << http;
  EXPECT_EQ(static_cast<int>(GrpcStatus::unauthenticated), 16);
}

TEST(GrpcStatus, TextsAreEscaped) {
  std::string out;
  append_grpc_text(out, "100 % “ok”\r\n~");
  EXPECT_EQ(out, "100 %25 %E2%80%9Cok%E2%80%9D%0D%0A~");
}

TEST(GrpcStatus, ReadsTimeouts) {
  EXPECT_EQ(read_grpc_timeout("1H"), 1h);
  EXPECT_EQ(read_grpc_timeout("2M"), 2min);
  EXPECT_EQ(read_grpc_timeout("30S"), 30s);
  EXPECT_EQ(read_grpc_timeout("250m"), 250ms);
  EXPECT_EQ(read_grpc_timeout("7u"), 7us);
  EXPECT_EQ(read_grpc_timeout("0n"), 0ns);
  EXPECT_GT(read_grpc_timeout("99999999H"), 1'000'000min);
  for (const std::string_view bad : {"", "1", "S", "-1S", "+1S", "1.5S", "123456789S", "1s", "1 S", " 1S", "1SS"}) {
    EXPECT_FALSE(read_grpc_timeout(bad)) << bad;
  }
}

TEST(GrpcStatus, ReadsContentTypes) {
  for (const std::string_view type : {"application/grpc", "application/grpc+proto", "Application/GRPC; charset=x"}) {
    EXPECT_EQ(grpc_content_of(type), GrpcContent::proto) << type;
  }
  EXPECT_EQ(grpc_content_of("application/grpc+json"), GrpcContent::other);
  for (const std::string_view type : {"", "application/json", "application/grpc-web", "application/grpcx"}) {
    EXPECT_EQ(grpc_content_of(type), GrpcContent::none) << type;
  }
}

}  // namespace
}  // namespace ringcast::codec
