// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "io/socket_address.h"
#include "server/options_table.h"

namespace ringcast::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using namespace std::chrono_literals;

class Load : public testing::Test {
 protected:
  ~Load() override { ::unlink(path_.c_str()); }

  void file(const std::string& text) {
    std::ofstream(path_) << text;
    has_file_ = true;
  }
  Result<Invocation> load(std::vector<std::string> flags = {}, std::vector<std::string> environment = {}) {
    std::vector<const char*> argv{"ringcast"};
    if (has_file_) flags.insert(flags.begin(), "--config=" + path_);
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    std::vector<const char*> envp;
    for (const std::string& variable : environment) envp.push_back(variable.c_str());
    envp.push_back(nullptr);
    return load_options(static_cast<int>(argv.size()), argv.data(), envp.data());
  }
  Options options(std::vector<std::string> flags = {}, std::vector<std::string> environment = {}) {
    auto loaded = load(std::move(flags), std::move(environment));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? loaded->options : Options{};
  }
  // The message, with the file's name as FILE.
  std::string refused(std::vector<std::string> flags = {}, std::vector<std::string> environment = {}) {
    auto loaded = load(std::move(flags), std::move(environment));
    EXPECT_FALSE(loaded);
    if (loaded) return {};
    std::string message = loaded.error().message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (size_t at = 0; (at = message.find(path_, at)) != std::string::npos;) message.replace(at, path_.size(), "FILE");
    return message;
  }

  const std::string path_ = testing::TempDir() + "options_load_test." + std::to_string(::getpid()) + ".toml";

 private:
  bool has_file_ = false;
};

TEST_F(Load, NothingGivenIsTheDefaults) {
  EXPECT_EQ(options(), Options{});
  const Options defaults;
  EXPECT_EQ(defaults.port, 3000u);
  EXPECT_EQ(defaults.heartbeat_interval, 25s);
  EXPECT_EQ(defaults.room_defaults.history_messages, 1000u);
  EXPECT_EQ(defaults.io, io::Engine::automatic);
}

TEST_F(Load, FlagWinsOverEnvironmentWinsOverFile) {
  file("port = 4001\nbacklog = 11\nretry = \"1s\"\n");
  const Options o = options({"--port", "4003"}, {"RINGCAST_PORT=4002", "RINGCAST_BACKLOG=12"});
  EXPECT_EQ(o.port, 4003u);
  EXPECT_EQ(o.backlog, 12u);
  EXPECT_EQ(o.retry, 1s);
}

TEST_F(Load, RoutesFromAFile) {
  file(
      "[[routes]]\npath = \"/orders/{id}/live\"\ndialect = \"order-status\"\njoin = [\"order-status/{}\"]\n"
      "heartbeat_interval = \"20s\"\nclient_buffer_size = 7\nmax_connections = 9\nslow_consumer = \"drop_oldest\"\n"
      "[[routes]]\npath = \"/live\"\ntransport = \"poll\"\nwith = [\"a\"]\nwithout = [\"b\", \"c\"]\n"
      "single_room = true\n");
  const Options o = options();
  ASSERT_EQ(o.routes.size(), 2u);
  const RouteRule& orders = o.routes[0];
  EXPECT_EQ(orders.path, "/orders/{}/live");
  EXPECT_EQ(orders.dialect, session::Dialect::order_status);
  EXPECT_THAT(orders.join, ElementsAre("order-status/{}"));
  EXPECT_EQ(orders.settings.heartbeat_interval, 20s);
  EXPECT_EQ(orders.settings.outbox_messages_max, 7u);
  EXPECT_EQ(orders.settings.connections_max, 9u);
  EXPECT_EQ(orders.settings.slow, hub::SlowPolicy::drop_oldest);
  EXPECT_EQ(o.routes[1].transport, session::NativeTransport::poll);
  EXPECT_THAT(o.routes[1].without, ElementsAre("b", "c"));
  EXPECT_TRUE(o.routes[1].settings.single_room);

  // What is printed is read as the same again.
  file(print_config(o, Secrets::shown));
  EXPECT_EQ(options().routes, o.routes);
}

TEST_F(Load, RoutesSayWhatIsWrong) {
  const auto said = [&](const std::string& lines) {
    file("[[routes]]\n" + lines);
    return refused();
  };
  EXPECT_THAT(said("dialect = \"native\"\n"), HasSubstr("FILE:1: [[routes]] needs path"));
  EXPECT_THAT(said("path = \"x\"\n"), HasSubstr("FILE:2: path = \"x\": must be a path"));
  EXPECT_THAT(said("path = \"/{a}/{b}\"\n"), HasSubstr("may have one {"));
  EXPECT_THAT(said("path = \"/x\"\ndialect = \"klingon\"\n"),
              HasSubstr("FILE:3: dialect = \"klingon\": must be one of native,"));
  EXPECT_THAT(said("path = \"/x\"\ndialect = \"broker\"\n"), HasSubstr("a dialect needs join"));
  EXPECT_THAT(said("path = \"/x\"\njoin = [\"a/{}\"]\n"), HasSubstr("needs a {…} in the path"));
  EXPECT_THAT(said("path = \"/x\"\njoin = [\"\"]\n"), HasSubstr("FILE:3: join"));
  EXPECT_THAT(said("path = \"/x\"\ndialect = \"notifications\"\njoin = [\"a\"]\n"), HasSubstr("join = [\"@me\"]"));
  EXPECT_THAT(said("path = \"/x\"\nheartbeat_interval = \"2h\"\n"), HasSubstr("FILE:3: heartbeat_interval = \"2h\""));
  EXPECT_THAT(said("path = \"/x\"\nhart_beat = 1\n"), HasSubstr("unknown setting of [[routes]]"));
  std::string many;
  for (size_t i = 0; i <= session::kConfiguredRoutesMax; ++i) many += "[[routes]]\npath = \"/x\"\n";
  file(many);
  EXPECT_THAT(refused(), HasSubstr("at most 100 [[routes]] sections, not 101"));
  file("routes = 1\n");
  EXPECT_THAT(refused(), HasSubstr("FILE:1: routes must be written as [[routes]] sections"));
}

TEST_F(Load, EveryTypeFromAFile) {
  file(
      "io = \"epoll\"\nreactors = 3\nspin = \"50us\"\nmessage_size_max = \"32KiB\"\nbody_size_max = 70_000\n"
      "echo = true\norigins = [\"https://a.example\", 'https://b.example']\nheartbeat_interval = \"500ms\"\n");
  EXPECT_THAT(refused(), HasSubstr("FILE:8: heartbeat_interval = \"500ms\""));
  file(
      "io = \"epoll\"\nreactors = 3\nspin = \"50us\"\nmessage_size_max = \"32KiB\"\nbody_size_max = 70_000\n"
      "echo = true\norigins = [\"https://a.example\", 'https://b.example']\nheartbeat_interval = \"1s\"\n");
  const Options o = options();
  EXPECT_EQ(o.io, io::Engine::epoll);
  EXPECT_EQ(o.reactors, 3u);
  EXPECT_EQ(o.spin, 50us);
  EXPECT_EQ(o.message_size_max, 32u << 10);
  EXPECT_EQ(o.body_size_max, 70'000u);
  EXPECT_TRUE(o.echo);
  EXPECT_THAT(o.origins, ElementsAre("https://a.example", "https://b.example"));
  EXPECT_EQ(o.heartbeat_interval, 1s);
}

TEST_F(Load, WrongTypesInAFileAreRefused) {
  for (const char* line :
       {"port = \"3000\"", "port = 3000.0", "port = true", "port = [3000]", "echo = \"true\"", "echo = 1",
        "heartbeat_interval = 25", "io = 1", "origins = \"https://a.example\"", "origins = [1]",
        "message_size_max = 1.5", "web_root = 1", "port = {}", "port = 1979-05-27"}) {
    file(std::string("# first line\n") + line + "\n");
    const std::string message = refused();
    EXPECT_THAT(message, StartsWith("FILE:2: " + std::string(line).substr(0, std::string(line).find(' ')) + " = "));
    EXPECT_THAT(message, HasSubstr("must be ")) << line;
  }
}

TEST_F(Load, RangeErrorNamesKeyValueRangeAndPlace) {
  file("\nport = 65536\n");
  EXPECT_EQ(refused(),
            "FILE:2: port = 65536: must be a whole number from 1 to 65535, or 0 (any free port, said at start)");
  file("port = -1\n");
  EXPECT_THAT(refused(), StartsWith("FILE:1: port = -1: not a whole number; must be a whole number from 1 to 65535"));
  file("");
  EXPECT_EQ(refused({}, {"RINGCAST_CLOSE_TIMEOUT=99ms"}),
            "RINGCAST_CLOSE_TIMEOUT: close_timeout = \"99ms\": must be a duration from 100ms to 10min");
  EXPECT_EQ(refused({"--close-timeout", "601s"}),
            "--close-timeout: close_timeout = \"601s\": must be a duration from 100ms to 10min");
  EXPECT_EQ(refused({"--io=kqueue"}), "--io: io = \"kqueue\": must be \"auto\", \"uring\" or \"epoll\"");
}

TEST_F(Load, UnknownNamesAreRefusedWithTheNearest) {
  file("heartbeat_intervall = \"25s\"\n");
  EXPECT_EQ(refused(), "FILE:1: unknown setting \"heartbeat_intervall\"; did you mean \"heartbeat_interval\"?");
  file("[server]\nport = 3000\n");
  EXPECT_THAT(refused(), StartsWith("FILE:1: unknown setting \"server\""));
  file("");
  EXPECT_EQ(refused({}, {"RINGCAST_HEARTBEAT_INTERVALL=25s"}),
            "environment: unknown variable \"RINGCAST_HEARTBEAT_INTERVALL\"; did you mean "
            "\"RINGCAST_HEARTBEAT_INTERVAL\"?");
  EXPECT_EQ(refused({}, {"RINGCAST_port=1"}),
            "environment: unknown variable \"RINGCAST_port\"; did you mean \"RINGCAST_PORT\"?");
  EXPECT_EQ(refused({"--heartbeat-intervall", "25s"}),
            "command line: unknown flag \"--heartbeat-intervall\"; did you mean \"--heartbeat-interval\"?");
  EXPECT_EQ(refused({"--xyzzy=1"}), "command line: unknown flag \"--xyzzy\"");
  EXPECT_EQ(refused({"--verison"}), "command line: unknown flag \"--verison\"; did you mean \"--version\"?");
  EXPECT_EQ(refused({"--chek-config"}),
            "command line: unknown flag \"--chek-config\"; did you mean \"--check-config\"?");
  EXPECT_EQ(refused({"--no-deflat"}), "command line: unknown flag \"--no-deflat\"; did you mean \"--no-deflate\"?");
  EXPECT_EQ(refused({"docter"}), "command line: unknown command \"docter\"; did you mean \"doctor\"?");
  EXPECT_THAT(refused({"serve"}), StartsWith("command line: unknown command \"serve\"; there are doctor, "));
  EXPECT_EQ(refused({"--port=1", "doctor"}), "command line: the command \"doctor\" comes before all flags");
}

TEST_F(Load, FlagForms) {
  EXPECT_EQ(options({"--port=4000"}).port, 4000u);
  EXPECT_EQ(options({"--port", "4000"}).port, 4000u);
  EXPECT_EQ(options({"--port", "4000", "--port", "4001"}).port, 4001u);
  EXPECT_TRUE(options({"--echo"}).echo);
  EXPECT_TRUE(options({"--echo=true"}).echo);
  EXPECT_FALSE(options({"--echo=false"}).echo);
  EXPECT_FALSE(options({"--deflate=false"}).deflate);
  EXPECT_FALSE(options({"--no-deflate"}).deflate);
  EXPECT_TRUE(options({"--no-echo", "--echo"}).echo);
  EXPECT_FALSE(options({"--echo", "--no-echo"}).echo);
  EXPECT_THAT(options({"--origins", "https://a", "--origins", "https://b,https://c"}).origins,
              ElementsAre("https://a", "https://b", "https://c"));
  EXPECT_THAT(refused({"--echo=maybe"}), HasSubstr("echo"));
  EXPECT_EQ(refused({"--port"}),
            "command line: --port needs a value: a whole number from 1 to 65535, or 0 (any free port, said at start)");
  EXPECT_EQ(refused({"--config"}), "command line: --config needs a value");
}

TEST_F(Load, KubernetesServiceLinksAreNotOurs) {
  const std::vector<std::string> links = {"RINGCAST_PORT=tcp://10.0.0.1:3000",
                                          "RINGCAST_SERVICE_HOST=10.0.0.1",
                                          "RINGCAST_SERVICE_PORT=3000",
                                          "RINGCAST_SERVICE_PORT_WEB=3000",
                                          "RINGCAST_PORT_3000_TCP=tcp://10.0.0.1:3000",
                                          "RINGCAST_PORT_3000_TCP_PORT=3000"};
  EXPECT_EQ(options({}, links), Options{});
  EXPECT_THAT(refused({}, {"RINGCAST_PORT_TYPO=1"}), HasSubstr("unknown variable"));
}

TEST_F(Load, EnvironmentOfOthersIsIgnored) {
  EXPECT_EQ(options({}, {"PORT=1", "HOME=/root", "RINGCASTLE=1", "ringcast_port=1"}), Options{});
}

TEST_F(Load, FileFromTheEnvironmentOrTheFlag) {
  file("port = 4001\n");
  const char* argv[] = {"ringcast"};
  const std::string variable = "RINGCAST_CONFIG=" + path_;
  const char* environment[] = {variable.c_str(), nullptr};
  const auto loaded = load_options(1, argv, environment);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->options.port, 4001u);
  EXPECT_EQ(loaded->config_file, path_);
  EXPECT_EQ(options({}, {"RINGCAST_CONFIG=/nonexistent"}).port, 4001u);
}

TEST_F(Load, BadFilesAreNamed) {
  const char* argv[] = {"ringcast", "--config=/nonexistent.toml"};
  EXPECT_THAT(load_options(2, argv, nullptr).error().message,
              HasSubstr("/nonexistent.toml: No such file or directory"));
  const char* directory[] = {"ringcast", "--config=/tmp"};
  EXPECT_THAT(load_options(2, directory, nullptr).error().message, HasSubstr("/tmp"));
  file("port = 3000\nport = 3001\n");
  EXPECT_THAT(refused(), StartsWith("FILE:2: "));
  file("port = \n");
  EXPECT_THAT(refused(), StartsWith("FILE:1: "));
  file("port = \xff\n");
  EXPECT_THAT(refused(), StartsWith("FILE:1: "));
  file("#" + std::string((1 << 20) - 2, 'x') + "\n");
  EXPECT_EQ(options(), Options{});
  file("#" + std::string((1 << 20) - 1, 'x') + "\n");
  EXPECT_EQ(refused(), "FILE: larger than 1MiB");
}

TEST_F(Load, RoomsTakeTheTopLevelWhereTheySayNothing) {
  file(
      "history_messages = 7\n[[rooms]]\nmatch = \"order-status/*\"\nhistory_messages = 1\nslow_consumer = "
      "\"drop_oldest\"\n[[rooms]]\nmatch = \"*\"\npresence = false\n");
  const Options o = options({"--history-ttl=1h"});
  ASSERT_EQ(o.rooms.size(), 2u);
  EXPECT_EQ(o.rooms[0].match, "order-status/*");
  EXPECT_EQ(o.rooms[0].options.history_messages, 1u);
  EXPECT_EQ(o.rooms[0].options.slow_consumer, hub::SlowPolicy::drop_oldest);
  EXPECT_EQ(o.rooms[0].options.history_ttl, 1h);
  EXPECT_TRUE(o.rooms[0].options.presence);
  EXPECT_EQ(o.rooms[1].options.history_messages, 7u);
  EXPECT_FALSE(o.rooms[1].options.presence);
  EXPECT_EQ(o.room_defaults.history_messages, 7u);
  EXPECT_TRUE(o.room_defaults.presence);
}

TEST_F(Load, RoomSectionsAreChecked) {
  file("[[rooms]]\nhistory_messages = 1\n");
  EXPECT_EQ(refused(), "FILE:1: [[rooms]] needs match = \"…\"");
  file("[[rooms]]\nmatch = \"\"\n");
  EXPECT_THAT(refused(), StartsWith("FILE:2: match = "));
  file("[[rooms]]\nmatch = \"" + std::string(kRoomPatternSizeMax, 'x') + "\"\n");
  EXPECT_EQ(options().rooms.size(), 1u);
  file("[[rooms]]\nmatch = \"" + std::string(kRoomPatternSizeMax + 1, 'x') + "\"\n");
  EXPECT_THAT(refused(), HasSubstr("1 to 128 bytes"));
  file("[[rooms]]\nmatch = \"a\\n\"\n");
  EXPECT_THAT(refused(), HasSubstr("without control characters"));
  file("[[rooms]]\nmatch = 5\n");
  EXPECT_THAT(refused(), StartsWith("FILE:2: match = 5: must be a pattern"));
  file("[[rooms]]\nmatch = \"a\"\nport = 1\n");
  EXPECT_EQ(refused(), "FILE:3: \"port\" cannot be set per room, only at the top level");
  file("[[rooms]]\nmatch = \"a\"\nhistory_message = 1\n");
  EXPECT_EQ(refused(), "FILE:3: unknown setting of [[rooms]] \"history_message\"; did you mean \"history_messages\"?");
  file("[[rooms]]\nmatch = \"a\"\nhistory_messages = 1000001\n");
  EXPECT_THAT(refused(), StartsWith("FILE:3: history_messages = 1000001: must be a whole number from 1 to 1000000"));
  file("[[rooms]]\nmatch = \"a\"\n[[rooms]]\nmatch = \"a\"\n");
  EXPECT_THAT(refused(), HasSubstr("FILE:3: match = \"a\" is there twice"));
  file("rooms = 5\n");
  EXPECT_EQ(refused(), "FILE:1: rooms must be written as [[rooms]] sections");
  file("[rooms]\nmatch = \"a\"\n");
  EXPECT_EQ(refused(), "FILE:1: rooms must be written as [[rooms]] sections");
}

TEST_F(Load, NumberOfRoomSectionsIsBounded) {
  std::string text;
  for (size_t i = 0; i < kRoomRulesMax; ++i) text += "[[rooms]]\nmatch = \"r" + std::to_string(i) + "\"\n";
  file(text);
  EXPECT_EQ(options().rooms.size(), kRoomRulesMax);
  file(text + "[[rooms]]\nmatch = \"x\"\n");
  EXPECT_THAT(refused(), HasSubstr("at most 250 [[rooms]] sections, not 251"));
}

TEST_F(Load, ImpossibleCombinationsAreRefused) {
  EXPECT_EQ(refused({"--poll-timeout=60s", "--poll-timeout-max=59s"}),
            "poll_timeout = \"1min\" (--poll-timeout) must not be more than poll_timeout_max = \"59s\" "
            "(--poll-timeout-max)");
  EXPECT_EQ(options({"--poll-timeout=60s", "--poll-timeout-max=60s"}).poll_timeout, 60s);
  EXPECT_EQ(refused({"--outbox-size-max=65535"}),
            "message_size_max = \"64KiB\" (default) must not be more than outbox_size_max = \"65535B\" "
            "(--outbox-size-max)");
  EXPECT_EQ(options({"--outbox-size-max=64KiB"}).outbox_size_max, 65536u);
  EXPECT_THAT(refused({"--body-size-max=65535"}), HasSubstr("message_size_max"));
  EXPECT_THAT(refused({"--inflated-size-max=65537"}), HasSubstr("message_size_max"));
  EXPECT_EQ(options({"--inflated-size-max=64KiB"}).inflated_size_max, 65536u);
  EXPECT_THAT(refused({"--receive-buffers=1000"}), HasSubstr("must be a power of two, such as 1024"));
  EXPECT_THAT(refused({"--mesh-ring-slots=100"}), HasSubstr("must be a power of two, such as 128"));
  EXPECT_THAT(refused({"--list-limit=1001"}), HasSubstr("list_limit_max"));
  EXPECT_EQ(options({"--list-limit=1000"}).list_limit, 1000u);
  EXPECT_THAT(refused({"--no-page", "--web-root=/tmp"}), HasSubstr("has no use with page = false"));
  EXPECT_THAT(refused({"--web-root=/nonexistent"}),
              HasSubstr("web_root = \"/nonexistent\" (--web-root) is not a directory"));
  EXPECT_THAT(refused({"--static-dir=/nonexistent"}), HasSubstr("static_dir"));
  EXPECT_EQ(options({"--static-dir=/tmp"}).static_dir, "/tmp");
}

std::vector<std::string> addresses(const Options& options) {
  std::vector<std::string> texts;
  const auto found = listen_addresses(options);
  EXPECT_TRUE(found) << found.error().message;
  if (found) {
    for (const io::SocketAddress& address : *found) texts.push_back(address.to_string());
  }
  return texts;
}

constexpr const char* kKey = "--api-keys=0123456789abcdef";

TEST_F(Load, ListensOnLoopbackUntilThereIsAKey) {
  EXPECT_THAT(addresses(options()), ElementsAre("127.0.0.1:3000", "[::1]:3000"));
  EXPECT_THAT(addresses(options({"--port=4000"})), ElementsAre("127.0.0.1:4000", "[::1]:4000"));
  EXPECT_THAT(addresses(options({kKey})), ElementsAre("[::]:3000"));
  EXPECT_THAT(addresses(options({"--listen=127.0.0.1,[::1]:5000,127.0.0.2:5001"})),
              ElementsAre("127.0.0.1:3000", "[::1]:5000", "127.0.0.2:5001"));
  EXPECT_THAT(addresses(options({"--listen=unix:/tmp/ringcast.sock"})), ElementsAre("unix:/tmp/ringcast.sock"));
}

TEST_F(Load, PublicAddressNeedsAKeyOrInsecure) {
  for (const char* address : {"0.0.0.0", "*", "192.0.2.1", "[::]", "[2001:db8::1]:3000", "127.0.0.1,192.0.2.1"}) {
    const std::string flag = std::string("--listen=") + address;
    const std::string message = refused({flag});
    EXPECT_THAT(message, HasSubstr("without authentication only loopback addresses are allowed")) << address;
    EXPECT_THAT(message, HasSubstr("--insecure"));
    EXPECT_EQ(options({flag, "--insecure"}).insecure, true);
    EXPECT_EQ(options({flag, kKey}).insecure, false);
  }
  EXPECT_THAT(refused({"--admin-listen=0.0.0.0:3001"}), HasSubstr("admin_listen"));
  EXPECT_EQ(options({"--admin-listen=127.0.0.1:3001"}).admin_listen, "127.0.0.1:3001");
}

TEST_F(Load, AddressesAreChecked) {
  EXPECT_THAT(refused({"--listen=nowhere"}), HasSubstr("(--listen)"));
  EXPECT_THAT(refused({"--listen=127.0.0.1,127.0.0.1:3000"}), HasSubstr("127.0.0.1:3000 is there twice"));
  EXPECT_THAT(refused({"--admin-listen=127.0.0.1:3000"}), HasSubstr("must differ"));
  EXPECT_THAT(refused({"--admin-listen=127.0.0.1"}), HasSubstr("admin_listen"));
}

TEST_F(Load, ProxiesAndOriginsAreChecked) {
  EXPECT_THAT(refused({"--trusted-proxies=10.0.0.1/8"}), HasSubstr("the network is 10.0.0.0"));
  EXPECT_THAT(refused({"--trusted-proxies=lb.example.org"}), HasSubstr("trusted_proxies"));
  EXPECT_THAT(refused({"--proxy-listen=127.0.0.1:3001"}), HasSubstr("without trusted_proxies"));
  EXPECT_THAT(refused({"--proxy-listen=127.0.0.1", "--trusted-proxies=127.0.0.1"}), HasSubstr("must differ"));
  EXPECT_THAT(refused({"--proxy-listen=nowhere", "--trusted-proxies=unix"}), HasSubstr("(--proxy-listen)"));
  EXPECT_THAT(refused({"--proxy-listen=0.0.0.0:3001", "--trusted-proxies=10.0.0.0/8"}), HasSubstr("--insecure"));
  const Options both = options({"--proxy-listen=127.0.0.1:3001", "--trusted-proxies=127.0.0.1,unix,2001:db8::/32"});
  EXPECT_THAT(both.trusted_proxies, ElementsAre("127.0.0.1", "unix", "2001:db8::/32"));
  EXPECT_EQ(proxy_listen_addresses(both)->front().to_string(), "127.0.0.1:3001");
  EXPECT_THAT(refused({"--origins=*", "--cors-credentials"}), HasSubstr("cors_credentials"));
  EXPECT_TRUE(options({"--origins=https://a.example", "--cors-credentials"}).cors_credentials);
}

TEST_F(Load, WhatCanNeverMatchIsRefused) {
  EXPECT_EQ(
      refused({"--hosts=https://push.example.org"}),
      "hosts = [\"https://push.example.org\"] (--hosts): \"https://push.example.org\" can match no Host header: it "
      "has neither scheme nor path; write \"push.example.org\"");
  for (const char* origin : {"example.org", "https://example.org/", "https://*"}) {
    EXPECT_THAT(refused({std::string("--origins=https://a.example,") + origin}),
                HasSubstr("can match no Origin header"));
  }
  EXPECT_THAT(refused({"--cors-credentials"}), HasSubstr("has no use without origins"));

  EXPECT_EQ(refused({"--api-keys=0123456789abcdef,billing:0123456789abcde"}).find("0123456789"), std::string::npos);
  EXPECT_THAT(refused({"--api-keys=0123456789abcdef,billing:0123456789abcde"}),
              HasSubstr("api_keys (--api-keys): key 2 is not of the form NAME:SECRET"));
  EXPECT_THAT(refused({"--api-keys=my name:0123456789abcdef"}), HasSubstr("NAME:SECRET"));
  EXPECT_THAT(refused({"--api-keys=a: 0123456789abcdef"}), HasSubstr("a blank after the colon"));
  EXPECT_THAT(refused({"--api-keys=a:0123456789abcdef,b:0123456789abcdef"}),
              HasSubstr("key 2 has the secret of key 1"));
  EXPECT_EQ(options({"--api-keys=a:0123456789abcdef,a:fedcba9876543210"}).api_keys.size(), 2u);  // an exchange

  for (const char* flag :
       {"--jwt-issuers=us", "--jwt-audiences=push", "--token-cookie=session", "--revocations-file=/x"})
    EXPECT_THAT(refused({flag}), HasSubstr("has no use without jwt_keys or jwks")) << flag;
  EXPECT_EQ(options({"--jwks=https://issuer/keys", "--jwt-issuers=us"}).jwt_issuers.size(), 1u);
  EXPECT_THAT(refused({"--jwks=https://issuer/keys", "--token-cookie=my session"}), HasSubstr("no name of a cookie"));
  EXPECT_THAT(refused({"--jwks=ftp://issuer/keys"}), HasSubstr("jwks (--jwks) must be a file or a URL"));
  EXPECT_THAT(refused({"--jwks=https:///keys"}), HasSubstr("jwks (--jwks) must be a file or a URL"));
  EXPECT_THAT(refused({"--jwks=http://issuer/keys", "--jwks-ca-file=/x"}), HasSubstr("has no use without jwks"));
}

TEST_F(Load, AddressesThatCannotBeTogetherAreRefused) {
  EXPECT_THAT(refused({"--insecure", "--listen=*,127.0.0.1"}),
              HasSubstr("127.0.0.1:3000 and [::]:3000 are the same port"));
  EXPECT_THAT(refused({"--insecure", "--listen=127.0.0.1,0.0.0.0"}), HasSubstr("are the same port"));
  EXPECT_THAT(refused({"--insecure", "--listen=[::1],*"}), HasSubstr("are the same port"));
  EXPECT_THAT(refused({"--listen=unix:/tmp/a,unix:/tmp/a"}), HasSubstr("is there twice"));
  EXPECT_THAT(refused({"--insecure", "--listen=*", "--admin-listen=127.0.0.1:3000"}), HasSubstr("must differ"));
  EXPECT_THAT(refused({"--trusted-proxies=unix", "--proxy-listen=unix:/tmp/p", "--admin-listen=unix:/tmp/p"}),
              HasSubstr("must differ from the addresses of proxy_listen"));
  EXPECT_EQ(options({"--insecure", "--listen=0.0.0.0,[::1],*:3001"}).listen.size(), 3u);
  EXPECT_EQ(options({"--listen=127.0.0.1:0,[::1]:0"}).listen.size(), 2u);
}

TEST_F(Load, SectionsThatAreNeverReachedAreRefused) {
  const auto rooms = [&](const std::string& first, const std::string& second) {
    file("[[rooms]]\nmatch = \"" + first + "\"\n[[rooms]]\nmatch = \"" + second + "\"\n");
  };
  for (const auto& [first, second] : {std::pair{"**", "a"}, {"*", "chat-*"}, {"a/**", "a/b*/c"}, {"**", "@*"}}) {
    rooms(first, second);
    EXPECT_THAT(refused(), HasSubstr("is never reached")) << second;
  }
  for (const auto& [first, second] : {std::pair{"*", "a/*"}, {"a/*", "a/**"}, {"a*/*b", "a**b"}, {"chat-*", "*"}}) {
    rooms(first, second);
    EXPECT_EQ(options().rooms.size(), 2u) << second;
  }
  rooms("a", "b,c");
  EXPECT_THAT(refused(), HasSubstr("FILE:4: match = \"b,c\": it matches no room"));
  rooms("a", "@me");
  EXPECT_THAT(refused(), HasSubstr("it matches no room"));
  file("[[permissions]]\nmatch = \"@me\"\nallow = \"publish\"\n");
  EXPECT_THAT(refused(), HasSubstr("\"@{user}\""));

  file("[[routes]]\npath = \"/a/{}\"\nwith = [\"x\"]\n[[routes]]\npath = \"/a/b\"\nwith = [\"x\", \"y\"]\n");
  EXPECT_EQ(refused(), "FILE:4: path = \"/a/b\" is never reached: the section of \"/a/{}\" before it takes it");
  file("[[routes]]\npath = \"/a/{}\"\nwith = [\"x\", \"y\"]\n[[routes]]\npath = \"/a/b\"\nwith = [\"x\"]\n");
  EXPECT_EQ(options().routes.size(), 2u);
  file("[[routes]]\npath = \"/\xc3\xa4\"\n");
  EXPECT_THAT(refused(), HasSubstr("must be a path"));
}

TEST_F(Load, PrintedConfigurationLoadsBackToTheSame) {
  file("[[rooms]]\nmatch = 'a \"quoted\" \\ name'\nfirst_id = 1\n[[rooms]]\nmatch = \"ö/**\"\nhistory_ttl = \"90s\"\n");
  const std::vector<std::string> flags = {"--listen=127.0.0.1",   "--spin=50us", "--origins=https://a,https://b",
                                          "--io=epoll",           "--no-page",   "--retry=1500ms",
                                          "--history-messages=0", kKey};
  const Options first = options(flags);
  auto with_print = flags;
  with_print.insert(with_print.end(), {"--print-config", "--show-secrets"});
  const auto printed = load(with_print);
  ASSERT_TRUE(printed);
  EXPECT_EQ(printed->action, Invocation::Action::print);
  file(printed->text);
  EXPECT_EQ(options(), first);
  EXPECT_NE(first, Options{});
  EXPECT_EQ(print_config(options(), Secrets::shown), printed->text);
}

TEST_F(Load, SecretsArePrintedOnlyWhenAskedForAndNotLoadedHidden) {
  const std::string hooks =
      "[[webhooks]]\nurl = \"https://user:pass-word@h.example/x?key=quite-secret\"\nsecret = \"hook-secret\"\nevents = "
      "[\"join\"]\n";
  file("api_keys = [\"billing:0123456789abcdef\", \"fedcba9876543210\"]\njwks = \"https://u:p@i.example/k?t=1234\"\n" +
       hooks);
  const auto hidden = load({"--print-config"});
  ASSERT_TRUE(hidden) << hidden.error().message;
  for (const char* secret :
       {"0123456789abcdef", "fedcba9876543210", "u:p@", "1234", "pass-word", "quite-secret", "hook-secret"})
    EXPECT_EQ(hidden->text.find(secret), std::string::npos) << secret;
  EXPECT_THAT(hidden->text, HasSubstr("\"billing:(hidden; --show-secrets)\", \"(hidden; --show-secrets)\""));
  EXPECT_THAT(hidden->text, HasSubstr("(hidden; --show-secrets) https://h.example/x"));
  const auto shown_text = load({"--print-config", "--show-secrets"})->text;
  EXPECT_THAT(shown_text, HasSubstr("hook-secret"));
  EXPECT_THAT(refused({"--show-secrets"}), HasSubstr("beside --print-config"));

  // Each hidden secret alone stops a start: nobody gets a server whose key everybody can read in the documentation.
  file("api_keys = [\"(hidden; --show-secrets)\"]\n");
  EXPECT_THAT(refused(), HasSubstr("was hidden when this was printed"));
  file("api_keys = [\"billing:(hidden; --show-secrets)\"]\n");
  EXPECT_THAT(refused(), HasSubstr("was hidden when this was printed"));
  file("[[webhooks]]\nurl = \"http://h\"\nevents = [\"join\"]\nsecret = \"(hidden; --show-secrets)\"\n");
  EXPECT_THAT(refused(), HasSubstr("was hidden when this was printed"));
  file("[[webhooks]]\nurl = \"(hidden; --show-secrets) http://h/\"\nevents = [\"join\"]\n");
  EXPECT_THAT(refused(), HasSubstr("must be a URL"));
  file("jwks = \"(hidden; --show-secrets) https://i.example/k\"\n");
  EXPECT_THAT(refused(), HasSubstr("must be a file or a URL"));
}

TEST_F(Load, PrintedDefaultsNameEverySetting) {
  const std::string text = print_config(Options{}, Secrets::shown);
  for (const Setting& setting : settings()) EXPECT_THAT(text, HasSubstr("\n" + std::string(setting.key) + " = "));
  file(text);
  EXPECT_EQ(options(), Options{});
}

TEST_F(Load, CheckHelpAndVersionPrintAndEnd) {
  const auto checked = load({"--check-config"});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->action, Invocation::Action::check);
  EXPECT_THAT(refused({"--check-config", "--retry=0"}), HasSubstr("retry"));
  const auto help = load({"--help"});
  ASSERT_TRUE(help);
  EXPECT_EQ(help->action, Invocation::Action::print);
  for (const Setting& setting : settings()) EXPECT_THAT(help->text, HasSubstr(flag_of(setting).substr(2)));
  EXPECT_THAT(help->text, HasSubstr("ringcast doctor [flags]"));
  const auto version = load({"--version"});
  ASSERT_TRUE(version);
  EXPECT_THAT(version->text, StartsWith("ringcast "));
  EXPECT_EQ(load()->action, Invocation::Action::run);
}

TEST(Reload, TakesWhatCanChangeAndNamesTheRest) {
  Options running;
  Options loaded;
  EXPECT_THAT(diff_reloadable(running, loaded).reloadable, IsEmpty());
  EXPECT_THAT(diff_reloadable(running, loaded).needs_restart, IsEmpty());
  loaded.log_level = LogLevel::debug;
  loaded.origins = {"https://a.example"};
  loaded.port = 4000;
  loaded.room_defaults.first_id = 1;
  loaded.rooms.push_back({"a", loaded.room_defaults});
  const OptionsChange change = diff_reloadable(running, loaded);
  EXPECT_THAT(change.reloadable, ElementsAre("origins", "log_level"));
  EXPECT_THAT(change.needs_restart, ElementsAre("port", "first_id", "rooms"));
  const Options merged = apply_reloadable(running, loaded);
  EXPECT_EQ(merged.log_level, LogLevel::debug);
  EXPECT_EQ(merged.origins, loaded.origins);
  EXPECT_EQ(merged.port, 3000u);
  EXPECT_EQ(merged.room_defaults.first_id, 0u);
  EXPECT_THAT(merged.rooms, IsEmpty());
}

// Without keys a fresh start listens on loopback only; a running server keeps the addresses that it has.
TEST(Reload, DoesNotTurnAuthenticationOnOrOff) {
  Options open;
  Options locked;
  locked.api_keys = {"0123456789abcdef"};
  EXPECT_THAT(diff_reloadable(locked, open).needs_restart, ElementsAre("api_keys"));
  EXPECT_THAT(diff_reloadable(open, locked).needs_restart, ElementsAre("api_keys"));
  EXPECT_TRUE(apply_reloadable(locked, open).has_authentication());
  Options other = locked;
  other.api_keys = {"fedcba9876543210", "0123456789abcdef"};
  EXPECT_THAT(diff_reloadable(locked, other).reloadable, ElementsAre("api_keys"));
  EXPECT_EQ(apply_reloadable(locked, other).api_keys, other.api_keys);
}

}  // namespace
}  // namespace ringcast::server
