// SPDX-License-Identifier: Apache-2.0
// send_floor: what the kernel charges for one message to each of many sockets, without any server: a bare loop of
// send() over loopback sockets with a reader process behind them. tools/compare runs it beside the servers, paced like
// them, because the price of a send depends on the machine, the minute and how long the sender slept.
// With --echo: recv() and send() over the sockets in turn, the floor of an echo.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "io/descriptor_table.h"

namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr int kEventsAtOnce = 256;

struct Options {
  uint32_t sockets = 1000;
  uint32_t bytes = 256;
  double rate = 0;  // bursts to all sockets per second; 0: one after the other
  double duration_s = 5;
  bool echo = false;
  std::vector<int> sender_cpus;
  std::vector<int> reader_cpus;
};

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "send_floor: %s: %s\n", what, std::strerror(errno));
  std::_Exit(1);
}

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void sleep_until(double at_s) {
  const auto whole = static_cast<time_t>(at_s);
  const timespec at{.tv_sec = whole, .tv_nsec = static_cast<long>((at_s - static_cast<double>(whole)) * 1e9)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

void pin(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}

void set_no_delay(int fd) {
  const int on = 1;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
}

void send_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, data, size, MSG_NOSIGNAL);
    if (sent < 0) die("send");
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

void receive_all(int fd, char* data, size_t size) {
  const ssize_t got = ::recv(fd, data, size, MSG_WAITALL);
  if (got != static_cast<ssize_t>(size)) die("recv");
}

std::vector<int> connect_all(const Options& options, const sockaddr_in& to) {
  std::vector<int> sockets;
  for (uint32_t i = 0; i < options.sockets; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) die("connect");
    set_no_delay(fd);
    sockets.push_back(fd);
  }
  return sockets;
}

// The reading end, until it is killed.
[[noreturn]] void read_for_ever(const std::vector<int>& sockets) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : sockets) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
  std::vector<char> buffer(kReadBytes);
  std::array<epoll_event, kEventsAtOnce> events;
  while (true) {
    const int ready = ::epoll_wait(poll, events.data(), kEventsAtOnce, -1);
    for (int i = 0; i < ready; ++i) {
      if (::recv(events[static_cast<size_t>(i)].data.fd, buffer.data(), buffer.size(), 0) <= 0) std::_Exit(0);
    }
  }
}

// The asking end of echoes: a message under way on each socket, until it is killed.
[[noreturn]] void ask_for_ever(const std::vector<int>& sockets, size_t bytes) {
  std::vector<char> buffer(bytes);
  for (const int fd : sockets) send_all(fd, buffer.data(), bytes);
  while (true) {
    for (const int fd : sockets) {
      receive_all(fd, buffer.data(), bytes);
      send_all(fd, buffer.data(), bytes);
    }
  }
}

pid_t start_reader(const Options& options, const sockaddr_in& to) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) die("fork");
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::_Exit(0);
  pin(options.reader_cpus);
  const std::vector<int> sockets = connect_all(options, to);
  if (options.echo) ask_for_ever(sockets, options.bytes);
  read_for_ever(sockets);
}

std::vector<int> accept_all(int listener, uint32_t count) {
  std::vector<int> sockets;
  while (sockets.size() < count) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept4");
    set_no_delay(fd);
    sockets.push_back(fd);
  }
  return sockets;
}

void measure(const Options& options, const std::vector<int>& sockets) {
  std::vector<char> message(options.bytes, 'x');
  const double begin = seconds_of(CLOCK_MONOTONIC);
  const double cpu_begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const double end = begin + options.duration_s;
  uint64_t rounds = 0;
  do {
    if (options.rate > 0) sleep_until(begin + static_cast<double>(rounds) / options.rate);
    for (const int fd : sockets) {
      if (options.echo) receive_all(fd, message.data(), message.size());
      send_all(fd, message.data(), message.size());
    }
    ++rounds;
  } while (seconds_of(CLOCK_MONOTONIC) < end);
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
  const double seconds = seconds_of(CLOCK_MONOTONIC) - begin;
  const double sends = static_cast<double>(rounds) * static_cast<double>(sockets.size());
  std::printf(
      "{\"sockets\":%u,\"bytes\":%u,\"sends\":%.0f,\"seconds\":%.3f,\"sends_per_s\":%.1f,"
      "\"cpu_us_per_send\":%.4f,\"load\":%.4f}\n",
      options.sockets, options.bytes, sends, seconds, sends / seconds, cpu * 1e6 / sends, cpu / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("send_floor: the price of a bare send() to each of many loopback sockets", "send_floor");
  app.add_option("--sockets", options.sockets)->check(CLI::Range(1u, 1u << 20));
  app.add_option("--bytes", options.bytes, "of a message")->check(CLI::Range(1u, 1u << 20));
  app.add_option("--rate", options.rate, "messages to each socket per second; 0: as fast as it goes")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--duration", options.duration_s, "seconds")->check(CLI::PositiveNumber);
  app.add_flag("--echo", options.echo, "each socket's message is read and sent back");
  app.add_option("--sender-cpus", options.sender_cpus, "CPUs of the sender")->delimiter(',');
  app.add_option("--reader-cpus", options.reader_cpus, "CPUs of the reader")->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  (void)ringcast::io::raise_descriptor_limit();
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, SOMAXCONN) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    die("listen");
  const pid_t reader = start_reader(options, address);
  pin(options.sender_cpus);
  const std::vector<int> sockets = accept_all(listener, options.sockets);
  measure(options, sockets);
  ::kill(reader, SIGKILL);
  ::waitpid(reader, nullptr, 0);
  return 0;
}
