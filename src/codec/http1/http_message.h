// SPDX-License-Identifier: Apache-2.0
// What an HTTP/1.x message consists of, for requests and responses alike: fields, limits and errors.
// Views into the memory of the parser that made them, valid until its reset(); one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringcast::codec {

struct HttpHeader {
  std::string_view name;   // as sent
  std::string_view value;  // without the blanks around it
};

class HttpHeaders {
 public:
  HttpHeaders() = default;
  explicit HttpHeaders(std::span<const HttpHeader> fields) : fields_(fields) {}

  std::span<const HttpHeader> all() const { return fields_; }
  size_t size() const { return fields_.size(); }
  // The first field of that name, whatever its case.
  std::optional<std::string_view> find(std::string_view name) const;
  std::string_view find_or(std::string_view name, std::string_view otherwise) const;
  size_t count(std::string_view name) const;
  // Whether `token` is an element of any field of that name, all taken as comma-separated lists.
  bool has_token(std::string_view name, std::string_view token) const;

 private:
  std::span<const HttpHeader> fields_;
};

struct HttpLimits {
  uint32_t request_line_max = 8 * 1024;  // bytes without the line end; a response's status line too
  uint32_t headers_max = 16 * 1024;      // bytes of all fields with their line ends and the empty line
  uint32_t header_count_max = 64;
  uint64_t body_max = 1024 * 1024;
};

// A request (or response) that cannot be served. The connection must be closed after the answer: where the next
// message would begin is not known.
struct HttpError {
  uint16_t status = 0;    // what to answer
  std::string_view code;  // stable, snake_case; docs/http-errors.md lists them all
  std::string message;    // one line for people: what was wrong and what is allowed
};

}  // namespace ringcast::codec
