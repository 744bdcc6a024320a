// SPDX-License-Identifier: Apache-2.0
#include "config/size_duration.h"

#include <array>
#include <charconv>
#include <limits>

namespace ringcast::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// Largest first, because formatting takes the first that divides.
constexpr std::array<Unit, 7> kDurationUnits{{{"d", 86'400'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"min", 60'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"ms", 1'000'000},
                                              {"us", 1'000},
                                              {"ns", 1}}};
constexpr std::array<Unit, 9> kSizeUnits{{{"TiB", uint64_t{1} << 40},
                                          {"GiB", uint64_t{1} << 30},
                                          {"MiB", uint64_t{1} << 20},
                                          {"KiB", uint64_t{1} << 10},
                                          {"B", 1},
                                          {"kB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"TB", 1'000'000'000'000}}};

struct Quantity {
  uint64_t number;
  std::string_view unit;
};

Result<Quantity> split(std::string_view text, std::string_view expected) {
  Quantity quantity{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quantity.number);
  if (error == std::errc::result_out_of_range) return fail("bad_value", "the number is too large");
  if (error != std::errc{}) return fail("bad_value", "not " + std::string(expected));
  quantity.unit = text.substr(static_cast<size_t>(end - text.data()));
  return quantity;
}

Result<uint64_t> scale(uint64_t number, uint64_t factor, uint64_t max) {
  if (number > max / factor) return fail("bad_value", "the number is too large");
  return number * factor;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::string_view kExpected = "a duration such as \"500ms\", \"25s\", \"5min\" or \"24h\"";
  const auto quantity = split(text, kExpected);
  if (!quantity) return tl::unexpected(quantity.error());
  if (quantity->unit.empty() && quantity->number == 0) return Duration{0};
  for (const Unit& unit : kDurationUnits) {
    if (unit.name != quantity->unit) continue;
    const auto value = scale(quantity->number, unit.factor, std::numeric_limits<int64_t>::max());
    if (!value) return tl::unexpected(value.error());
    return Duration{static_cast<int64_t>(*value)};
  }
  return fail("bad_value", "not " + std::string(kExpected) + " (units: ns, us, ms, s, min, h, d)");
}

Result<uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kExpected = "a size such as \"512\", \"64KiB\" or \"1MiB\"";
  const auto quantity = split(text, kExpected);
  if (!quantity) return tl::unexpected(quantity.error());
  if (quantity->unit.empty()) return quantity->number;
  for (const Unit& unit : kSizeUnits) {
    if (unit.name == quantity->unit) return scale(quantity->number, unit.factor, std::numeric_limits<uint64_t>::max());
  }
  return fail("bad_value", "not " + std::string(kExpected) + " (units: B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)");
}

Result<uint64_t> parse_count(std::string_view text) {
  const auto quantity = split(text, "a whole number");
  if (!quantity) return tl::unexpected(quantity.error());
  if (!quantity->unit.empty()) return fail("bad_value", "not a whole number");
  return quantity->number;
}

std::string format_duration(Duration duration) {
  const auto value = static_cast<uint64_t>(duration.count());
  if (value == 0) return "0s";
  for (const Unit& unit : kDurationUnits) {
    if (value % unit.factor == 0) return std::to_string(value / unit.factor) + std::string(unit.name);
  }
  return {};
}

std::string format_size(uint64_t bytes) {
  for (const Unit& unit : kSizeUnits) {
    if (bytes != 0 && bytes % unit.factor == 0) return std::to_string(bytes / unit.factor) + std::string(unit.name);
  }
  return "0B";
}

}  // namespace ringcast::config
