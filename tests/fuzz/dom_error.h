// SPDX-License-Identifier: Apache-2.0
// What simdjson's DOM parser refuses although it is JSON.
#pragma once

#include <simdjson.h>

#include <string_view>

// A number that fits no machine type. Newer versions have an error of its own for integers, which has no
// name in simdjson 3.0.
inline bool is_number_too_large(simdjson::error_code code) {
  const std::string_view message = simdjson::error_message(code);
  return code == simdjson::NUMBER_ERROR || message.starts_with("BIGINT_ERROR");
}
