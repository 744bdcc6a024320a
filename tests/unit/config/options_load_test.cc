// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "compat/presets.h"
#include "config/options_table.h"
#include "io/socket_address.h"

namespace ringcast::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
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

TEST_F(Load, ASocketIoPathIsNoOneElses) {
  for (const char* path : {"/ws", "/ws/", "/events", "/messages/", "/rooms/x/members", "/metrics"}) {
    EXPECT_THAT(refused({std::string("--socketio-path=") + path}), HasSubstr("this path is taken")) << path;
  }
  for (const char* path : {"/a/../b", "/a/./b/", "/a//b"}) {
    EXPECT_THAT(refused({std::string("--socketio-path=") + path}), HasSubstr("a path has no empty parts")) << path;
  }
  EXPECT_EQ(options({"--socketio-path=/chat/live"}).socketio_path, "/chat/live");
}

TEST_F(Load, WhatHasNoUseIsRefused) {
  EXPECT_THAT(refused({"--socketio-payload-size-max=60MiB"}), HasSubstr("must not be more than body_size_max (1MiB)"));
  EXPECT_THAT(refused({"--node-name=a"}), HasSubstr("has no use without broker"));
  EXPECT_THAT(refused({"--broker-prefix=a"}), HasSubstr("has no use without broker"));
}

TEST_F(Load, TlsNeedsItsFilesAndAddressesOfItsOwn) {
  const std::vector<std::string> files = {"--tls-certificate=a.pem,b.pem", "--tls-key=a.key,b.key"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), files.begin(), files.end());
    return more;
  };
  const Options tls = options(with({"--tls-listen=127.0.0.1:3443,[::1]:3443", "--api-keys=0123456789abcdef"}));
  EXPECT_TRUE(tls.has_tls());
  EXPECT_EQ(tls_listen_addresses(tls)->back().to_string(), "[::1]:3443");
  EXPECT_EQ(listen_addresses(tls)->front().to_string(), "127.0.0.1:3000");  // plain HTTP only on loopback
  EXPECT_THAT(refused(with({"--tls-listen=127.0.0.1:3000"})), HasSubstr("must differ from the addresses of listen"));
  EXPECT_THAT(refused(with({"--tls-listen=127.0.0.1:3443", "--admin-listen=127.0.0.1:3443"})),
              HasSubstr("must differ from the addresses of tls_listen"));
  EXPECT_THAT(refused(with({"--tls-listen=0.0.0.0:3443"})), HasSubstr("only loopback addresses"));
  EXPECT_THAT(refused(with({"--tls-listen=127.0.0.1"})), HasSubstr("a port is missing"));
  EXPECT_THAT(refused(with({})), HasSubstr("has no use without tls_listen or admin_tls"));
  EXPECT_THAT(refused({"--tls-listen=127.0.0.1:3443"}), HasSubstr("needs tls_certificate and tls_key"));
  EXPECT_THAT(refused({"--tls-listen=127.0.0.1:3443", "--tls-certificate=a.pem,b.pem", "--tls-key=a.key"}),
              HasSubstr("must have as many files"));
}

TEST_F(Load, NamesForABrokerAreWordsOfAscii) {
  const auto with = [&](std::string more) {
    return refused({"--broker=redis://localhost", "--no-presence", std::move(more)});
  };
  EXPECT_EQ(options({"--broker=redis://localhost", "--no-presence", "--node-name=a:1"}).node_name, "a:1");
  EXPECT_THAT(with("--node-name=a b"), HasSubstr("node_name = \"a b\" (--node-name): must be ASCII letters"));
  EXPECT_THAT(with("--broker-prefix=a{b}"), HasSubstr("broker_prefix = \"a{b}\" (--broker-prefix): must be ASCII"));
  EXPECT_THAT(with("--broker-prefix=é"), HasSubstr("must be ASCII letters"));
}

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
      "heartbeat_interval = \"20s\"\noutbox_messages_max = 7\nconnections_max = 9\nslow_consumer = \"drop_oldest\"\n"
      "[[routes]]\npath = \"/live\"\ntransport = \"poll\"\nwith = [\"a\"]\nwithout = [\"b\", \"c\"]\n"
      "[[routes]]\npath = \"/chat\"\nsingle_room = true\n");
  const Options o = options();
  ASSERT_EQ(o.routes.size(), 3u);
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
  EXPECT_TRUE(o.routes[2].settings.single_room);

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

TEST_F(Load, EachPresetIsValidAndPrintsItself) {
  const auto list = load({"--presets"});
  ASSERT_TRUE(list);
  EXPECT_THAT(list->text, HasSubstr("hub_chat "));
  EXPECT_THAT(refused({"--preset=nope"}), HasSubstr("--preset: there is no preset \"nope\"; there are order_status, "));
  for (const session::Preset& preset : session::presets()) {
    file("presets = [\"" + std::string(preset.name) + "\"]\n");
    const Options one = options();
    EXPECT_THAT(one.presets, ElementsAre(std::string(preset.name)));
    file(print_config(one, Secrets::shown));
    EXPECT_EQ(options(), one) << preset.name;
  }
}

// The numbers that the systems of docs/dialects.md have, in their presets or by default.
TEST_F(Load, TheNumbersOfOtherSystems) {
  const Options plain = options();
  EXPECT_LE(plain.heartbeat_interval, 30s);
  EXPECT_EQ(plain.outbox_messages_max, 256u);
  EXPECT_EQ(plain.room_defaults.history_messages, 1000u);
  EXPECT_EQ(plain.room_defaults.slow_consumer, hub::SlowPolicy::disconnect);
  EXPECT_EQ(plain.poll_timeout, 30s);
  EXPECT_EQ(plain.retry, 3s);
  EXPECT_EQ(plain.jwt_name_claim, "name");

  const Options order = options({"--preset=order_status"});
  ASSERT_EQ(order.rooms.size(), 1u);
  EXPECT_EQ(order.rooms[0].match, "order-status/*");
  EXPECT_TRUE(order.rooms[0].options.last_value);

  const Options hub = options({"--preset=token_hub"});
  EXPECT_THAT(hub.origins, ElementsAre("*"));
  ASSERT_EQ(hub.routes.size(), 1u);
  EXPECT_EQ(hub.routes[0].path, "/ws");
  EXPECT_EQ(hub.routes[0].dialect, session::Dialect::token_hub);
  EXPECT_TRUE(hub.routes[0].without_subprotocol);
  EXPECT_EQ(hub.routes[0].settings.heartbeat_interval, 30s);
  EXPECT_FALSE(hub.token_hub_any_path);

  const Options stream = options({"--preset=resumable_stream"});
  ASSERT_EQ(stream.rooms.size(), 1u);
  EXPECT_EQ(stream.rooms[0].match, "general");
  EXPECT_EQ(stream.rooms[0].options.first_id, 1u);
  EXPECT_EQ(stream.rooms[0].options.slow_consumer, hub::SlowPolicy::drop_oldest);
  EXPECT_EQ(stream.rooms[0].options.history_messages, 1000u);

  const Options chat = options({"--preset=room_chat"});
  EXPECT_THAT(chat.origins, ElementsAre("*"));
  EXPECT_TRUE(chat.routes[0].settings.single_room);
  EXPECT_EQ(chat.outbox_messages_max, 256u);

  const Options broker = options({"--preset=sse_broker"});
  ASSERT_EQ(broker.routes.size(), 3u);
  for (const RouteRule& route : {broker.routes[0], broker.routes[1]}) {
    EXPECT_EQ(route.dialect, session::Dialect::broker);
    EXPECT_EQ(route.settings.heartbeat_interval, 30s);
    EXPECT_EQ(route.settings.write_timeout, 5min);
    EXPECT_EQ(route.settings.outbox_messages_max, 256u);
    EXPECT_EQ(route.settings.connections_max, 0u);
    EXPECT_TRUE(route.settings.topics);
  }
  EXPECT_TRUE(broker.sse_broker_topics);
  EXPECT_TRUE(broker.sse_broker_metrics);
  EXPECT_FALSE(plain.sse_broker_metrics);

  const Options everybody = options({"--preset=hub_chat", "--static-dir=/tmp"});
  EXPECT_EQ(everybody.static_prefix, "/");
  ASSERT_EQ(everybody.routes.size(), 1u);
  EXPECT_TRUE(everybody.routes[0].without_subprotocol);
  EXPECT_EQ(everybody.routes[0].settings.message_max, 512u);
  EXPECT_EQ(everybody.routes[0].settings.heartbeat_interval, 54s);
  EXPECT_EQ(everybody.routes[0].settings.heartbeat_interval + everybody.routes[0].settings.heartbeat_timeout, 60s);
  EXPECT_EQ(everybody.routes[0].settings.write_timeout, 10s);

  EXPECT_EQ(options({"--preset=notification_poll"}).poll_timeout, 30s);
}

TEST_F(Load, WhatCanHaveNoEffectIsRefused) {
  for (const char* flag : {"--static-prefix=/",        "--static-file-size-max=1MiB",
                           "--static-cache-size=1MiB", "--content-security-policy=default-src",
                           "--unix-socket-mode=0600",  "--forwarded-header=forwarded",
                           "--tls-min-version=1.3",    "--tls-handshakes-max=8",
                           "--cors-max-age=1h",        "--jwks-refresh=1h",
                           "--jwt-leeway=1s",          "--no-jwt-expiry-required",
                           "--jwt-name-claim=nick",    "--token-notice=5s",
                           "--rate-burst=1s",          "--rate-strikes-max=2",
                           "--rate-subjects-max=5000", "--address-prefix-bits=48",
                           "--broker-timeout=2s",      "--broker-queue-size-max=1MiB"}) {
    EXPECT_THAT(refused({flag}), HasSubstr("has no use without ")) << flag;
  }
  EXPECT_THAT(refused({"--static-prefix=/"}),
              HasSubstr("static_prefix = \"/\" (--static-prefix) has no use without static_dir"));
  EXPECT_THAT(refused({"--socketio-room=hall"}, {"RINGCAST_SOCKETIO_PATH="}),
              HasSubstr("has no use without socketio_path"));
  EXPECT_THAT(refused({"--no-deflate", "--deflate-size-min=2KiB"}), HasSubstr("has no use without deflate"));
  EXPECT_THAT(refused({"--no-presence", "--presence-leave-grace=1s"}), HasSubstr("has no use with presence = false"));
  file("[[rooms]]\nmatch = \"a\"\npresence = false\npresence_leave_grace = \"1s\"\n");
  EXPECT_THAT(refused(), HasSubstr("[[rooms]] match = \"a\": presence_leave_grace has no use with presence = false"));
  file("");
  // What a preset says is there for when the rest is given, and a default that is written down is no mistake.
  EXPECT_EQ(options({"--preset=hub_chat"}).static_prefix, "/");
  EXPECT_EQ(options({"--static-prefix=/static/"}).static_prefix, "/static/");
  EXPECT_EQ(options({"--rate-burst=1s", "--user-messages-per-second=5"}).rate_burst, 1s);
  EXPECT_EQ(options({"--static-dir=/tmp", "--static-prefix=/"}).static_prefix, "/");
  for (const char* line :
       {"dialect = \"broker\"\nsingle_room = true", "dialect = \"gateway\"\nheartbeat_timeout = \"5s\"",
        "dialect = \"chat-hub\"\nretry = \"1s\"", "dialect = \"gateway\"\nenable_topics = false",
        "dialect = \"gateway\"\nmessage_size_max = 100"}) {
    file("[[routes]]\npath = \"/a\"\njoin = [\"*\"]\n" + std::string(line) + "\n");
    EXPECT_THAT(refused(), HasSubstr("has no use on the route /a: leave it out")) << line;
  }
  file("[[routes]]\npath = \"/a\"\ntransport = \"post\"\njoin = [\"*\"]\n");
  EXPECT_THAT(refused(), HasSubstr("join has no use on the route /a"));
  file("[[routes]]\npath = \"/a\"\ndialect = \"gateway\"\ntransport = \"poll\"\njoin = [\"*\"]\n");
  EXPECT_THAT(refused(), HasSubstr("has a transport of its own"));
}

TEST_F(Load, WhatTheOperatorSaysWinsOverPresets) {
  EXPECT_TRUE(options().rooms.empty());
  EXPECT_THAT(options({"--preset=order_status"}).rooms[0].options.final_when,
              ElementsAre("status=completed", "status=failed"));
  EXPECT_THAT(options({"--preset=sse_chat", "--preset=sse_broker"}, {"RINGCAST_PRESETS=room_chat"}).presets,
              ElementsAre("sse_chat", "sse_broker"));
  file(
      "presets = [\"order_status\", \"room_chat\", \"token_hub\", \"hub_chat\"]\n"
      "origins = [\"https://a.example\"]\n"
      "[[rooms]]\nmatch = \"order-status/*\"\nhistory_messages = 7\n"
      "[[routes]]\npath = \"/ws\"\nwith = [\"mobile\"]\n");
  const Options o = options();
  EXPECT_THAT(o.origins, ElementsAre("https://a.example"));
  EXPECT_EQ(o.rooms[0].match, "order-status/*");
  EXPECT_FALSE(o.rooms[0].options.last_value);
  EXPECT_EQ(o.static_prefix, "/");
  // The operator's first, then those of presets that nothing before them covers.
  ASSERT_EQ(o.routes.size(), 4u);
  EXPECT_THAT(o.routes[0].with, ElementsAre("mobile"));
  EXPECT_TRUE(o.routes[1].settings.single_room);
  EXPECT_EQ(o.routes[2].path, "/messages");
  EXPECT_EQ(o.routes[3].dialect, session::Dialect::token_hub);
}

TEST_F(Load, PresetsGiveRightsWhereThereAreTokensAndNoRules) {
  EXPECT_TRUE(options({"--preset=token_hub"}).permissions.empty());
  EXPECT_TRUE(options({"--preset=push_gateway"}).token_cookie.empty());
  EXPECT_EQ(options({"--preset=push_gateway", "--jwks=/dev/null"}).token_cookie, "token");
  EXPECT_EQ(options({"--preset=token_hub", "--jwks=/dev/null"}).permissions.size(), 1u);
  file("presets = [\"token_hub\"]\njwks = \"/dev/null\"\n[[permissions]]\nmatch = \"a\"\nallow = [\"publish\"]\n");
  const Options o = options();
  ASSERT_EQ(o.permissions.size(), 1u);
  EXPECT_EQ(o.permissions[0].match, "a");
}

TEST_F(Load, TheBrokersSettingsHaveItsNames) {
  const std::string preset = "presets = [\"sse_broker\"]\n[sse_broker]\n";
  file(preset +
       "client_buffer_size = 9\nclient_timeout = \"10min\"\nheartbeat_interval = \"60s\"\n"
       "max_connections = 3\nhistory_size = 5\nenable_topics = false\n");
  const Options o = options();
  ASSERT_EQ(o.routes.size(), 3u);
  EXPECT_EQ(o.routes[2].path, "/messages");
  for (const RouteRule& route : {o.routes[0], o.routes[1]}) {
    EXPECT_EQ(route.settings.outbox_messages_max, 9u);
    EXPECT_EQ(route.settings.connections_max, 3u);
    EXPECT_EQ(route.settings.heartbeat_interval, 1min);
    EXPECT_EQ(route.settings.write_timeout, 10min);
  }
  EXPECT_EQ(o.inbox_messages, 5u);
  EXPECT_FALSE(o.sse_broker_topics);
  EXPECT_TRUE(o.sse_broker_metrics);
  const auto refused_with = [&](const std::string& text) {
    file(text);
    return refused();
  };
  EXPECT_THAT(refused_with(preset + "client_buffer_size = 0\n"), HasSubstr("client_buffer_size = 0: must be"));
  EXPECT_THAT(refused_with(preset + "heartbeat_interval = \"4s\"\n"), HasSubstr("5s or more"));
  EXPECT_THAT(refused_with(preset + "client_timeout = \"59s\"\n"), HasSubstr("two heartbeats or more"));
  EXPECT_THAT(refused_with(preset + "max_connections = -1\n"), HasSubstr("or 0 (unlimited)"));
  EXPECT_THAT(refused_with(preset + "enable_topics = \"yes\"\n"), HasSubstr("must be true or false"));
  EXPECT_THAT(refused_with(preset + "history_size = -1\n"),
              HasSubstr("history_size = -1: not a whole number; must be"));
  file(preset + "client_timeout = \"60s\"\nmax_connections = 0\nclient_buffer_size = 1\nheartbeat_interval = \"5s\"\n");
  EXPECT_EQ(options().routes[0].settings.connections_max, 0u);
  EXPECT_THAT(refused_with(preset + "single_room = true\n"),
              HasSubstr("unknown setting of [sse_broker] \"single_room\""));
  EXPECT_THAT(refused_with("[sse_broker]\nmax_connections = 3\n"),
              HasSubstr("has no use without presets = [\"sse_broker\"]"));
  EXPECT_THAT(refused_with("[[routes]]\npath = \"/a\"\ndialect = \"gateway\"\njoin = [\"*\"]\nmax_connections = 3\n"),
              HasSubstr("elsewhere it is connections_max"));
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

TEST_F(Load, WhatDoesNotWorkOverSeveralNodesIsRefused) {
  const std::string broker = "--broker=redis://:secret@h";
  EXPECT_TRUE(options({broker}).room_defaults.presence);
  EXPECT_THAT(print_config(options({broker, "--no-presence"}), Secrets::hidden), Not(HasSubstr("secret@")));
  EXPECT_FALSE(options({broker, "--no-shared"}).room_defaults.shared);
  EXPECT_THAT(refused({broker, "--no-presence", "--first-id=1"}), HasSubstr("ids come from the broker"));
  EXPECT_THAT(refused({"--broker=http://h", "--no-presence"}), HasSubstr("redis://"));
  EXPECT_THAT(refused({"--broker=redis+sentinel://u:secret@h", "--no-presence"}),
              AllOf(HasSubstr("?master=NAME"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refused({broker, "--broker-ca-file=/x.pem"}), HasSubstr("rediss://"));
  EXPECT_THAT(refused({"--broker-ca-file=/x.pem"}), HasSubstr("no use without broker"));
  EXPECT_EQ(options({"--broker=rediss://h", "--broker-ca-file=/x.pem"}).broker_ca_file, "/x.pem");
  EXPECT_THAT(refused({broker, "--no-presence", "--node-name=a b"}), HasSubstr("node_name"));
  EXPECT_THAT(refused({broker, "--no-presence", "--broker-prefix={x}"}), HasSubstr("broker_prefix"));
  file("broker = \"redis://h\"\npresence = false\n[[rooms]]\nmatch = \"a\"\npresence = true\nshared = false\n");
  EXPECT_FALSE(options().rooms[0].options.shared);
  file(
      "broker = \"rediss://h\"\n[[inlets]]\nname = \"a\"\ntype = \"redis_pubsub\"\nfrom = \"x\"\nroom = \"r\"\n"
      "data = \"{body}\"\n");
  EXPECT_THAT(refused(), HasSubstr("inlets do not speak TLS"));
  file("broker = \"redis://h\"\npresence = false\n[[webhooks]]\nurl = \"http://h/\"\nevents = [\"vacated\"]\n");
  EXPECT_THAT(refused(), HasSubstr("occupied and vacated"));
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
                                          "--history-messages=7", kKey};
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
}  // namespace ringcast::config
