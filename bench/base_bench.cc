// SPDX-License-Identifier: Apache-2.0
// What every message pays: rings, mailboxes, timers, slabs, hashes, histograms. Each beside the ordinary thing that it
// stands in for, so that a run shows a ratio: compare rows of one run only.
#include <benchmark/benchmark.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/histogram.h"
#include "base/keyed_hash.h"
#include "base/slab.h"
#include "base/spsc_ring.h"
#include "base/timing_wheel.h"
#include "reactor/mail.h"
#include "reactor/mesh.h"

namespace ringcast {
namespace {

using reactor::Mail;

// --- rings: batches of state.range(0) mails through a queue and out again, on one thread ---

void spsc_ring(benchmark::State& state) {
  SpscRing<Mail> ring(256);
  Mail mail;
  uint64_t sum = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) {
      mail.id = static_cast<uint64_t>(i);
      ring.try_push(mail);
    }
    ring.publish();
    ring.drain([&](const Mail& taken) { sum += taken.id; });
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(spsc_ring)->Arg(1)->Arg(16)->Arg(256);

void mutex_deque(benchmark::State& state) {
  std::mutex mutex;
  std::deque<Mail> queue;
  Mail mail;
  uint64_t sum = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) {
      mail.id = static_cast<uint64_t>(i);
      std::lock_guard lock(mutex);
      queue.push_back(mail);
    }
    for (int64_t i = 0; i < state.range(0); ++i) {
      std::lock_guard lock(mutex);
      sum += queue.front().id;
      queue.pop_front();
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(mutex_deque)->Arg(1)->Arg(16)->Arg(256);

// From one thread to another and back: two hops an iteration, both spinning, so that the cost of the lines shows.
void spsc_ring_round_trip(benchmark::State& state) {
  SpscRing<Mail> there(256);
  SpscRing<Mail> back(256);
  constexpr uint64_t kStop = UINT64_MAX;
  std::thread echo([&] {
    for (bool stop = false; !stop;) {
      const uint32_t count = there.drain([&](const Mail& mail) {
        stop |= mail.id == kStop;
        back.try_push(mail);
      });
      if (count == 0) {
        std::this_thread::yield();
      } else {
        back.publish();
      }
    }
  });
  Mail mail;
  const auto send = [&](uint64_t id) {
    mail.id = id;
    there.try_push(mail);
  };
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) send(static_cast<uint64_t>(i));
    there.publish();
    for (int64_t left = state.range(0); left > 0;) {
      const uint32_t count = back.drain([](const Mail& taken) {
        uint64_t id = taken.id;
        benchmark::DoNotOptimize(id);
      });
      if (count == 0) std::this_thread::yield();
      left -= count;
    }
  }
  send(kStop);
  there.publish();
  echo.join();
  state.SetItemsProcessed(state.iterations() * state.range(0) * 2);
}
BENCHMARK(spsc_ring_round_trip)->Arg(1)->Arg(64)->UseRealTime();

// --- mailboxes: what a tick costs beside its mails, by number of members ---

struct Members {
  explicit Members(uint16_t count) {
    reactor::MeshOptions options;
    options.members = count;
    options.wake_hook = {[](void*, reactor::MemberId) noexcept {}, nullptr};
    mesh = std::move(*reactor::Mesh::create(options));
    for (reactor::MemberId own = 0; own < count; ++own) {
      boxes.push_back(std::make_unique<reactor::Mailboxes>(*mesh, own));
    }
  }
  std::unique_ptr<reactor::Mesh> mesh;
  std::vector<std::unique_ptr<reactor::Mailboxes>> boxes;
};

void mesh_idle_tick(benchmark::State& state) {
  Members members(static_cast<uint16_t>(state.range(0)));
  reactor::Mailboxes& boxes = *members.boxes[0];
  for (auto _ : state) {
    benchmark::DoNotOptimize(boxes.drain([](const Mail&) {}));
    boxes.publish();
    benchmark::DoNotOptimize(boxes.prepare_sleep());
    boxes.finish_sleep();
  }
}
BENCHMARK(mesh_idle_tick)->Arg(2)->Arg(16)->Arg(64);

void mesh_send_to_all(benchmark::State& state) {
  const auto count = static_cast<reactor::MemberId>(state.range(0));
  Members members(count);
  for (auto _ : state) {
    for (reactor::MemberId to = 1; to < count; ++to) members.boxes[0]->send(to, Mail{});
    members.boxes[0]->publish();
    for (reactor::MemberId to = 1; to < count; ++to) members.boxes[to]->drain([](const Mail&) {});
  }
  state.SetItemsProcessed(state.iterations() * (count - 1));
}
BENCHMARK(mesh_send_to_all)->Arg(2)->Arg(16);

// --- timers: state.range(0) armed; each operation moves one of them, and time goes on ---

constexpr int64_t kMs = 1'000'000;

void timing_wheel_rearm(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  TimerTable table;
  table.reserve(count);
  TimingWheel<TimerTableNodes> wheel({&table}, 0);
  std::mt19937 random(1);
  for (TimerId id = 0; id < count; ++id) wheel.arm(id, (1 + random() % 25000) * kMs);
  TimerId id = 0;
  int64_t now = 0;
  for (auto _ : state) {
    wheel.arm(id, now + 25000 * kMs);
    id = id * 1664525 + 1013904223;
    id %= count;
    now += 1000;
    if (now % kMs == 0) wheel.advance(now, [&](TimerId fired) { wheel.arm(fired, now + 25000 * kMs); });
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(timing_wheel_rearm)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

void multimap_rearm(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  std::multimap<int64_t, uint32_t> timers;
  std::vector<std::multimap<int64_t, uint32_t>::iterator> places(count);
  std::mt19937 random(1);
  for (uint32_t id = 0; id < count; ++id) places[id] = timers.emplace((1 + random() % 25000) * kMs, id);
  uint32_t id = 0;
  int64_t now = 0;
  const auto rearm = [&](uint32_t which) {
    timers.erase(places[which]);
    places[which] = timers.emplace(now + 25000 * kMs, which);
  };
  for (auto _ : state) {
    rearm(id);
    id = id * 1664525 + 1013904223;
    id %= count;
    now += 1000;
    if (now % kMs == 0) {
      while (timers.begin()->first <= now) rearm(timers.begin()->second);
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(multimap_rearm)->Arg(1000)->Arg(100'000);

// The heartbeats of state.range(0) connections, all due within 25 s: cost of each, moving down the levels included.
void timing_wheel_fire(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  TimerTable table;
  table.reserve(count);
  TimingWheel<TimerTableNodes> wheel({&table}, 0);
  std::mt19937 random(1);
  for (TimerId id = 0; id < count; ++id) wheel.arm(id, (1 + random() % 25000) * kMs);
  int64_t now = 0;
  int64_t fired_total = 0;
  for (auto _ : state) {
    now += kMs;
    fired_total += wheel.advance(now, [&](TimerId fired) { wheel.arm(fired, now + 25000 * kMs); });
  }
  state.SetItemsProcessed(fired_total);
}
BENCHMARK(timing_wheel_fire)->Arg(100'000);

// --- slabs: 1,000 live entries of a connection's size, one goes and one comes ---

struct Entry {
  uint64_t words[16] = {};
};

void slab_turnover(benchmark::State& state) {
  Slab<Entry> slab(4096);
  std::vector<SlabHandle> live;
  for (int i = 0; i < 1000; ++i) live.push_back(slab.handle(slab.acquire()));
  size_t at = 0;
  for (auto _ : state) {
    if (Entry* entry = slab.get(live[at])) entry->words[0]++;
    slab.release(live[at].index);
    live[at] = slab.handle(slab.acquire());
    at = (at + 7) % live.size();
  }
}
BENCHMARK(slab_turnover);

void new_delete_turnover(benchmark::State& state) {
  std::vector<std::unique_ptr<Entry>> live;
  for (int i = 0; i < 1000; ++i) live.push_back(std::make_unique<Entry>());
  size_t at = 0;
  for (auto _ : state) {
    live[at]->words[0]++;
    live[at].reset();
    live[at] = std::make_unique<Entry>();
    at = (at + 7) % live.size();
  }
}
BENCHMARK(new_delete_turnover);

void slab_walk(benchmark::State& state) {
  Slab<Entry> slab(10000);
  for (int i = 0; i < 10000; ++i) slab.acquire();
  for (uint32_t i = 0; i < 10000; i += 3) slab.release(i);
  for (auto _ : state) {
    uint64_t sum = 0;
    slab.for_each([&](uint32_t, Entry& entry) { sum += entry.words[0]; });
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * slab.size());
}
BENCHMARK(slab_walk);

// --- hashes: of a room's name ---

void keyed_hash_home_core(benchmark::State& state) {
  const KeyedHash hash(HashKey{1, 2});
  const std::string name(static_cast<size_t>(state.range(0)), 'r');
  uint32_t sum = 0;
  for (auto _ : state) sum += hash.owner_core("tenant", name, 8);
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(keyed_hash_home_core)->Arg(8)->Arg(32)->Arg(128);

void keyed_hash_one_part(benchmark::State& state) {
  const KeyedHash hash(HashKey{1, 2});
  const std::string name(static_cast<size_t>(state.range(0)), 'r');
  uint64_t sum = 0;
  for (auto _ : state) sum += hash(name);
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(keyed_hash_one_part)->Arg(8)->Arg(32)->Arg(128);

void std_hash(benchmark::State& state) {
  const std::string name(static_cast<size_t>(state.range(0)), 'r');
  size_t sum = 0;
  for (auto _ : state) {
    sum += std::hash<std::string_view>{}(name);
    benchmark::DoNotOptimize(sum);
  }
}
BENCHMARK(std_hash)->Arg(8)->Arg(32)->Arg(128);

// --- histograms ---

void histogram_record(benchmark::State& state) {
  Histogram histogram(60'000'000'000, 3);
  std::mt19937_64 random(1);
  std::vector<uint64_t> values(4096);
  for (uint64_t& value : values) value = random() % 10'000'000;
  size_t at = 0;
  for (auto _ : state) histogram.record(values[at++ & 4095]);
  benchmark::DoNotOptimize(histogram.count());
  state.counters["bytes"] = static_cast<double>(histogram.memory_bytes());
}
BENCHMARK(histogram_record);

void histogram_percentile(benchmark::State& state) {
  Histogram histogram(60'000'000'000, 3);
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) histogram.record(random() % 10'000'000);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.value_at_percentile(99.9));
}
BENCHMARK(histogram_percentile);

void histogram_merge(benchmark::State& state) {
  Histogram histogram(60'000'000'000, 3);
  const Histogram other(60'000'000'000, 3);
  for (auto _ : state) histogram.merge(other);
}
BENCHMARK(histogram_merge);

}  // namespace
}  // namespace ringcast

BENCHMARK_MAIN();
