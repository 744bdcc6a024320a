// SPDX-License-Identifier: Apache-2.0
#include "codec/json/compact_json.h"

#include "codec/json/json_fault.h"
#include "codec/json/json_reader.h"

namespace ringcast::codec {

Result<void> append_compact_json(std::string& out, std::string_view text, const JsonLimits& limits) {
  // As the only element of an array: On-Demand knows no values at the root that are neither object nor array.
  thread_local std::string wrapped;
  wrapped.assign("[").append(text).append("]");
  JsonScratch& json = JsonScratch::of_this_thread();
  simdjson::ondemand::document document;
  simdjson::ondemand::array array;
  const auto fail = [&](simdjson::error_code code) {
    // Of the text as it was given, not as it is wrapped.
    if (const auto fault = find_json_fault(text)) {
      return tl::unexpected<Error>(Error{"bad_json", "not valid JSON at " + describe(*fault, text)});
    }
    return tl::unexpected<Error>(json_error(code, limits.depth_max));
  };
  if (const auto code = json.open(wrapped, document)) return fail(code);
  if (const auto code = document.get_array().get(array)) return fail(code);
  size_t count = 0;
  for (auto element : array) {
    simdjson::ondemand::value value;
    if (const auto code = std::move(element).get(value)) return fail(code);
    if (++count > 1) break;
    if (const auto code = append_value(out, value, limits.depth_max)) return fail(code);
  }
  if (count != 1) return tl::unexpected<Error>(Error{"bad_json", "this must be one JSON value"});
  if (const auto code = expect_end(document)) return fail(code);
  return {};
}

}  // namespace ringcast::codec
