// SPDX-License-Identifier: Apache-2.0
// What sessions cost without a kernel: a whole core (reactor, gate, hub, encoder) over sockets that only count. The
// difference to a run against the real server is the transport; rows of one run show what a form or a size costs.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "codec/websocket/websocket_frame.h"
#include "lone_core.h"
#include "transport/encoder.h"

namespace ringcast::session {
namespace {

LoneCore::Setup setup_for(uint32_t connections) {
  LoneCore::Setup setup;
  setup.checks_frames = false;
  setup.connections_max = connections + 16;
  setup.room.presence = false;
  return setup;
}

void upgrade(Peer& peer, std::string_view target, std::string_view fields = {}) {
  peer.send("GET " + std::string(target) +
            " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
            std::string(fields) + "\r\n");
}

// --- echo: one message per connection and tick ---

void echo(benchmark::State& state) {
  const auto connections = static_cast<size_t>(state.range(0));
  LoneCore core(setup_for(static_cast<uint32_t>(connections)));
  core.backend().keep = false;
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < connections; ++i) {
    peers.push_back(std::make_unique<Peer>(core));
    upgrade(*peers.back(), "/echo");
  }
  std::string frame;
  codec::append_masked_frame(frame, {.opcode = codec::WebSocketOpcode::text},
                             std::string(static_cast<size_t>(state.range(1)), 'e'), {1, 2, 3, 4});
  // The server unmasks in place: each message needs fresh bytes, as from a receive buffer.
  std::vector<std::string> buffers(connections);
  for (auto _ : state) {
    for (size_t i = 0; i < connections; ++i) {
      buffers[i].assign(frame);
      core.backend().arrive(static_cast<int32_t>(i), {reinterpret_cast<uint8_t*>(buffers[i].data()), frame.size()});
    }
    core.tick();
  }
  if (core.stats().echoed.get() != static_cast<uint64_t>(state.iterations()) * connections) {
    state.SkipWithError("messages were lost");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(echo)
    ->ArgNames({"connections", "bytes"})
    ->Args({64, 32})
    ->Args({1000, 32})
    ->Args({64, 512})
    ->Args({64, 16384});

// --- fan-out of a room on one core: `run` messages a tick to `members` ---

enum class Listener : int64_t { websocket, deflate, sse, sse_multi };

void fan_out(benchmark::State& state, Listener listener) {
  const auto members = static_cast<size_t>(state.range(0));
  const int64_t run = state.range(1);
  LoneCore::Setup setup = setup_for(static_cast<uint32_t>(members));
  setup.hub.credit_publishes = 1 << 20;
  setup.hub.credit_bytes = 1 << 30;
  LoneCore core(setup);
  core.backend().keep = false;
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < members; ++i) {
    peers.push_back(std::make_unique<Peer>(core));
    switch (listener) {
      case Listener::websocket: upgrade(*peers.back(), "/ws?rooms=room"); break;
      case Listener::deflate:
        upgrade(*peers.back(), "/ws?rooms=room", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        break;
      case Listener::sse: peers.back()->send("GET /events?rooms=room HTTP/1.1\r\nHost: bench\r\n\r\n"); break;
      case Listener::sse_multi:
        peers.back()->send("GET /events?rooms=room,other HTTP/1.1\r\nHost: bench\r\n\r\n");
        break;
    }
  }
  const std::string payload = "\"" + std::string(static_cast<size_t>(state.range(2)), 'p') + "\"";
  const uint64_t before = peers.front()->socket().sent_bytes;
  uint64_t published = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < run; ++i) {
      published +=
          core.hub().publish({.key = "\nroom", .user = "bench", .payload = payload}) == hub::PublishResult::accepted;
    }
    core.tick();
  }
  if (published != static_cast<uint64_t>(state.iterations() * run) || peers.front()->socket().sent_bytes == before) {
    state.SkipWithError("messages were lost");
  }
  state.SetItemsProcessed(state.iterations() * run * state.range(0));
}
void fan_out_args(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"members", "run", "bytes"})->Args({1000, 1, 128})->Args({1000, 32, 128})->Args({10000, 1, 128});
}
BENCHMARK_CAPTURE(fan_out, websocket, Listener::websocket)->Apply(fan_out_args);
BENCHMARK_CAPTURE(fan_out, deflate, Listener::deflate)->Apply(fan_out_args)->Args({1000, 1, 4096});
BENCHMARK_CAPTURE(fan_out, sse, Listener::sse)->Apply(fan_out_args);
BENCHMARK_CAPTURE(fan_out, sse_multi, Listener::sse_multi)->Apply(fan_out_args);

// --- a publisher's frame on its way in ---

void publish_frames(benchmark::State& state) {
  const int64_t run = state.range(0);
  LoneCore core(setup_for(4));
  core.backend().keep = false;
  Peer peer(core);
  upgrade(peer, "/ws?user=alice&rooms=room");
  std::string frame;
  codec::append_masked_frame(frame, {.opcode = codec::WebSocketOpcode::text},
                             R"({"action":"message","content":")" + std::string(100, 'x') + "\"}", {1, 2, 3, 4});
  std::string burst;
  for (int64_t i = 0; i < run; ++i) burst += frame;
  std::string buffer;
  for (auto _ : state) {
    buffer.assign(burst);
    core.backend().arrive(0, {reinterpret_cast<uint8_t*>(buffer.data()), buffer.size()});
    core.tick();
  }
  if (core.stats().messages_in.get() != static_cast<uint64_t>(state.iterations() * run)) {
    state.SkipWithError("messages were lost");
  }
  state.SetItemsProcessed(state.iterations() * run);
}
BENCHMARK(publish_frames)->ArgName("run")->Arg(1)->Arg(32);

// --- connect, upgrade, first event, and the end ---

void connect(benchmark::State& state) {
  LoneCore core(setup_for(64));
  core.backend().keep = false;
  const std::string request =
      "GET /ws?user=alice&rooms=room HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  std::string buffer;
  for (auto _ : state) {
    const int32_t socket = core.backend().accept();
    core.tick();
    buffer.assign(request);
    core.backend().arrive(socket, {reinterpret_cast<uint8_t*>(buffer.data()), buffer.size()});
    core.tick();
    core.tick();
    core.backend().event(socket, io::EventKind::closed, io::CloseReason::peer_reset);
    core.tick();
  }
  if (core.stats().upgrades.get() != static_cast<uint64_t>(state.iterations())) state.SkipWithError("not upgraded");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(connect)->Iterations(20000);

// --- the bytes of one message in each form ---

void encode(benchmark::State& state, WireForm wire) {
  Encoder encoder;
  const std::string payload = "\"" + std::string(static_cast<size_t>(state.range(0)), 'p') + "\"";
  std::string canonical, out;
  uint64_t id = 1'790'000'000'000'000;
  for (auto _ : state) {
    canonical.clear();
    out.clear();
    encoder.canonical({.id = ++id, .timestamp_us = id, .key = "\nroom", .user = "bench", .payload = payload},
                      canonical);
    if (wire == WireForm::websocket_deflate) {
      benchmark::DoNotOptimize(encoder.compressed(canonical, out));
    } else {
      benchmark::DoNotOptimize(encoder.derive(form_id(wire), canonical, id, out));
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(encode, websocket, WireForm::websocket)->Arg(128)->Arg(4096);
BENCHMARK_CAPTURE(encode, deflate, WireForm::websocket_deflate)->Arg(4096);
BENCHMARK_CAPTURE(encode, sse, WireForm::sse)->Arg(128)->Arg(4096);

}  // namespace
}  // namespace ringcast::session

BENCHMARK_MAIN();
