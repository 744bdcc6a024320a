// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_head_scanner.h"

#include "base/assert.h"
#include "codec/http1/http_syntax.h"

namespace ringcast::codec {

HttpError to_error(LineFault fault) {
  switch (fault) {
    case LineFault::none: break;
    case LineFault::bare_line_feed: return {400, "bare_line_feed", "a line ends in LF alone; lines end in CR LF"};
    case LineFault::bare_carriage_return:
      return {400, "bare_carriage_return", "a CR is not followed by LF; lines end in CR LF"};
    case LineFault::nul_byte: return {400, "nul_byte", "a NUL byte in the header block"};
    case LineFault::folded:
      return {400, "folded_header", "a header line begins with a blank; folded header fields are not accepted"};
    case LineFault::no_colon: return {400, "missing_colon", "a header line has no colon after the field name"};
    case LineFault::blank_before_colon:
      return {400, "blank_before_colon", "a blank between a header field's name and its colon"};
    case LineFault::bad_name:
      return {400, "bad_header_name", "a header field's name is empty or has a character that names may not have"};
    case LineFault::bad_value: return {400, "bad_header_value", "a header field's value has a control character"};
  }
  RINGCAST_ASSERT(false);
}

LineFault strip_line_end(std::string_view& line) {
  RINGCAST_ASSERT(!line.empty() && line.back() == '\n');
  line.remove_suffix(1);
  const bool has_return = !line.empty() && line.back() == '\r';
  if (has_return) line.remove_suffix(1);
  if (line.find('\r') != std::string_view::npos) return LineFault::bare_carriage_return;
  if (!has_return) return LineFault::bare_line_feed;
  if (line.find('\0') != std::string_view::npos) return LineFault::nul_byte;
  return LineFault::none;
}

LineFault scan_field_line(std::string_view line, uint32_t offset, HeadField& field) {
  if (!line.empty() && is_blank(line.front())) return LineFault::folded;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return LineFault::no_colon;
  const std::string_view name = line.substr(0, colon);
  if (!name.empty() && is_blank(name.back())) return LineFault::blank_before_colon;
  if (!is_token(name)) return LineFault::bad_name;
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return LineFault::bad_value;
  field.name_at = offset;
  field.name_size = static_cast<uint32_t>(name.size());
  field.value_at = offset + static_cast<uint32_t>(value.data() - line.data());
  field.value_size = static_cast<uint32_t>(value.size());
  return LineFault::none;
}

}  // namespace ringcast::codec
