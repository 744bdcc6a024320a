// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_response.h"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "base/assert.h"
#include "codec/http1/http_syntax.h"
#include "codec/native/rest_json.h"
#include "codec/text/utf8.h"

namespace ringcast::codec {
namespace {

constexpr uint16_t kSwitchingProtocols = 101;

void append_number(std::string& out, uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  RINGCAST_ASSERT(is_token(name));
  out.append(name);
  out.append(": ");
  if (is_field_value(value)) {
    out.append(value);
  } else {
    for (const char c : value) out.push_back(is_field_value({&c, 1}) ? c : ' ');
  }
  out.append("\r\n");
}

}  // namespace

std::string http_date_of(uint64_t second) {
  // Names are fixed by RFC 9110 section 5.6.7, whatever the locale.
  static constexpr char kDays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr char kMonths[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<time_t>(second);
  tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
                    kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text, static_cast<size_t>(length)};
}

void append_response_head(std::string& out, const HttpResponseHead& head) {
  RINGCAST_ASSERT(head.status >= 100 && head.status <= 999);
  RINGCAST_ASSERT(head.framing != BodyFraming::chunked || head.version_minor >= 1);
  out.append("HTTP/1.1 ");
  append_number(out, head.status);
  out.push_back(' ');
  out.append(reason_phrase(head.status));
  out.append("\r\n");
  if (!head.date.empty()) append_field(out, "Date", head.date);
  if (!head.content_type.empty()) append_field(out, "Content-Type", head.content_type);
  switch (head.framing) {
    case BodyFraming::sized:
      out.append("Content-Length: ");
      append_number(out, head.content_length);
      out.append("\r\n");
      break;
    case BodyFraming::chunked: out.append("Transfer-Encoding: chunked\r\n"); break;
    case BodyFraming::until_close:
    case BodyFraming::none: break;
  }
  if (head.status != kSwitchingProtocols) {
    if (!head.keep_alive || head.framing == BodyFraming::until_close) {
      out.append("Connection: close\r\n");
    } else if (head.version_minor == 0) {
      out.append("Connection: keep-alive\r\n");
    }
  }
  for (const HttpHeader& field : head.headers) append_field(out, field.name, field.value);
  out.append("\r\n");
}

void append_response(std::string& out, HttpResponseHead head, std::string_view body, bool head_only) {
  // RFC 9110 section 8.6: no Content-Length where there can be no body.
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  head.framing = bodiless ? BodyFraming::none : BodyFraming::sized;
  head.content_length = body.size();
  append_response_head(out, head);
  if (!bodiless && !head_only) out.append(body);
}

void append_error_response(std::string& out, HttpResponseHead head, uint16_t status, std::string_view code,
                           std::string_view message, bool head_only) {
  std::string body;
  if (is_utf8(message)) {
    append_error_body(body, code, message);
  } else {
    // A message may quote what the client sent.
    std::string readable(message);
    for (char& c : readable) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
    append_error_body(body, code, readable);
  }
  head.status = status;
  head.content_type = "application/json";
  append_response(out, head, body, head_only);
}

size_t chunk_header_size(uint64_t size) {
  size_t digits = 1;
  while (size >>= 4) ++digits;
  return digits + 2;
}

size_t write_chunk_header(char* out, uint64_t size) {
  char* end = std::to_chars(out, out + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return static_cast<size_t>(end - out);
}

void append_chunk_header(std::string& out, uint64_t size) {
  char header[kChunkHeaderMax];
  out.append(header, write_chunk_header(header, size));
}

void append_chunk(std::string& out, std::string_view data) {
  RINGCAST_ASSERT(!data.empty());
  append_chunk_header(out, data.size());
  out.append(data);
  out.append(kChunkEnd);
}

}  // namespace ringcast::codec
