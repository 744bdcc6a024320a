// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its kept seeds without libFuzzer: each file, each prefix of it, and each with one byte
// changed. Deterministic, so that a failure here is a failure everywhere.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kVariedBytesMax = 2048;  // prefixes and changes beyond this offset would take quadratic time

void run(const std::vector<uint8_t>& input) {
  // An exact copy on the heap, so that AddressSanitizer sees a read past the end.
  const std::vector<uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void run_varied(const std::vector<uint8_t>& seed) {
  run(seed);
  const size_t varied = std::min(seed.size(), kVariedBytesMax);
  for (size_t length = 0; length < varied; ++length) run({seed.begin(), seed.begin() + static_cast<ptrdiff_t>(length)});
  for (size_t at = 0; at < varied; ++at) {
    std::vector<uint8_t> changed = seed;
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      changed[at] = static_cast<uint8_t>(seed[at] ^ mask);
      run(changed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    } else {
      paths.emplace_back(argv[i]);
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return 1;
      }
      std::fprintf(stderr, "%s\n", path.filename().c_str());
      run_varied({std::istreambuf_iterator<char>(file), {}});
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "no seeds given\n");
    return 1;
  }
  std::printf("%zu seeds replayed\n", files);
  return 0;
}
