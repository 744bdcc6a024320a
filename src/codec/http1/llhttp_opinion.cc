// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/llhttp_opinion.h"

#include <llhttp.h>

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

// llhttp may hand a span over in pieces; pieces of one head are adjacent.
struct Pieces {
  const char* at = nullptr;
  size_t size = 0;
  bool adjacent = true;

  void add(const char* piece, size_t length) {
    if (length == 0) return;
    if (at == nullptr) at = piece;
    if (piece != at + size) adjacent = false;
    size += length;
  }
  std::string_view view() const { return {at, size}; }
};

struct Comparison {
  const HeadReading* reading;
  size_t fields_seen = 0;
  bool same = true;
  bool headers_complete = false;
  Pieces target;
  Pieces name;
  Pieces value;
};

Comparison& comparison_of(llhttp_t* parser) {
  return *static_cast<Comparison*>(parser->data);
}

int on_url(llhttp_t* parser, const char* at, size_t size) {
  comparison_of(parser).target.add(at, size);
  return 0;
}

int on_header_field(llhttp_t* parser, const char* at, size_t size) {
  comparison_of(parser).name.add(at, size);
  return 0;
}

int on_header_value(llhttp_t* parser, const char* at, size_t size) {
  comparison_of(parser).value.add(at, size);
  return 0;
}

int on_header_value_complete(llhttp_t* parser) {
  Comparison& comparison = comparison_of(parser);
  const std::span<const HttpHeader> fields = comparison.reading->fields;
  if (comparison.fields_seen >= fields.size()) {
    comparison.same = false;
    return 0;
  }
  const HttpHeader& ours = fields[comparison.fields_seen++];
  const std::string_view value = trim_blanks(comparison.value.view());
  comparison.same = comparison.same && comparison.name.adjacent && comparison.value.adjacent &&
                    comparison.name.at == ours.name.data() && comparison.name.size == ours.name.size() &&
                    value == ours.value && (value.empty() || value.data() == ours.value.data());
  comparison.name = {};
  comparison.value = {};
  return 0;
}

int on_headers_complete(llhttp_t* parser) {
  comparison_of(parser).headers_complete = true;
  return HPE_PAUSED;  // bodies are not llhttp's business
}

llhttp_settings_t make_settings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = on_url;
  settings.on_header_field = on_header_field;
  settings.on_header_value = on_header_value;
  settings.on_header_value_complete = on_header_value_complete;
  settings.on_headers_complete = on_headers_complete;
  return settings;
}

const llhttp_settings_t kSettings = make_settings();

}  // namespace

bool llhttp_agrees(std::string_view head, const HeadReading& reading) {
  const bool request = !reading.method.empty();
  llhttp_t parser;
  llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &kSettings);
  Comparison comparison{.reading = &reading};
  parser.data = &comparison;
  // Blanks behind a value are left out: llhttp takes a tab behind a length or a coding for a part of it, where RFC 9112
  // section 5 has optional whitespace.
  const char* from = head.data();
  const char* const end = from + head.size();
  for (const HttpHeader& field : reading.fields) {
    const char* const blanks = field.value.data() + field.value.size();
    const char* line_end = blanks;
    while (line_end != end && is_blank(*line_end)) ++line_end;
    if (line_end == blanks) continue;
    if (llhttp_execute(&parser, from, static_cast<size_t>(blanks - from)) != HPE_OK) return false;
    from = line_end;
  }
  const auto rest = static_cast<size_t>(end - from);
  if (llhttp_execute(&parser, from, rest) != HPE_PAUSED || !comparison.headers_complete) return false;
  if (!comparison.same || comparison.fields_seen != reading.fields.size()) return false;
  if (parser.http_major != 1 || parser.http_minor != reading.version_minor) return false;
  if (((parser.flags & F_CHUNKED) != 0) != reading.chunked || parser.content_length != reading.content_length) {
    return false;
  }
  if (!request) return parser.status_code == reading.status;
  return reading.method == llhttp_method_name(static_cast<llhttp_method_t>(parser.method)) &&
         comparison.target.adjacent && comparison.target.at == reading.target.data() &&
         comparison.target.size == reading.target.size();
}

}  // namespace ringcast::codec
