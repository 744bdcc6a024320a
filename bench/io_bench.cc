// SPDX-License-Identifier: Apache-2.0
// Prices the engines against bare system calls on the same sockets, and backs three choices of the design: waking by
// eventfd rather than MSG_RING, closing by shutdown rather than by cancelling per descriptor, one flush in batches.
// Times are CPU of the measured thread around the calls in question; the clients' part is not in them.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "io/backend.h"
#include "io/listener.h"
#include "io/uring_abi.h"
#include "io/uring_probe.h"

namespace ringcast::io {
namespace {

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "io_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

// An engine with `count` established connections; clients are plain sockets.
struct Stage {
  WakeTarget wake = need(WakeTarget::create());
  std::unique_ptr<Backend> backend;
  std::vector<UniqueFd> clients;
  std::vector<Socket> sockets;

  Stage(Engine engine, size_t count) : backend(need(make_backend(engine, {}, wake))) {
    auto listener = need(open_listener(need(SocketAddress::parse("127.0.0.1:0")), {}));
    const SocketAddress address = local_address(listener.get());
    if (!backend->add_listener(listener.release(), 0)) std::exit(1);
    while (sockets.size() < count) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(clients.back().get(), address.data(), address.size()) != 0) std::exit(1);
      take_accepted();
    }
  }

  void take_accepted() {
    const size_t before = sockets.size();
    while (sockets.size() == before) {
      for (const Event& event : backend->wait(Nanoseconds(-1))) {
        if (event.kind != EventKind::accepted) continue;
        backend->start_receive(event.socket, static_cast<Owner>(sockets.size()));
        sockets.push_back(event.socket);
      }
    }
  }

  void drain_clients(size_t bytes) {
    char buffer[65536];
    for (const UniqueFd& client : clients) {
      if (::recv(client.get(), buffer, bytes, MSG_WAITALL) <= 0) std::exit(1);
    }
  }
};

Engine engine_of(const benchmark::State& state) {
  return state.range(0) == 0 ? Engine::epoll : Engine::uring;
}

bool skip_without_uring(benchmark::State& state) {
  if (engine_of(state) == Engine::epoll) return false;
  const Probe probe = probe_uring();
  if (!probe.uring_usable) state.SkipWithError(probe.why_not.c_str());
  return !probe.uring_usable;
}

constexpr size_t kMessage = 128;

// One message to each of n sockets. Three ways in turn within an iteration, so that both meet the same machine; the
// ratio to the bare loop is what counts.
void fan_out(benchmark::State& state) {
  if (skip_without_uring(state)) return;
  Stage stage(engine_of(state), static_cast<size_t>(state.range(1)));
  std::vector<char> message(kMessage, 'm');
  const iovec iov{message.data(), message.size()};
  std::vector<SendOp> ops(stage.sockets.size());
  double engine = 0, bare = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < ops.size(); ++i) ops[i] = {.socket = stage.sockets[i], .iov_count = 1, .iov = &iov};
    double start = cpu_seconds();
    stage.backend->flush(ops);
    const double taken = cpu_seconds() - start;
    engine += taken;
    stage.drain_clients(kMessage);
    start = cpu_seconds();
    for (const Socket socket : stage.sockets) {
      benchmark::DoNotOptimize(::send(socket.value, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    bare += cpu_seconds() - start;
    stage.drain_clients(kMessage);
    state.SetIterationTime(taken);
  }
  const double sends = static_cast<double>(state.iterations()) * static_cast<double>(ops.size());
  state.counters["us_per_send"] = engine / sends * 1e6;
  state.counters["bare_us"] = bare / sends * 1e6;
  state.counters["ratio"] = engine / bare;
}
BENCHMARK(fan_out)->ArgsProduct({{0, 1}, {100, 1000, 5000}})->ArgNames({"uring", "sockets"})->UseManualTime();

// Every client sends 32 bytes, the engine answers each: wait and flush together.
void echo(benchmark::State& state) {
  if (skip_without_uring(state)) return;
  Stage stage(engine_of(state), static_cast<size_t>(state.range(1)));
  constexpr size_t kLength = 32;
  char request[kLength] = {};
  std::vector<iovec> iovs(stage.sockets.size());
  std::vector<SendOp> ops(stage.sockets.size());
  double total = 0;
  for (auto _ : state) {
    for (const UniqueFd& client : stage.clients) {
      benchmark::DoNotOptimize(::send(client.get(), request, kLength, MSG_NOSIGNAL));
    }
    const double start = cpu_seconds();
    for (size_t answered = 0; answered < stage.sockets.size();) {
      size_t count = 0;
      for (const Event& event : stage.backend->wait(Nanoseconds(-1))) {
        if (event.kind != EventKind::bytes) continue;
        iovs[count] = {event.bytes.data(), event.bytes.size()};
        ops[count] = {.socket = event.socket, .iov_count = 1, .iov = &iovs[count]};
        ++count;
      }
      stage.backend->flush({ops.data(), count});
      answered += count;
    }
    const double taken = cpu_seconds() - start;
    total += taken;
    state.SetIterationTime(taken);
    stage.drain_clients(kLength);
  }
  const double echoes = static_cast<double>(state.iterations()) * static_cast<double>(stage.sockets.size());
  state.counters["us_per_echo"] = total / echoes * 1e6;
  state.counters["syscalls_per_echo"] = static_cast<double>(stage.backend->stats().syscalls) / echoes;
}
BENCHMARK(echo)->ArgsProduct({{0, 1}, {1, 64, 1000}})->ArgNames({"uring", "sockets"})->UseManualTime();

// A client comes, receiving starts, the client goes, the connection is closed.
void accept_and_close(benchmark::State& state) {
  if (skip_without_uring(state)) return;
  constexpr size_t kClients = 64;
  Stage stage(engine_of(state), 1);
  auto listener = need(open_listener(need(SocketAddress::parse("127.0.0.1:0")), {}));
  const SocketAddress address = local_address(listener.get());
  if (!stage.backend->add_listener(listener.release(), 1)) std::exit(1);
  double total = 0;
  for (auto _ : state) {
    std::vector<UniqueFd> clients;
    for (size_t i = 0; i < kClients; ++i) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      // They go with RST: TIME_WAIT would use up the ports.
      const linger now{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(clients.back().get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      if (::connect(clients.back().get(), address.data(), address.size()) != 0) std::exit(1);
    }
    double start = cpu_seconds();
    for (size_t accepted = 0; accepted < kClients;) {
      for (const Event& event : stage.backend->wait(Nanoseconds(-1))) {
        if (event.kind != EventKind::accepted) continue;
        ++accepted;
        stage.backend->start_receive(event.socket, 1);
      }
    }
    stage.backend->wait(Nanoseconds::zero());
    double taken = cpu_seconds() - start;
    clients.clear();
    start = cpu_seconds();
    for (size_t closed = 0; closed < kClients;) {
      for (const Event& event : stage.backend->wait(Nanoseconds(-1))) {
        if (event.kind != EventKind::closed) continue;
        ++closed;
        stage.backend->close(event.socket, CloseMode::graceful);
      }
    }
    stage.backend->wait(Nanoseconds::zero());
    taken += cpu_seconds() - start;
    state.SetIterationTime(taken);
    total += taken;
  }
  state.counters["us_per_connection"] = total / static_cast<double>(state.iterations() * kClients) * 1e6;
}
BENCHMARK(accept_and_close)->Arg(0)->Arg(1)->ArgName("uring")->UseManualTime();

struct Ring {
  io_uring ring{};
  explicit Ring(uint32_t entries, uint32_t flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                                   IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL) {
    if (setup_ring(ring, entries, entries * 8, flags) != 0) std::exit(1);
  }
  ~Ring() { io_uring_queue_exit(&ring); }
};

// Ends armed receives one by one, with n others armed: 0 cancels by descriptor, 1 by user_data, 2 shuts the socket
// down.
void end_an_armed_receive(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(1));
  if (!probe_uring().uring_usable) return state.SkipWithError("no io_uring");
  Ring ring(512);
  std::vector<UniqueFd> sockets, peers;
  std::vector<char> byte(1);
  const auto drain = [&] {
    io_uring_submit_and_get_events(&ring.ring);
    io_uring_cq_advance(&ring.ring, io_uring_cq_ready(&ring.ring));
  };
  const auto arm = [&](size_t i) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
    if (sqe == nullptr) {
      drain();
      sqe = io_uring_get_sqe(&ring.ring);
    }
    io_uring_prep_recv(sqe, sockets[i].get(), byte.data(), 1, 0);
    sqe->user_data = i + 1;
  };
  const auto make = [&](size_t i) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::exit(1);
    sockets[i].reset(pair[0]);
    peers[i].reset(pair[1]);
    arm(i);
  };
  sockets.resize(count);
  peers.resize(count);
  for (size_t i = 0; i < count; ++i) make(i);
  drain();
  size_t next = 0;
  for (auto _ : state) {
    next = (next + 7919) % count;
    const double start = cpu_seconds();
    if (state.range(0) == 2) {
      ::shutdown(sockets[next].get(), SHUT_RDWR);
    } else {
      io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
      if (state.range(0) == 0) {
        io_uring_prep_cancel_fd(sqe, sockets[next].get(), IORING_ASYNC_CANCEL_ALL);
      } else {
        io_uring_prep_cancel64(sqe, next + 1, 0);
      }
      sqe->user_data = 0;
    }
    drain();
    state.SetIterationTime(cpu_seconds() - start);
    make(next);
    drain();
  }
}
BENCHMARK(end_an_armed_receive)
    ->ArgsProduct({{0, 1, 2}, {100, 1000, 8000}})
    ->ArgNames({"how", "armed"})
    ->UseManualTime();

// A thread that sleeps in its ring is woken and answers; one way is half of the round trip in wall time. The sender's
// own cost is CPU around its call. 0: eventfd seen by a multishot poll, 1: MSG_RING from the sender's ring.
void wake_a_sleeper(benchmark::State& state) {
  if (!probe_uring().uring_usable) return state.SkipWithError("no io_uring");
  const bool by_ring = state.range(0) == 1;
  const UniqueFd bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  std::atomic<int> target_ring{-1};
  std::atomic<uint64_t> answered{0};
  std::atomic<bool> stop{false};
  std::thread sleeper([&] {
    Ring ring(64);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
    io_uring_prep_poll_multishot(sqe, bell.get(), POLLIN);
    io_uring_submit_and_get_events(&ring.ring);
    target_ring = ring.ring.ring_fd;
    target_ring.notify_one();
    while (!stop) {
      io_uring_submit_and_wait(&ring.ring, 1);
      io_uring_cq_advance(&ring.ring, io_uring_cq_ready(&ring.ring));
      answered.fetch_add(1);
      answered.notify_one();
    }
  });
  target_ring.wait(-1);
  Ring sender(64);
  const auto wake = [&] {
    if (by_ring) {
      io_uring_sqe* sqe = io_uring_get_sqe(&sender.ring);
      io_uring_prep_msg_ring(sqe, target_ring, 0, 1, 0);
      sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
      io_uring_submit(&sender.ring);
    } else {
      const uint64_t one = 1;
      benchmark::DoNotOptimize(::write(bell.get(), &one, sizeof one));
    }
  };
  double sender_cpu = 0;
  for (auto _ : state) {
    const uint64_t before = answered;
    const double start = cpu_seconds();
    wake();
    sender_cpu += cpu_seconds() - start;
    answered.wait(before);
  }
  stop = true;
  wake();
  sleeper.join();
  state.counters["sender_us"] = sender_cpu / static_cast<double>(state.iterations()) * 1e6;
}
BENCHMARK(wake_a_sleeper)->Arg(0)->Arg(1)->ArgName("msg_ring")->UseRealTime();

}  // namespace
}  // namespace ringcast::io

BENCHMARK_MAIN();
