// SPDX-License-Identifier: Apache-2.0
// simulation --seed 42 [--verbose] [--steps N]       one seed, run twice and compared
// simulation --seeds 10000 [--first 1]               many seeds
// simulation --file tests/simulation/seeds.txt       those that lines of a file begin with
// simulation --seeds 500 --expect sequence,delivery  a build that is broken on purpose must be caught by one of these
// RINGCAST_SIMULATION_SEEDS overrides --seeds, e.g. under a sanitizer.
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "scheduler.h"

namespace {

using ringcast::simulation::Outcome;
using ringcast::simulation::run_seed;

uint64_t current_seed = 0;

// An assertion inside the server ends the process: say at least where.
void on_abort(int) {
  char text[96];
  const int length =
      std::snprintf(text, sizeof text, "simulation: seed %llu aborted; run it with --seed %llu --verbose\n",
                    static_cast<unsigned long long>(current_seed), static_cast<unsigned long long>(current_seed));
  if (write(STDERR_FILENO, text, static_cast<size_t>(length)) < 0) _exit(4);
  std::signal(SIGABRT, SIG_DFL);
}

void print(const Outcome& outcome, uint64_t seed) {
  std::printf("seed %llu violates \"%s\": %s\n  %s\n", static_cast<unsigned long long>(seed), outcome.invariant.c_str(),
              outcome.text.c_str(), outcome.world.c_str());
  for (const std::string& line : outcome.last_lines) std::printf("  %s\n", line.c_str());
}

bool named(const std::string& list, const std::string& name) {
  return (',' + list + ',').find(',' + name + ',') != std::string::npos;
}

int run_one(uint64_t seed, bool verbose, uint32_t steps) {
  current_seed = seed;
  const Outcome outcome = run_seed(seed, verbose, steps);
  if (outcome.failed) {
    print(outcome, seed);
    return 1;
  }
  const Outcome again = run_seed(seed, false, steps);
  if (again.hash != outcome.hash) {
    std::printf("seed %llu is not reproducible\n", static_cast<unsigned long long>(seed));
    return 1;
  }
  std::printf("seed %llu: %llu messages, hash %016llx\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(outcome.messages), static_cast<unsigned long long>(outcome.hash));
  return 0;
}

// One seed at the beginning of a line.
int run_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "simulation: cannot read %s\n", path.c_str());
    return 2;
  }
  int failures = 0, seeds = 0;
  for (std::string line; std::getline(file, line);) {
    const uint64_t seed = std::strtoull(line.c_str(), nullptr, 10);
    if (seed == 0) continue;
    ++seeds;
    failures += run_one(seed, false, 0);
  }
  std::printf("%d seeds, %d failed\n", seeds, failures);
  return failures != 0 || seeds == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = 0, seeds = 0, first = 1;
  uint32_t steps = 0;
  bool one = false, verbose = false;
  std::string expect, file;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const bool last = i + 1 == argc;
    if (flag == "--verbose") {
      verbose = true;
    } else if (flag == "--seed" && !last) {
      one = true;
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--seeds" && !last) {
      seeds = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--first" && !last) {
      first = std::strtoull(argv[++i], nullptr, 10);
    } else if (flag == "--steps" && !last) {
      steps = static_cast<uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (flag == "--file" && !last) {
      file = argv[++i];
    } else if (flag == "--expect" && !last) {
      expect = argv[++i];
    } else {
      std::fprintf(stderr, "simulation: unknown argument %s\n", flag.c_str());
      return 2;
    }
  }
  std::signal(SIGABRT, on_abort);
  if (one) return run_one(seed, verbose, steps);
  if (!file.empty()) return run_file(file);
  if (const char* few = std::getenv("RINGCAST_SIMULATION_SEEDS"); few != nullptr)
    seeds = std::strtoull(few, nullptr, 10);
  if (seeds == 0) {
    std::fprintf(stderr, "simulation: --seed N or --seeds N\n");
    return 2;
  }

  uint64_t messages = 0;
  const auto started = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < seeds; ++i) {
    current_seed = first + i;
    const Outcome outcome = run_seed(current_seed, false, steps);
    messages += outcome.messages;
    if (outcome.failed) {
      print(outcome, current_seed);
      if (expect.empty()) return 1;
      if (named(expect, outcome.invariant)) return 0;
      std::printf("expected was: %s\n", expect.c_str());
      return 1;
    }
    // Reproducible: now and then a seed is run again.
    if (i % 64 == 0 && run_seed(current_seed, false, steps).hash != outcome.hash) {
      std::printf("seed %llu is not reproducible\n", static_cast<unsigned long long>(current_seed));
      return 1;
    }
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  std::printf("%llu seeds, %llu messages, %.1f s\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(messages), taken.count());
  if (expect.empty()) return 0;
  std::printf("nothing was found, though this build is broken: expected %s\n", expect.c_str());
  return 1;
}
