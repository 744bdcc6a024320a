// SPDX-License-Identifier: Apache-2.0
// Writes HTTP/1.1 responses: head, body, JSON errors, chunks. Everything is appended to a string that the caller
// reuses. Pure functions; the date is given from outside, there is no clock here. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "codec/http1/http_message.h"

namespace ringcast::codec {

std::string_view reason_phrase(uint16_t status);

enum class BodyFraming : uint8_t {
  sized,        // Content-Length
  chunked,      // Transfer-Encoding: chunked; HTTP/1.1 clients only
  until_close,  // neither, and Connection: close
  none,         // 1xx, 204, 304, and anything else that carries no length
};

struct HttpResponseHead {
  uint16_t status = 200;
  BodyFraming framing = BodyFraming::sized;
  bool keep_alive = true;
  uint8_t version_minor = 1;            // of the request: a 1.0 client is sent keep-alive, a 1.1 client close
  std::string_view content_type;        // none when empty
  uint64_t content_length = 0;          // for `sized`
  std::string_view date;                // IMF-fixdate; none when empty
  std::span<const HttpHeader> headers;  // further ones
};

// "Sat, 21 Nov 2026 02:36:00 GMT" of a second since 1970.
std::string http_date_of(uint64_t second);

// Status line and fields with the empty line. Control characters in field values become blanks, so that nothing that
// came from outside can begin a field of its own.
void append_response_head(std::string& out, const HttpResponseHead& head);

// Head and body; Content-Length is the body's. `head_only` (answers to HEAD) leaves the body out.
void append_response(std::string& out, HttpResponseHead head, std::string_view body, bool head_only = false);

// {"error":{"code":…,"message":…}} with the status; `head` gives date, version, keep_alive and further headers.
void append_error_response(std::string& out, HttpResponseHead head, uint16_t status, std::string_view code,
                           std::string_view message, bool head_only = false);

inline constexpr std::string_view kContinueResponse = "HTTP/1.1 100 Continue\r\n\r\n";

// Chunked transfer coding. A chunk is its header, the bytes and kChunkEnd. An empty chunk would end the body: never
// write one with these.
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr size_t kChunkHeaderMax = 18;  // 16 hex digits and CR LF
size_t chunk_header_size(uint64_t size);
size_t write_chunk_header(char* out, uint64_t size);  // returns its length, at most kChunkHeaderMax
void append_chunk_header(std::string& out, uint64_t size);
void append_chunk(std::string& out, std::string_view data);

}  // namespace ringcast::codec
