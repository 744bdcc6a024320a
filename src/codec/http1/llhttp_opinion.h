// SPDX-License-Identifier: Apache-2.0
// The second opinion: llhttp reads a head that the strict scan has let through, and both must have understood the same.
// Where two parsers differ, a proxy in front may differ as well, and that is how requests are smuggled.
// Pure function; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codec/http1/http_message.h"

namespace ringcast::codec {

// What our own scan found.
struct HeadReading {
  std::string_view method;  // empty: a response
  std::string_view target;
  uint16_t status = 0;
  uint8_t version_minor = 1;
  bool chunked = false;
  uint64_t content_length = 0;
  std::span<const HttpHeader> fields;  // views into `head`
};

// `head`: from the request or status line to the empty line.
bool llhttp_agrees(std::string_view head, const HeadReading& reading);

}  // namespace ringcast::codec
