// SPDX-License-Identifier: Apache-2.0
// The first byte says where the text is cut; the incremental verdict must be simdjson's over the whole.
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <span>

#include "codec/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t step = data[0] % 64 + 1;
  const std::span<const uint8_t> text(data + 1, size - 1);
  const bool expected = simdjson::validate_utf8(reinterpret_cast<const char*>(text.data()), text.size());
  ringcast::codec::Utf8Validator validator;
  for (size_t at = 0; at < text.size(); at += step) {
    validator.feed(text.subspan(at, std::min(step, text.size() - at)));
  }
  if (validator.complete() != expected) std::abort();
  return 0;
}
