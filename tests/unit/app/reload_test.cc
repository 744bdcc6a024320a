// SPDX-License-Identifier: Apache-2.0
// Reloads of a running server.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "app/server.h"
#include "base/log.h"

namespace ringcast::app {
namespace {

// Settings of before go when no core reads them any more, however often they are reloaded.
TEST(Reload, OldSettingsDoNotPileUp) {
  LogService log({.level = LogLevel::error});  // which every core's thread needs
  config::Options options;
  options.listen = {"127.0.0.1"};
  options.port = 0;
  options.reactors = 2;
  options.io = io::Engine::epoll;
  Server server(options);
  const auto started = server.start();
  ASSERT_TRUE(started) << started.error().message;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(server.reload(options));
  // Each core takes over what is new after its tick; the next reload finds that.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (server.settings_kept() > 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
    ASSERT_TRUE(server.reload(options));
  }
  EXPECT_LE(server.settings_kept(), 2u);
  server.stop();
}

}  // namespace
}  // namespace ringcast::app
