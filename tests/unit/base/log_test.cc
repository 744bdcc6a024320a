// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "base/line_output.h"
#include "base/log_record.h"

namespace ringcast {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Lines as the sink wrote them.
class Lines {
 public:
  std::function<void(std::string_view)> writer() {
    return [this](std::string_view line) {
      std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  std::vector<std::string> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

LogOptions options_for(Lines& lines, bool json = false) {
  LogOptions options;
  options.json = json;
  options.write = lines.writer();
  return options;
}

TEST(Log, TextForm) {
  Lines lines;
  LogService service(options_for(lines));
  log_warning("listener_opened",
              {{"address", "[::1]:8080"}, {"port", 8080}, {"ratio", 0.5}, {"tls", false}, {"n", -3}});
  log_debug("not_shown");
  service.flush();
  const auto got = lines.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_THAT(got[0], MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z warning listener_opened "
                                   "address=\"\\[::1\\]:8080\" port=8080 ratio=0\\.5 tls=false n=-3\n"));
}

TEST(Log, JsonFormIsJson) {
  Lines lines;
  LogService service(options_for(lines, true));
  log_error("failed", {{"why", std::string_view("a\"b\\c\n\x01\xff\xc3\xa9", 10)},
                       {"big", std::numeric_limits<uint64_t>::max()},
                       {"nan", std::numeric_limits<double>::quiet_NaN()},
                       {"yes", true}});
  service.flush();
  const auto got = lines.take();
  ASSERT_EQ(got.size(), 1u);
  simdjson::dom::parser parser;
  simdjson::dom::element line;
  ASSERT_EQ(parser.parse(got[0]).get(line), simdjson::SUCCESS) << got[0];
  EXPECT_EQ(std::string_view(line["level"]), "error");
  EXPECT_EQ(std::string_view(line["event"]), "failed");
  EXPECT_EQ(std::string_view(line["why"]), "a\"b\\c\n\x01\xef\xbf\xbd\xc3\xa9");
  EXPECT_EQ(uint64_t(line["big"]), std::numeric_limits<uint64_t>::max());
  EXPECT_TRUE(line["nan"].is_null());
  EXPECT_TRUE(bool(line["yes"]));
}

TEST(Log, ClientsCannotWriteLinesOrSteerTerminals) {
  std::string out;
  append_log_escaped(out, "a\r\nb\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\x80", false);
  EXPECT_EQ(out, R"(a\u000d\u000ab\u001b[2J\u007f\u009b\u202e\u2028\x80)");
  out.clear();
  append_log_escaped(out, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", false);
  EXPECT_EQ(out, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  out.clear();
  append_log_escaped(out, "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", true);  // overlong, surrogate, too large, cut
  for (size_t i = 0; i < out.size(); i += 6) EXPECT_EQ(out.substr(i, 6), "\\ufffd");
  EXPECT_EQ(out.size(), 11u * 6);
}

TEST(Log, AnyTextGivesOneLineAndValidJson) {
  std::mt19937 random(5);
  simdjson::dom::parser parser;
  for (int round = 0; round < 3000; ++round) {
    std::string key_value(random() % 700, '\0');
    for (char& byte : key_value) byte = static_cast<char>(random() % 4 == 0 ? random() % 32 : random() % 256);
    LogRecord record;
    for (bool json : {false, true}) {
      format_log_record(record, LogLevel::info, 3, "event", {{"first", key_value}, {"second", 2}}, json);
      for (char c : record.view()) ASSERT_TRUE(static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
    }
    simdjson::dom::element line;
    ASSERT_EQ(parser.parse("{" + std::string(record.view()) + "}").get(line), simdjson::SUCCESS) << record.view();
    EXPECT_EQ(uint64_t(line["core"]), 3u);
    // Either everything is there or the line says that something is missing.
    bool cut = false;
    ASSERT_TRUE(line["cut"].get(cut) == simdjson::NO_SUCH_FIELD || cut);
    uint64_t second = 0;
    EXPECT_TRUE(cut || line["second"].get(second) == simdjson::SUCCESS);
  }
}

TEST(Log, ThreadsWithARingKeepTheirOrder) {
  Lines lines;
  LogOptions options = options_for(lines);
  options.ring_records = 1024;
  {
    LogService service(std::move(options));
    std::vector<std::thread> threads;
    for (uint32_t core = 0; core < 3; ++core) {
      threads.emplace_back([core] {
        LogThread ring(core);
        for (int i = 0; i < 500; ++i) log_info("step", {{"i", i}});
      });
    }
    for (int i = 0; i < 100; ++i) log_info("cold", {{"i", i}});
    for (std::thread& thread : threads) thread.join();
  }
  int next[4] = {};
  for (const std::string& line : lines.take()) {
    const size_t core = line.find("core=");
    const size_t who = core == std::string::npos ? 3 : static_cast<size_t>(line[core + 5] - '0');
    EXPECT_THAT(line, EndsWith(" i=" + std::to_string(next[who]++) + "\n"));
  }
  EXPECT_THAT(next, ::testing::ElementsAre(500, 500, 500, 100));
}

// A sink whose thread stands still in a write for as long as a lock is held.
class HeldSink {
 public:
  explicit HeldSink(LogOptions& options) {
    options.write = [this, write = options.write](std::string_view line) {
      holding_.store(true);
      holding_.notify_one();
      std::lock_guard lock(held_);
      write(line);
    };
  }
  // `log` writes the line that it stands still in.
  template <class F>
  std::unique_lock<std::mutex> hold(F log) {
    std::unique_lock lock(held_);
    holding_.store(false);
    log();
    holding_.wait(false);
    return lock;
  }

 private:
  std::mutex held_;
  std::atomic<bool> holding_{false};
};

TEST(Log, AFullRingLosesRecordsAndSaysHowMany) {
  Lines lines;
  LogOptions options = options_for(lines);
  options.ring_records = 4;
  HeldSink sink(options);
  LogService service(std::move(options));
  {
    LogThread ring(7);
    {
      const auto lock = sink.hold([] { log_info("first"); });
      for (int i = 0; i < 10; ++i) log_info("more", {{"i", i}});
    }
    service.flush();
    const auto got = lines.take();
    ASSERT_EQ(got.size(), 5u);
    EXPECT_THAT(got[3], EndsWith("more core=7 i=2\n"));
    EXPECT_THAT(got[4], HasSubstr("warning log_records_lost core=7 count=7"));
    log_info("after");
    service.flush();
    EXPECT_EQ(lines.take().size(), 1u);
  }
}

TEST(Log, ABurstOfDebugLinesLeavesRoomForWarnings) {
  Lines lines;
  LogOptions options = options_for(lines);
  options.level = LogLevel::debug;
  HeldSink sink(options);
  LogService service(std::move(options));
  const auto burst = [&](auto line, int most) {
    auto lock = sink.hold([] { log_debug("first"); });
    for (int i = 0; i < most; ++i) line(i);
    for (int i = 0; i < 10; ++i) log_warning("disk_full", {{"i", i}});
    log_error("stopping");
    lock.unlock();
    service.flush();
    size_t warnings = 0;
    for (const std::string& text : lines.take()) {
      warnings += text.find("disk_full") != std::string::npos || text.find("stopping") != std::string::npos;
    }
    EXPECT_EQ(warnings, 11u);
  };
  const auto debug = [](int i) { log_debug("noise", {{"i", i}}); };
  burst(debug, 1000);  // in the ring that threads share
  LogThread ring(7);
  burst(debug, 100);
  burst([](int i) { log_info("noise", {{"i", i}}); }, 100);
}

TEST(Log, LevelsChangeAtRunTime) {
  Lines lines;
  LogService service(options_for(lines));
  EXPECT_FALSE(log_enabled(LogLevel::debug));
  service.set_level(LogLevel::debug);
  log_debug("shown");
  service.set_level(LogLevel::off);
  log_error("hidden");
  service.flush();
  EXPECT_EQ(lines.take().size(), 1u);
  EXPECT_EQ(log_level_from("warning"), LogLevel::warning);
  EXPECT_EQ(log_level_from("loud"), std::nullopt);
  EXPECT_EQ(to_string(LogLevel::off), "off");
}

TEST(Log, FilesAreAppendedToAndReopened) {
  const std::filesystem::path directory = std::filesystem::path(::testing::TempDir()) / "ringcast_log_test";
  std::filesystem::create_directories(directory);
  const std::filesystem::path path = directory / "server.log";
  const std::filesystem::path moved = directory / "server.log.1";
  std::filesystem::remove(path);
  std::filesystem::remove(moved);
  const auto read = [](const std::filesystem::path& from) {
    std::ifstream file(from);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  {
    LogOptions options;
    options.path = path;
    LogService service(options);
    log_info("before");
    service.flush();
    std::filesystem::rename(path, moved);
    service.reopen();
    log_info("after");
  }
  EXPECT_THAT(read(moved), EndsWith("info before\n"));
  EXPECT_THAT(read(path), EndsWith("info after\n"));
  EXPECT_THROW(LogService(LogOptions{.path = directory / "missing" / "server.log"}), std::runtime_error);
  std::filesystem::remove_all(directory);
}

// A pipe that is full and that nobody reads, as a log file.
class FullPipe {
 public:
  FullPipe() {
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC | O_NONBLOCK), 0);
    fill();
    // The end that others hold is an ordinary one.
    EXPECT_EQ(::fcntl(ends_[1], F_SETFL, 0), 0);
  }
  ~FullPipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(ends_[1]); }
  int write_end() const { return ends_[1]; }
  // What is in it; there is room afterwards.
  std::string read() {
    std::string text;
    char piece[4096];
    for (ssize_t got; (got = ::read(ends_[0], piece, sizeof piece)) > 0;) text.append(piece, static_cast<size_t>(got));
    return text;
  }
  // What comes, until `wanted` is in it.
  std::string read_until(std::string_view wanted) {
    std::string text;
    while (text.find(wanted) == std::string::npos) {
      pollfd more{.fd = ends_[0], .events = POLLIN, .revents = 0};
      if (::poll(&more, 1, 30'000) != 1) break;
      text += read();
    }
    return text;
  }

 private:
  void fill() {
    const std::string page(4096, '.');
    while (::write(ends_[1], page.data(), page.size()) > 0) continue;
    while (::write(ends_[1], page.data(), 1) > 0) continue;
  }
  int ends_[2];
};

TEST(Log, NobodyWaitsForAReaderThatDoesNotRead) {
  FullPipe pipe;
  constexpr int kRecords = 2000;
  {
    LogService service(LogOptions{.path = pipe.path()});
    std::thread reactor([] {
      LogThread ring(3);
      for (int i = 0; i < kRecords; ++i) log_info("hot", {{"i", i}});
    });
    std::thread cold([] {
      for (int i = 0; i < kRecords; ++i) log_info("cold", {{"i", i}});
    });
    reactor.join();
    cold.join();
    service.flush();
    service.reopen();
    // Every record is there when there is room again, or counted.
    std::string text = pipe.read_until("log_records_lost core=3");
    service.flush();
    log_info("room");
    text += pipe.read_until("info room\n");
    int kept = 0;
    int lost = 0;
    std::istringstream lines(text.substr(text.find_last_of('.', text.find("info ")) + 1));
    for (std::string line; std::getline(lines, line);) {
      const size_t count = line.find(" count=");
      if (line.find("log_records_lost") != std::string::npos) {
        ASSERT_NE(count, std::string::npos) << line;
        lost += std::stoi(line.substr(count + 7));
      } else {
        kept += line.find("hot") != std::string::npos || line.find("cold") != std::string::npos;
      }
    }
    EXPECT_EQ(kept + lost, 2 * kRecords);
    EXPECT_GT(lost, 0);
  }
  // Nor does the end of the process.
  FullPipe other;
  LogService service(LogOptions{.path = other.path()});
  log_info("never_read");
}

TEST(Log, ADescriptorOfTheProcessIsWrittenToWithoutWaiting) {
  FullPipe pipe;
  LineOutput output(pipe.write_end());
  EXPECT_EQ(output.write_some("text"), -EAGAIN);
  EXPECT_FALSE(output.write_within("text", std::chrono::milliseconds(1)));
  EXPECT_EQ(::fcntl(pipe.write_end(), F_GETFL) & O_NONBLOCK, 0);  // others write to it as they did
  pipe.read();
  EXPECT_TRUE(output.write_within("text", std::chrono::milliseconds(0)));
  EXPECT_EQ(pipe.read(), "text");

  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  LineOutput socket(ends[0]);
  const std::string large(1 << 20, 'x');
  EXPECT_FALSE(socket.write_within(large, std::chrono::milliseconds(1)));
  EXPECT_EQ(socket.write_some("text"), -EAGAIN);
  ::close(ends[1]);
  EXPECT_EQ(socket.write_some("text"), -EPIPE);
  ::close(ends[0]);
}

TEST(Log, WhatAFullDiskTakesIsCounted) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "ringcast_log_test_link";
  const std::filesystem::path file = path.string() + ".log";
  std::filesystem::remove(path);
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/full", path);
  {
    LogService service(LogOptions{.path = path});
    for (int i = 0; i < 5; ++i) {
      log_info("lost");
      service.flush();
    }
    std::filesystem::remove(path);
    std::filesystem::create_symlink(file, path);
    service.reopen();
    log_info("kept");
  }
  std::ifstream from(file);
  const std::string text(std::istreambuf_iterator<char>(from), {});
  EXPECT_THAT(text, HasSubstr("warning log_records_lost count=5\n"));
  EXPECT_THAT(text, EndsWith("info kept\n"));
  std::filesystem::remove(path);
  std::filesystem::remove(file);
}

TEST(Log, WorksBeforeItsServiceExists) {
  ::testing::internal::CaptureStderr();
  log_warning("early", {{"text", "a\nb"}});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), EndsWith("warning early text=\"a\\u000ab\"\n"));
}

TEST(LogSampler, LetsABurstThroughPerIntervalAndCountsTheRest) {
  LogSampler sampler(2, 1000);
  EXPECT_EQ(sampler.pass(5), 0u);
  EXPECT_EQ(sampler.pass(6), 0u);
  EXPECT_EQ(sampler.pass(7), std::nullopt);
  EXPECT_EQ(sampler.pass(1004), std::nullopt);
  EXPECT_EQ(sampler.pass(1005), 2u);
  EXPECT_EQ(sampler.pass(1006), 0u);
  EXPECT_EQ(sampler.pass(1007), std::nullopt);
}

}  // namespace
}  // namespace ringcast
