// SPDX-License-Identifier: Apache-2.0
// What an idle connection costs: the heap of a whole core with many of them, each a user of its own with its inbox, in
// one room with all others and hearing the broadcast. Its own program, because the heap is the process's.
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "lone_core.h"

namespace ringcast::session {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnAllocator = true;
#elif defined(__has_feature)
constexpr bool kOwnAllocator = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kOwnAllocator = false;
#endif

constexpr uint32_t kConnections = 40'000;
constexpr uint32_t kTogether = 100;  // open at the same time; what an opening needs is given back

size_t heap() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

size_t bytes_per_connection(const std::string& target) {
  LoneCore::Setup setup;
  setup.connections_max = kConnections;
  LoneCore core(setup);
  MemoryBackend& backend = core.backend();
  backend.keep = false;
  std::vector<std::string> requests(kTogether);
  const auto open = [&](uint32_t count, uint32_t from) {
    for (uint32_t i = 0; i < count; ++i) backend.accept(static_cast<int32_t>(from + i));
    core.tick();
    for (uint32_t i = 0; i < count; ++i) {
      std::string name = target;
      if (const size_t at = name.find('#'); at != std::string::npos) name.replace(at, 1, std::to_string(from + i));
      requests[i] = "GET " + name +
                    " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
      backend.arrive(static_cast<int32_t>(from + i),
                     {reinterpret_cast<uint8_t*>(requests[i].data()), requests[i].size()});
    }
    core.tick();
    core.tick();
  };
  for (uint32_t i = 0; i < kConnections; ++i) {
    backend.peers.push_back(std::make_unique<MemoryBackend::Peer>());
  }
  open(kTogether, 0);  // what is made once
  const size_t before = heap();
  for (uint32_t from = kTogether; from < kConnections; from += kTogether) open(kTogether, from);
  const size_t after = heap();
  EXPECT_EQ(core.hub().stats().memberships.load() % kConnections, 0u);
  EXPECT_GE(core.hub().stats().memberships.load(), kConnections);
  return (after - before) / (kConnections - kTogether);
}

void expect_at_most(size_t bytes_max, const std::string& target) {
  if (kOwnAllocator) GTEST_SKIP() << "a sanitizer's allocator counts nothing";
  const size_t bytes = bytes_per_connection(target);
  ::testing::Test::RecordProperty("bytes_per_connection", std::to_string(bytes));
  EXPECT_LE(bytes, bytes_max) << target;
}

TEST(Memory, AnonymousConnection) {
  expect_at_most(240, "/ws");
}

TEST(Memory, UserInARoomWithAllOthers) {
  expect_at_most(490, "/ws?rooms=general&user=user-#");
}

}  // namespace
}  // namespace ringcast::session
