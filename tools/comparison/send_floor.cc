// SPDX-License-Identifier: Apache-2.0
// send_floor: what the kernel charges for one message to each of many sockets, without any server: a bare loop of
// send() over loopback sockets with a reader process behind them. tools/compare runs it beside the servers, paced like
// them, because the price of a send depends on the machine, the minute and how long the sender slept.
// With --echo: recv() and send() over the sockets in turn, the floor of an echo.
// With --tls-certificate: the same through OpenSSL, an SSL object for each socket and SSL_write(); it also says what
// handshakes (--resume: all but the first are resumed) and idle connections cost, and with --allocations which lines of
// OpenSSL an idle connection's memory comes from.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
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
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
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
  std::string certificate;  // empty: no TLS
  std::string key;
  bool resume = false;
  bool allocations = false;
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

[[noreturn]] void die_of_tls(const char* what) {
  std::fprintf(stderr, "send_floor: OpenSSL: %s failed\n", what);
  std::_Exit(1);
}

// What OpenSSL has allocated, by the line that did.
struct Allocations {
  struct One {
    const char* file;
    int line;
    size_t size;
  };
  static inline bool counting = false;
  static inline std::unordered_map<void*, One> live;

  static void* note(void* memory, size_t size, const char* file, int line) {
    if (counting && memory != nullptr) live[memory] = {file, line, size};
    return memory;
  }
  static void* allocate(size_t size, const char* file, int line) { return note(std::malloc(size), size, file, line); }
  static void* reallocate(void* memory, size_t size, const char* file, int line) {
    live.erase(memory);
    return note(std::realloc(memory, size), size, file, line);
  }
  static void release(void* memory, const char*, int) {
    live.erase(memory);
    std::free(memory);
  }
  static void print(double sockets) {
    std::map<std::pair<std::string, int>, std::pair<size_t, size_t>> lines;
    size_t total = 0;
    for (const auto& [memory, one] : live) {
      auto& [bytes, count] = lines[{one.file, one.line}];
      bytes += one.size;
      total += one.size;
      ++count;
    }
    std::fprintf(stderr, "%8.0f bytes for each socket, of which\n", static_cast<double>(total) / sockets);
    for (const auto& [line, sum] : lines) {
      std::fprintf(stderr, "%8.1f in %5.2f  %s:%d\n", static_cast<double>(sum.first) / sockets,
                   static_cast<double>(sum.second) / sockets, line.first.c_str(), line.second);
    }
  }
};

// As a server that cares for memory sets it up.
SSL_CTX* server_context(const Options& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr || SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1)
    die_of_tls("reading certificate and key");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
  const unsigned char name[] = "send_floor";
  SSL_CTX_set_session_id_context(context, name, sizeof name);
  return context;
}

SSL* over(SSL_CTX* context, int fd) {
  SSL* const ssl = SSL_new(context);
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1) die_of_tls("SSL_new");
  return ssl;
}

// The client's side of handshakes. What is sent afterwards is read and thrown away as it is.
class Greeter {
 public:
  explicit Greeter(const Options& options) : resume_(options.resume) {
    if (options.certificate.empty()) return;
    context_ = SSL_CTX_new(TLS_client_method());
    if (context_ == nullptr) die_of_tls("SSL_CTX_new");
  }
  void greet(int fd) {
    if (context_ == nullptr) return;
    SSL* const ssl = over(context_, fd);
    if (resume_ && session_ != nullptr) SSL_set_session(ssl, session_);
    char byte = 0;
    if (SSL_connect(ssl) != 1 || SSL_read(ssl, &byte, 1) != 1) die_of_tls("SSL_connect");  // a ticket comes before it
    SSL_SESSION_free(session_);
    session_ = SSL_get1_session(ssl);
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // else the session could not be resumed
    SSL_free(ssl);
  }

 private:
  bool resume_;
  SSL_CTX* context_ = nullptr;
  SSL_SESSION* session_ = nullptr;
};

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
  Greeter greeter(options);
  for (uint32_t i = 0; i < options.sockets; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) die("connect");
    set_no_delay(fd);
    greeter.greet(fd);
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

// Of this process alone (PSS), in bytes.
double memory_now() {
  std::FILE* const file = std::fopen("/proc/self/smaps_rollup", "re");
  if (file == nullptr) die("/proc/self/smaps_rollup");
  char line[256];
  double kilobytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr && std::sscanf(line, "Pss: %lf", &kilobytes) != 1) {
  }
  std::fclose(file);
  return kilobytes * 1024;
}

struct Peer {
  int fd;
  SSL* ssl;  // null: no TLS
};

void send_to(const Peer& peer, const std::vector<char>& message) {
  if (peer.ssl == nullptr) return send_all(peer.fd, message.data(), message.size());
  if (SSL_write(peer.ssl, message.data(), static_cast<int>(message.size())) <= 0) die_of_tls("SSL_write");
}

struct Opening {
  double memory_per_socket = 0;
  double cpu_us_per_accept = 0;
  double accepts_per_s = 0;
};

std::vector<Peer> accept_all(const Options& options, int listener, Opening& opening) {
  SSL_CTX* const context = options.certificate.empty() ? nullptr : server_context(options);
  std::vector<Peer> peers;
  peers.reserve(options.sockets);
  // The first brings what OpenSSL makes once.
  double begin = 0, cpu_begin = 0, memory_begin = 0;
  while (peers.size() < options.sockets) {
    if (peers.size() == 1) {
      Allocations::counting = options.allocations;
      memory_begin = memory_now();
      begin = seconds_of(CLOCK_MONOTONIC);
      cpu_begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    }
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept4");
    set_no_delay(fd);
    peers.push_back({fd, nullptr});
    if (context == nullptr) continue;
    SSL* const ssl = peers.back().ssl = over(context, fd);
    if (SSL_accept(ssl) != 1 || SSL_write(ssl, "!", 1) != 1) die_of_tls("SSL_accept");
    if ((SSL_session_reused(ssl) == 1) != (options.resume && peers.size() > 1)) die_of_tls("resumption");
  }
  Allocations::counting = false;
  const double count = static_cast<double>(options.sockets) - 1;
  if (count == 0) return peers;
  opening.cpu_us_per_accept = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) * 1e6 / count;
  opening.accepts_per_s = count / (seconds_of(CLOCK_MONOTONIC) - begin);
  opening.memory_per_socket = (memory_now() - memory_begin) / count;
  if (options.allocations) Allocations::print(count);
  return peers;
}

void measure(const Options& options, const std::vector<Peer>& peers, const Opening& opening) {
  std::vector<char> message(options.bytes, 'x');
  const double begin = seconds_of(CLOCK_MONOTONIC);
  const double cpu_begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const double end = begin + options.duration_s;
  uint64_t rounds = 0;
  do {
    if (options.rate > 0) sleep_until(begin + static_cast<double>(rounds) / options.rate);
    for (const Peer& peer : peers) {
      if (options.echo) receive_all(peer.fd, message.data(), message.size());
      send_to(peer, message);
    }
    ++rounds;
  } while (seconds_of(CLOCK_MONOTONIC) < end);
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin;
  const double seconds = seconds_of(CLOCK_MONOTONIC) - begin;
  const double sends = static_cast<double>(rounds) * static_cast<double>(peers.size());
  std::printf(
      "{\"sockets\":%u,\"bytes\":%u,\"sends\":%.0f,\"seconds\":%.3f,\"sends_per_s\":%.1f,"
      "\"cpu_us_per_send\":%.4f,\"load\":%.4f,\"cpu_us_per_accept\":%.2f,\"accepts_per_s\":%.1f,"
      "\"memory_per_socket\":%.0f}\n",
      options.sockets, options.bytes, sends, seconds, sends / seconds, cpu * 1e6 / sends, cpu / seconds,
      opening.cpu_us_per_accept, opening.accepts_per_s, opening.memory_per_socket);
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
  CLI::Option* const certificate =
      app.add_option("--tls-certificate", options.certificate, "a file with the chain: speak TLS")
          ->check(CLI::ExistingFile)
          ->excludes("--echo");
  certificate->needs(app.add_option("--tls-key", options.key, "of it")->check(CLI::ExistingFile)->needs(certificate));
  app.add_flag("--resume", options.resume, "each TLS connection resumes the session of the one before")
      ->needs(certificate);
  app.add_flag("--allocations", options.allocations, "print OpenSSL's memory for a socket, line by line")
      ->needs(certificate);
  app.add_option("--sender-cpus", options.sender_cpus, "CPUs of the sender")->delimiter(',');
  app.add_option("--reader-cpus", options.reader_cpus, "CPUs of the reader")->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  if (options.allocations)
    CRYPTO_set_mem_functions(Allocations::allocate, Allocations::reallocate, Allocations::release);
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
  Opening opening;
  const std::vector<Peer> peers = accept_all(options, listener, opening);
  measure(options, peers, opening);
  ::kill(reader, SIGKILL);
  ::waitpid(reader, nullptr, 0);
  return 0;
}
