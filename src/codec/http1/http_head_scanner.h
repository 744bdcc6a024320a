// SPDX-License-Identifier: Apache-2.0
// The strict scan of a header block, line by line, that goes before llhttp whatever its version: 8.1 takes a bare CR as
// a line end and misreads folded fields (CVE-2023-30589, CVE-2024-27982), which lets requests be smuggled past a proxy.
// Plain values, used by the parsers of requests, responses and trailers; the owner's thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "codec/http1/http_message.h"

namespace ringcast::codec {

enum class LineFault : uint8_t {
  none,
  bare_line_feed,        // LF without CR before it
  bare_carriage_return,  // CR without LF after it
  nul_byte,
  folded,  // begins with a blank (obs-fold, RFC 9112 section 5.2)
  no_colon,
  blank_before_colon,  // RFC 9112 section 5.1
  bad_name,            // empty, or not a token
  bad_value,           // a control character
};

// The error that a fault is answered with (always 400).
HttpError to_error(LineFault fault);

// Checks the end of a line given with its LF, and strips CR LF.
LineFault strip_line_end(std::string_view& line);

// Offsets instead of views: the buffer that holds the head may still move while it grows.
struct HeadField {
  uint32_t name_at;
  uint32_t name_size;
  uint32_t value_at;
  uint32_t value_size;
};
using HeadFields = std::vector<HeadField>;

// Splits one field line (without its line end) that begins at `offset` of its buffer.
LineFault scan_field_line(std::string_view line, uint32_t offset, HeadField& field);

}  // namespace ringcast::codec
