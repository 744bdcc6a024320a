// SPDX-License-Identifier: Apache-2.0
#include "codec/sse/sse.h"

#include <charconv>

#include "base/assert.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kId = "id: ";
constexpr std::string_view kEventField = "event: ";
constexpr std::string_view kDataField = "data: ";

// Two searches for one byte each are memchr's, and faster than one for either.
bool has_line_end(std::string_view text) {
  return text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos;
}

size_t line_size(std::string_view field, std::string_view value) {
  return value.empty() ? 0 : field.size() + value.size() + 1;
}

void append_line(std::string& out, std::string_view field, std::string_view value) {
  if (value.empty()) return;
  out += field;
  out += value;
  out += '\n';
}

// CR, LF and CR LF all end a line of an event stream.
std::string_view take_line(std::string_view& text, bool& more) {
  const size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  more = end != std::string_view::npos;
  if (more) text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
  return line;
}

template <class Line>
void for_each_line(std::string_view text, Line&& line) {
  for (bool more = true; more;) line(take_line(text, more));
}

class Chunk {
 public:
  Chunk(std::string& out, SseFraming framing, size_t size) : out_(out), framing_(framing) {
    if (framing_ == SseFraming::bare) return;
    char digits[16];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, size, 16).ptr);
    out_ += "\r\n";
    end_ = out_.size() + size;
  }
  void end() {
    if (framing_ == SseFraming::bare) return;
    RINGCAST_ASSERT(out_.size() == end_);
    out_ += "\r\n";
  }

 private:
  std::string& out_;
  SseFraming framing_;
  size_t end_ = 0;
};

void append_block(std::string& out, SseFraming framing, std::string_view id, std::string_view event,
                  std::string_view data, bool complete) {
  RINGCAST_ASSERT(!has_line_end(id) && !has_line_end(event));
  const bool one_line = !has_line_end(data);
  size_t data_size = 0;
  if (one_line) {
    data_size = kDataField.size() + data.size() + 1;
  } else {
    for_each_line(data, [&](std::string_view line) { data_size += kDataField.size() + line.size() + 1; });
  }
  Chunk chunk(out, framing, line_size(kId, id) + line_size(kEventField, event) + data_size + (complete ? 1 : 0));
  append_line(out, kId, id);
  append_line(out, kEventField, event);
  const auto append_data = [&](std::string_view line) {
    out += kDataField;
    out += line;
    out += '\n';
  };
  if (one_line) {
    append_data(data);
  } else {
    for_each_line(data, append_data);
  }
  if (complete) out += '\n';
  chunk.end();
}

}  // namespace

void append_sse_event(std::string& out, SseFraming framing, std::string_view id, std::string_view event,
                      std::string_view data) {
  append_block(out, framing, id, event, data, true);
}

void append_sse_event(std::string& out, SseFraming framing, uint64_t id, std::string_view event,
                      std::string_view data) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, id).ptr;
  append_block(out, framing, std::string_view(digits, static_cast<size_t>(end - digits)), event, data, true);
}

void append_sse_event_head(std::string& out, SseFraming framing, std::string_view event, std::string_view data) {
  append_block(out, framing, {}, event, data, false);
}

void append_sse_event_cursor(std::string& out, SseFraming framing, std::string_view cursor) {
  RINGCAST_ASSERT(!has_line_end(cursor));
  Chunk chunk(out, framing, line_size(kId, cursor) + 1);
  append_line(out, kId, cursor);
  out += '\n';
  chunk.end();
}

bool is_sse_event_cursor(SseFraming framing, std::string_view bytes) {
  if (framing == SseFraming::chunked) {
    const size_t header = bytes.find("\r\n");
    bytes.remove_prefix(header == std::string_view::npos ? bytes.size() : header + 2);
  }
  const size_t end = bytes.find('\n');
  return bytes.starts_with(kId) && bytes.substr(end + 1, 1) == "\n";
}

void append_sse_comment(std::string& out, SseFraming framing, std::string_view text) {
  RINGCAST_ASSERT(!has_line_end(text));
  Chunk chunk(out, framing, text.size() + 4);
  out += ": ";
  out += text;
  out += "\n\n";
  chunk.end();
}

void append_sse_retry(std::string& out, SseFraming framing, uint64_t retry_ms) {
  constexpr std::string_view kRetry = "retry: ";
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof digits, retry_ms).ptr;
  const std::string_view number(digits, static_cast<size_t>(end - digits));
  Chunk chunk(out, framing, kRetry.size() + number.size() + 2);
  out += kRetry;
  out += number;
  out += "\n\n";
  chunk.end();
}

void append_sse_end(std::string& out, SseFraming framing) {
  if (framing == SseFraming::chunked) out += "0\r\n\r\n";
}

}  // namespace ringcast::codec
