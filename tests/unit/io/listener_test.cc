// SPDX-License-Identifier: Apache-2.0
// Listening sockets and what their connections inherit; addresses as text.
#include "io/listener.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

namespace ringcast::io {
namespace {

SocketAddress address(const char* text) {
  const auto parsed = SocketAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : SocketAddress();
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(Listener, ConnectionsInheritItsOptions) {
  const auto listener = open_listener(address("127.0.0.1:0"), {.user_timeout = std::chrono::milliseconds(12'345),
                                                               .keepalive_idle = std::chrono::seconds(77),
                                                               .send_buffer_bytes = 200 * 1024,
                                                               .not_sent_low_water_bytes = 16'384});
  ASSERT_TRUE(listener) << listener.error().message;
  const SocketAddress bound = local_address(listener->get());
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(client.get(), bound.data(), bound.size()), 0);
  const UniqueFd accepted(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 12'345);
  EXPECT_EQ(option(accepted.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_KEEPIDLE), 77);
  EXPECT_EQ(option(accepted.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16'384);
  EXPECT_EQ(send_buffer_of(accepted.get()), 200 * 1024);
}

TEST(Listener, SeveralShareAPortAndOthersGetTheReason) {
  const auto first = open_listener(address("127.0.0.1:0"), {});
  ASSERT_TRUE(first);
  const SocketAddress bound = local_address(first->get());
  EXPECT_TRUE(open_listener(bound, {}));
  const auto refused = open_listener(bound, {.reuse_port = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "address_in_use");
  EXPECT_NE(refused.error().message.find(bound.to_string()), std::string::npos);
  EXPECT_NE(refused.error().message.find("ss -ltnp"), std::string::npos);
}

TEST(Listener, AloneMeansThatNobodyElseListensThere) {
  auto first = open_listener(address("127.0.0.1:0"), {.alone = true});
  ASSERT_TRUE(first);
  const SocketAddress bound = local_address(first->get());
  const auto refused = open_listener(bound, {.alone = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "address_in_use");
  first->reset();
  EXPECT_TRUE(open_listener(bound, {.alone = true}));
}

TEST(Listener, AnAddressInUseIsWaitedFor) {
  auto first = open_listener(address("127.0.0.1:0"), {.alone = true});
  ASSERT_TRUE(first);
  const SocketAddress bound = local_address(first->get());
  EXPECT_FALSE(open_listener(bound, {.alone = true, .in_use_patience = std::chrono::milliseconds(30)}));
  std::thread holder([&first] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));  // whether it is found in use or not, it is there then
    first->reset();
  });
  const auto second = open_listener(bound, {.alone = true, .in_use_patience = std::chrono::seconds(60)});
  EXPECT_TRUE(second) << second.error().message;
  holder.join();
}

TEST(Listener, ASocketFileGoesWithItsOwnerUnlessItIsAnothersByThen) {
  const std::string path = ::testing::TempDir() + "ringcast-file-" + std::to_string(::getpid()) + ".sock";
  const SocketAddress where = address(("unix:" + path).c_str());
  const auto exists = [&path] { return ::access(path.c_str(), F_OK) == 0; };
  auto first = open_listener(where, {});
  ASSERT_TRUE(first);
  {
    SocketFile file(where);
    const SocketFile moved(std::move(file));
  }
  EXPECT_FALSE(exists());
  first = open_listener(where, {});
  auto file = std::make_unique<SocketFile>(where);
  ::unlink(path.c_str());
  const auto second = open_listener(where, {});
  ASSERT_TRUE(second);
  file.reset();
  EXPECT_TRUE(exists());
  ::unlink(path.c_str());
  const SocketFile none(address("127.0.0.1:0"));
}

TEST(Listener, ForeignAddressIsNamed) {
  const auto refused = open_listener(address("192.0.2.200:0"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "address_not_available");
}

TEST(Listener, StaleUnixSocketIsReplacedAndLiveOrForeignFilesAreNot) {
  const std::string path = ::testing::TempDir() + "ringcast-listener-" + std::to_string(::getpid()) + ".sock";
  const SocketAddress where = address(("unix:" + path).c_str());
  {
    const auto first = open_listener(where, {.unix_mode = 0600});
    ASSERT_TRUE(first) << first.error().message;
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
    const auto second = open_listener(where, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "address_in_use");
  }
  EXPECT_TRUE(open_listener(where, {}));
  ::unlink(path.c_str());
  std::ofstream(path) << "precious";
  EXPECT_FALSE(open_listener(where, {}));
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  ::unlink(path.c_str());
}

TEST(Listener, CheckingRefusesWhatOpeningWouldAndTouchesNothing) {
  const auto used = open_listener(address("127.0.0.1:0"), {});
  ASSERT_TRUE(used);
  EXPECT_TRUE(check_listener(local_address(used->get()))) << "another process may have it just now";
  EXPECT_TRUE(check_listener(address("*:0")));
  const auto foreign = check_listener(address("192.0.2.1:3000"));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, "address_not_available");

  const std::string path = testing::TempDir() + "check_listener." + std::to_string(::getpid());
  const std::string unix_path = "unix:" + path;
  EXPECT_TRUE(check_listener(address(unix_path.c_str())));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  {
    const auto listener = open_listener(address(unix_path.c_str()), {});
    ASSERT_TRUE(listener);
    EXPECT_TRUE(check_listener(address(unix_path.c_str())));
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  }
  ::unlink(path.c_str());
  std::ofstream(path) << "a file";
  EXPECT_FALSE(check_listener(address(unix_path.c_str())));
  ::unlink(path.c_str());
  EXPECT_FALSE(check_listener(address("unix:/no/such/directory/socket")));
}

TEST(SocketAddress, PrintsWhatItParses) {
  for (const char* text : {"127.0.0.1:3000", "[::1]:3000", "0.0.0.0:0", "[2001:db8::7]:65535", "unix:/run/x.sock"}) {
    EXPECT_EQ(address(text).to_string(), text);
    EXPECT_EQ(address(text), address(text));
  }
  EXPECT_EQ(address("*:3000").to_string(), "[::]:3000");
  EXPECT_EQ(address(":3000"), address("*:3000"));
  EXPECT_EQ(address("127.0.0.1:3000").port(), 3000);
  EXPECT_FALSE(address("127.0.0.1:3000") == address("127.0.0.1:3001"));
  EXPECT_FALSE(address("127.0.0.1:3000") == address("[::1]:3000"));
  EXPECT_FALSE(address("unix:/a") == address("unix:/b"));
}

TEST(SocketAddress, RefusesWhatItCannotMean) {
  for (const char* text :
       {"", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "::1:80",
        "[::1]", "[::g]:80", "[]:80", "localhost:80", "256.0.0.1:1", "unix:"}) {
    const auto parsed = SocketAddress::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, "bad_address");
  }
  EXPECT_FALSE(SocketAddress::parse("unix:" + std::string(200, 'x')));
}

TEST(SocketAddress, KnowsLoopbackAndMappedAddresses) {
  EXPECT_TRUE(address("127.9.9.9:1").is_loopback());
  EXPECT_TRUE(address("[::1]:1").is_loopback());
  EXPECT_TRUE(address("[::ffff:127.0.0.1]:1").is_loopback());
  EXPECT_TRUE(address("unix:/x").is_loopback());
  EXPECT_FALSE(address("128.0.0.1:1").is_loopback());
  EXPECT_FALSE(address("[::ffff:10.0.0.1]:1").is_loopback());
  EXPECT_FALSE(address("[::2]:1").is_loopback());
  EXPECT_FALSE(SocketAddress().is_loopback());
  EXPECT_EQ(address("[::ffff:10.1.2.3]:9").host_string(), "10.1.2.3");
  uint8_t mapped[16], plain[16];
  address("[::ffff:10.1.2.3]:9").host_bytes(mapped);
  address("10.1.2.3:10").host_bytes(plain);
  EXPECT_EQ(std::string(mapped, mapped + 16), std::string(plain, plain + 16));
}

}  // namespace
}  // namespace ringcast::io
