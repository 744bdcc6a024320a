// SPDX-License-Identifier: Apache-2.0
// How a part of a message is found in what has come: a text with placeholders.
//
//   {channel} {id} {key} {body}   of what has come (source.h)
//   {1} … {9}                     what the first … ninth wildcard of the pattern stood for
//   {field.NAME}                  a header, a field of a stream's entry
//   {$.order.items[0].sku}        a value of the body, which is JSON: a text, a number, true or false
//   {{ }}                         braces
//
// Compiled once; immutable then, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "codec/native/action.h"
#include "inlets/source.h"

namespace ringcast::inlets {

// The body of what has come, read as JSON when it is first asked for. On the stack of the inlet's thread.
class Body {
 public:
  Body(const Received& received, const codec::JsonLimits& limits, std::string& scratch)
      : received_(received), limits_(limits), json_(scratch) {}
  const Received& received() const { return received_; }
  // On one line, with canonical escapes. Codes bad_json, too_deep.
  [[nodiscard]] Result<std::string_view> json() const;

 private:
  const Received& received_;
  const codec::JsonLimits& limits_;
  std::string& json_;
  mutable bool read_ = false;
};

class Template {
 public:
  // Nothing: always missing.
  Template() = default;
  // Code bad_template.
  [[nodiscard]] static Result<Template> parse(std::string_view text);

  bool empty() const { return pieces_.empty(); }
  // It is one placeholder and nothing else.
  bool is_single() const { return pieces_.size() == 1 && pieces_[0].what != What::literal; }
  uint32_t highest_capture() const;
  bool reads_id() const { return has(What::id); }
  bool reads_key() const { return has(What::key); }
  bool reads_fields() const { return has(What::field); }

  // Appends the text. False: a placeholder has no value there. Codes bad_json, too_deep; bad_value: a value is an
  // object or a list.
  [[nodiscard]] Result<bool> expand(const Body& body, std::string& out) const;
  // What the only placeholder stands for, as JSON: a value of the body as it is, anything else as JSON if it is, else
  // as a text. Empty: there is none.
  [[nodiscard]] Result<std::string> json(const Body& body, const codec::JsonLimits& limits) const;

 private:
  enum class What : uint8_t { literal, channel, id, key, body, capture, field, path };
  using Step = std::variant<std::string, size_t>;  // a member, its name as in canonical JSON; a place in a list
  struct Piece {
    What what = What::literal;
    std::string text = {};  // of a literal; of a field its name
    size_t capture = 0;
    std::vector<Step> path = {};
  };

  bool has(What what) const;
  [[nodiscard]] static Result<Piece> placeholder(std::string_view text);
  [[nodiscard]] static Result<std::vector<Step>> path_of(std::string_view text);
  // The raw JSON that the path leads to; empty: nothing.
  static std::string_view find(std::string_view json, const std::vector<Step>& path);
  static std::optional<std::string_view> plain(const Piece& piece, const Received& received);

  std::vector<Piece> pieces_;
};

}  // namespace ringcast::inlets
