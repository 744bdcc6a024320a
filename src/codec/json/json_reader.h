// SPDX-License-Identifier: Apache-2.0
// Reads JSON that clients sent, with simdjson's On-Demand parser, and re-serialises parts of it on one line.
// On-Demand checks only what is looked at, so everything is looked at here: a text that passes is JSON as a whole.
// One JsonScratch per thread; private to src/wire.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

// The padded copy that simdjson needs, its buffers, and what was re-serialised; views of the last text live in it.
class JsonScratch {
 public:
  static JsonScratch& of_this_thread();

  // Starts a new text; the views of the one before are gone.
  simdjson::error_code open(std::string_view text, simdjson::ondemand::document& document);
  std::string_view text() const { return {input_.data(), text_size_}; }
  // Re-serialised bytes. Never more than the text has, so views of it hold until the next open().
  std::string& output() { return output_; }
  void assert_output_in_place() const;

 private:
  simdjson::ondemand::parser parser_;
  std::string input_;
  size_t text_size_ = 0;
  std::string output_;
  const char* output_at_open_ = nullptr;
};

// Appends the value without insignificant whitespace and with canonical escapes; numbers as they were written. Every
// part is checked. DEPTH_ERROR when containers nest deeper than `depth_max`.
simdjson::error_code append_value(std::string& out, simdjson::ondemand::value value, uint32_t depth_max);

// Bytes of the text that must follow a root container: none.
simdjson::error_code expect_end(simdjson::ondemand::document& document);

// Of the text that this thread's scratch holds: what is wrong with it, and where.
Error json_error(simdjson::error_code code, uint32_t depth_max);
// The text is not the container that is `wanted` ("an action is a JSON object"), if it is JSON at all.
Error wrong_root(std::string_view wanted);

// Code unknown_field: says which of `known` comes nearest to `name`, and lists them.
Error unknown_field(std::string_view name, std::string_view whose, std::span<const std::string_view> known);

// Takes fields of known types, and remembers the first complaint. A wrong type does not end the reading (so that the
// `ref` of a faulty action is still found), broken JSON does.
class FieldReader {
 public:
  FieldReader(JsonScratch& scratch, const JsonLimits& limits)
      : scratch_(scratch), limits_(limits), depth_max_(std::min(limits.depth_max, kJsonDepthMax)) {}

  using Value = simdjson::ondemand::value;

  bool broken() const { return broken_; }
  const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::optional<Error> take_error() { return std::move(error_); }
  void complain(Error error);
  void complain(std::string_view code, std::string message) { complain(Error{std::string(code), std::move(message)}); }
  void complain(const Result<void>& checked) {
    if (!checked) complain(checked.error());
  }
  void break_off(simdjson::error_code code);

  // Each leaves its target alone when the value is null or of another type.
  void text(std::string_view name, Value value, std::string_view& to);
  // The same, and of a whole number its digits: ids are often numbers elsewhere.
  void name(std::string_view name, Value value, std::string_view& to);
  // The decoded text of one of a field's spellings; another spelling before it is an error.
  void spelled_text(std::string_view name, Value value, std::string_view& to, std::string_view& spelling);
  void flag(std::string_view name, Value value, bool& to);
  void id(std::string_view name, Value value, std::optional<uint64_t>& to);
  // An id to go on from; `unreadable` is set for a number or a string that is none.
  void cursor(std::string_view name, Value value, std::optional<uint64_t>& to, bool& unreadable);
  void count(std::string_view name, Value value, std::optional<uint32_t>& to);
  void ref(Value value, std::string_view& to);
  // `name` where the field has another than its kind.
  void payload(PayloadKind kind, Value value, PayloadKind& kind_to, std::string_view& to, std::string_view name = {});
  void ignored(Value value);
  // A field that is not one of `known`; `whose` takes it not: "a publish".
  void unknown(std::string_view name, Value value, std::string_view whose, std::span<const std::string_view> known);
  bool is_null(Value value);
  bool is_text(Value value) { return type_of(value) == simdjson::ondemand::json_type::string; }
  // False: it is of another type, and the error says that the field must be `wanted`.
  bool is(simdjson::ondemand::json_type type, std::string_view name, Value value, std::string_view wanted);

  // Gives the members of an object to take(key, value), in order, until the object or the text breaks.
  template <class Take>
  void members(simdjson::ondemand::object object, Take&& take) {
    for (auto element : object) {
      simdjson::ondemand::field field;
      std::string_view key;
      auto code = std::move(element).get(field);
      if (!code) code = field.unescaped_key().get(key);
      if (code) return break_off(code);
      take(key, field.value());
      if (broken_) return;
    }
  }
  // Nothing may follow the root container; for texts that are whole until here.
  void end(simdjson::ondemand::document& document) {
    if (broken_) return;
    if (const auto code = expect_end(document)) break_off(code);
  }

 private:
  std::optional<simdjson::ondemand::json_type> type_of(Value value);
  void wrong_type(std::string_view name, Value value, std::string_view wanted);
  // Re-serialised into the scratch.
  std::optional<std::string_view> kept(Value value);
  // The id that a number, or a string of digits, is; false: it is none. Other types are ignored likewise.
  bool read_id(Value value, simdjson::ondemand::json_type type, uint64_t& number);

  JsonScratch& scratch_;
  const JsonLimits& limits_;
  uint32_t depth_max_;
  std::optional<Error> error_;
  bool broken_ = false;
};

}  // namespace ringcast::codec
