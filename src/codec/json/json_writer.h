// SPDX-License-Identifier: Apache-2.0
// Writes JSON on one line at the end of a string that the caller owns and reuses; strings are valid UTF-8 already.
// No state beyond the call or the writer on the caller's stack; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::codec {

// In quotes; escapes '"', '\' and what is below 0x20, so the result has no line end in it. Never longer than any JSON
// spelling of the same text.
void append_json_string(std::string& out, std::string_view text);
void append_uint(std::string& out, uint64_t value);
void append_int(std::string& out, int64_t value);
// "2026-11-21T02:36:00.123Z" of microseconds since 1970, without quotes; outside 1970..9999 it is clamped.
void append_iso_timestamp(std::string& out, int64_t timestamp_us);

// Keys are literals of ours and need no escaping. Commas are put by the writer.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name) {
    comma();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    needs_comma_ = false;
    return *this;
  }
  // A key that is data, such as a channel's name.
  JsonWriter& string_key(std::string_view name) {
    string(name);
    out_ += ':';
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& string(std::string_view value) {
    comma();
    append_json_string(out_, value);
    return *this;
  }
  JsonWriter& uint(uint64_t value) {
    comma();
    append_uint(out_, value);
    return *this;
  }
  JsonWriter& integer(int64_t value) {
    comma();
    append_int(out_, value);
    return *this;
  }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  // One complete JSON value on one line.
  JsonWriter& raw(std::string_view json) {
    comma();
    out_ += json;
    return *this;
  }
  JsonWriter& timestamp(int64_t timestamp_us) {
    comma();
    out_ += '"';
    append_iso_timestamp(out_, timestamp_us);
    out_ += '"';
    return *this;
  }

  JsonWriter& string(std::string_view name, std::string_view value) { return key(name).string(value); }
  JsonWriter& uint(std::string_view name, uint64_t value) { return key(name).uint(value); }
  JsonWriter& boolean(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& raw(std::string_view name, std::string_view json) { return key(name).raw(json); }
  JsonWriter& timestamp(std::string_view name, int64_t timestamp_us) { return key(name).timestamp(timestamp_us); }

 private:
  void comma() {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
  }
  JsonWriter& open(char bracket) {
    comma();
    out_ += bracket;
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
    return *this;
  }

  std::string& out_;
  bool needs_comma_ = false;
};

}  // namespace ringcast::codec
