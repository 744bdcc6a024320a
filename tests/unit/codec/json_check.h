// SPDX-License-Identifier: Apache-2.0
// What every JSON writer's output must be: one line that simdjson's DOM parser, which checks everything, accepts.
// Test helper; any thread.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <string_view>

namespace ringcast::codec {

inline void expect_one_line_json(std::string_view json) {
  EXPECT_EQ(json.find_first_of("\r\n"), std::string_view::npos) << json;
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  EXPECT_EQ(parser.parse(simdjson::padded_string(json)).get(element), simdjson::SUCCESS) << json;
}

// The member at a JSON pointer, as minified JSON; "(none)" when there is none.
inline std::string member(std::string_view json, std::string_view pointer) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const simdjson::padded_string padded(json);
  if (parser.parse(padded).get(element) || element.at_pointer(pointer).get(element)) return "(none)";
  return simdjson::minify(element);
}

// Text that tries to break out of everything it is put into.
inline std::string hostile_text() {
  std::string text = "\r\n\r\ndata: forged\n\nid: 9\revent: error\n\"},{\"\\u000a\\";
  for (char c = 0; c < 0x20; ++c) text += c;
  text += "\x7f\u0085\u2028\u2029\U0001F600";
  return text;
}

}  // namespace ringcast::codec
