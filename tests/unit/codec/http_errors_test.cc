// SPDX-License-Identifier: Apache-2.0
// Each row of docs/http-errors.md is a case: what the page says about an input is what the parser does with it.
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <set>

#include "codec/http1/http_request_parser.h"
#include "codec/websocket/websocket_handshake.h"
#include "pieces.h"

namespace ringcast::codec {
namespace {

struct Row {
  int line = 0;
  std::string what;
  std::string input;
  std::string answer;  // "400 bad_host"
};

// `\r`, `\n`, `\t`, `\0`, `\xNN`, `\p` (a vertical bar) and `{text*count}`.
std::string expand(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const size_t star = text.find('*', i);
      const size_t close = text.find('}', star);
      if (close == std::string_view::npos) ADD_FAILURE() << "unclosed { in " << text;
      const std::string repeated = expand(text.substr(i + 1, star - i - 1));
      for (int n = std::stoi(std::string(text.substr(star + 1, close - star - 1))); n > 0; --n) out += repeated;
      i = close;
    } else if (text[i] == '\\') {
      switch (text[++i]) {
        case 'r': out += '\r'; break;
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case '0': out += '\0'; break;
        case 'p': out += '|'; break;
        case 'x': {
          int value = 0;
          std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
          out += static_cast<char>(value);
          i += 2;
          break;
        }
        default: ADD_FAILURE() << "unknown escape in " << text;
      }
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string between_ticks(std::string_view cell) {
  const size_t open = cell.find('`');
  const size_t close = cell.rfind('`');
  return open == close ? std::string() : std::string(cell.substr(open + 1, close - open - 1));
}

// Rows of the form | what | `input` | status | `code` |
std::vector<Row> read_rows() {
  std::ifstream file(RINGCAST_HTTP_ERRORS_DOC);
  EXPECT_TRUE(file) << RINGCAST_HTTP_ERRORS_DOC;
  std::vector<Row> rows;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    for (size_t at = 1; at < line.size();) {
      const size_t bar = std::min(line.find('|', at), line.size());
      cells.push_back(line.substr(at, bar - at));
      at = bar + 1;
    }
    if (cells.size() != 4 || between_ticks(cells[1]).empty()) continue;
    const std::string status = cells[2].substr(cells[2].find_first_not_of(' '), 3);
    rows.push_back({number, cells[0], expand(between_ticks(cells[1])), status + " " + between_ticks(cells[3])});
  }
  return rows;
}

// The answer to the first request that cannot be served; upgrades are checked as the session does.
std::string answer_to(const Pieces& pieces) {
  HttpRequestParser parser;
  std::string waiting;
  for (const std::string& piece : pieces) {
    waiting += piece;
    while (true) {
      const HttpParseResult result = parser.feed(bytes_of(waiting));
      waiting.erase(0, result.consumed);
      HttpError error = parser.error();
      if (result.status == HttpParseStatus::complete) {
        WebSocketUpgrade upgrade;
        if (!parser.request().path.starts_with("/ws") || check_websocket_request(parser.request(), upgrade, error)) {
          return "served";
        }
      }
      if (!error.code.empty()) {
        EXPECT_FALSE(error.message.empty());
        EXPECT_EQ(error.message.find_first_of("\r\n"), std::string::npos);
        return std::to_string(error.status) + " " + std::string(error.code);
      }
      if (result.status == HttpParseStatus::need_more) break;
    }
  }
  return "unfinished";
}

TEST(HttpErrors, AreAsDocumented) {
  const std::vector<Row> rows = read_rows();
  EXPECT_GE(rows.size(), 80u);
  for (const Row& row : rows) {
    SCOPED_TRACE("line " + std::to_string(row.line) + ":" + row.what);
    EXPECT_EQ(trace_however_cut(row.input, answer_to), row.answer);
  }
}

// Every code that the sources can give has a row.
TEST(HttpErrors, EveryCodeIsDocumented) {
  std::set<std::string> documented;
  for (const Row& row : read_rows()) documented.insert(row.answer.substr(4));
  size_t found = 0;
  for (const char* name :
       {"http_request_parser.cc", "http_request_checks.cc", "http_head_scanner.cc", "chunked_decoder.cc"}) {
    std::ifstream file(std::string(RINGCAST_CODEC_SOURCES) + "/http1/" + name);
    ASSERT_TRUE(file) << name;
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    for (const char* status : {"400, \"", "413, \"", "414, \"", "417, \"", "431, \"", "501, \"", "505, \""}) {
      for (size_t at = source.find(status); at != std::string::npos; at = source.find(status, at + 1)) {
        const size_t begin = at + std::string_view(status).size();
        const std::string code = source.substr(begin, source.find('"', begin) - begin);
        ++found;
        // ambiguous_request: both parsers would have to be wrong in different ways; no such input is known.
        EXPECT_TRUE(documented.contains(code) || code == "ambiguous_request") << code;
      }
    }
  }
  EXPECT_GE(found, 30u);
}

}  // namespace
}  // namespace ringcast::codec
