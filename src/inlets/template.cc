// SPDX-License-Identifier: Apache-2.0
#include "inlets/template.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json/compact_json.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"

namespace ringcast::inlets {

namespace {

constexpr size_t kSizeMax = 512;
constexpr size_t kStepsMax = 32;

tl::unexpected<Error> bad(std::string why) {
  return fail("bad_template", std::move(why));
}

std::string braced(std::string_view text) {
  return "{" + std::string(text) + "}";
}

}  // namespace

Result<std::string_view> Body::json() const {
  if (!read_) {
    json_.clear();
    if (auto good = codec::append_compact_json(json_, received_.body, limits_); !good) {
      return tl::unexpected<Error>(std::move(good.error()));
    }
    read_ = true;
  }
  return std::string_view(json_);
}

Result<Template> Template::parse(std::string_view text) {
  if (text.size() > kSizeMax) return bad("must be at most " + std::to_string(kSizeMax) + " bytes");
  Template out;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) out.pieces_.push_back({.text = std::exchange(literal, {})});
  };
  while (!text.empty()) {
    const char c = text[0];
    if ((c == '{' || c == '}') && text.size() > 1 && text[1] == c) {
      literal += c;
      text.remove_prefix(2);
    } else if (c == '}') {
      return bad("a } that closes nothing; }} stands for the character");
    } else if (c == '{') {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) return bad("a { that is not closed; {{ stands for the character");
      auto piece = placeholder(text.substr(1, end - 1));
      if (!piece) return tl::unexpected<Error>(std::move(piece.error()));
      end_literal();
      out.pieces_.push_back(*std::move(piece));
      text.remove_prefix(end + 1);
    } else {
      literal += c;
      text.remove_prefix(1);
    }
  }
  end_literal();
  return out;
}

Result<Template::Piece> Template::placeholder(std::string_view text) {
  Piece piece;
  if (text == "channel") return Piece{.what = What::channel};
  if (text == "id") return Piece{.what = What::id};
  if (text == "key") return Piece{.what = What::key};
  if (text == "body") return Piece{.what = What::body};
  if (text.size() == 1 && text[0] >= '1' && text[0] <= '9') {
    piece.what = What::capture;
    piece.capture = static_cast<size_t>(text[0] - '1');
    return piece;
  }
  constexpr std::string_view kField = "field.";
  if (text.starts_with(kField) && text.size() > kField.size()) {
    piece.what = What::field;
    piece.text = text.substr(kField.size());
    return piece;
  }
  if (text.starts_with('$')) {
    auto path = path_of(text.substr(1));
    if (!path) return bad(braced(text) + ": " + path.error().message);
    piece.what = What::path;
    piece.path = *std::move(path);
    return piece;
  }
  return bad("there is no " + braced(text) +
             ", only {channel}, {id}, {key}, {body}, {1} to {9}, {field.NAME} and {$.PATH} into a JSON body");
}

Result<std::vector<Template::Step>> Template::path_of(std::string_view text) {
  std::vector<Step> path;
  while (!text.empty()) {
    if (path.size() == kStepsMax) return bad("a path has at most " + std::to_string(kStepsMax) + " steps");
    if (text[0] == '.') {
      text.remove_prefix(1);
      const std::string_view name = text.substr(0, text.find_first_of(".["));
      if (name.empty()) return bad("a name must follow each .");
      std::string literal;
      codec::append_json_string(literal, name);
      path.emplace_back(literal.substr(1, literal.size() - 2));
      text.remove_prefix(name.size());
    } else if (text[0] == '[') {
      const size_t end = text.find(']');
      size_t index = 0;
      const auto [last, error] = std::from_chars(text.data() + 1, text.data() + std::min(end, text.size()), index);
      if (end == std::string_view::npos || error != std::errc{} || last != text.data() + end)
        return bad("between [ and ] must be the place in a list, from 0");
      path.emplace_back(index);
      text.remove_prefix(end + 1);
    } else {
      return bad("a path is made of .NAME and [PLACE]");
    }
  }
  return path;
}

bool Template::has(What what) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) { return piece.what == what; });
}

uint32_t Template::highest_capture() const {
  size_t highest = 0;
  for (const Piece& piece : pieces_) {
    if (piece.what == What::capture) highest = std::max(highest, piece.capture + 1);
  }
  return static_cast<uint32_t>(highest);
}

std::string_view Template::find(std::string_view json, const std::vector<Step>& path) {
  for (const Step& step : path) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      // Of a repeated member the last counts, as everywhere.
      codec::JsonMembers members(json);
      std::string_view at, value, found;
      while (members.next(at, value)) {
        if (at == *name) found = value;
      }
      json = found;
    } else {
      json = codec::json_element(json, std::get<size_t>(step));
    }
    if (json.empty()) return {};
  }
  return json;
}

std::optional<std::string_view> Template::plain(const Piece& piece, const Received& received) {
  switch (piece.what) {
    case What::channel: return received.channel;
    case What::id: return received.id;
    case What::key: return received.key;
    case What::body: return received.body;
    case What::capture:
      if (piece.capture < received.captured.size()) return received.captured[piece.capture];
      return std::nullopt;
    case What::field: {
      std::optional<std::string_view> found;
      for (const Field& field : received.fields) {
        if (field.name == piece.text) found = field.value;
      }
      return found;
    }
    case What::literal:
    case What::path: break;
  }
  return std::nullopt;
}

Result<bool> Template::expand(const Body& body, std::string& out) const {
  if (pieces_.empty()) return false;
  for (const Piece& piece : pieces_) {
    if (piece.what == What::literal) {
      out += piece.text;
    } else if (piece.what != What::path) {
      const auto text = plain(piece, body.received());
      if (!text || text->empty()) return false;
      out += *text;
    } else {
      const auto json = body.json();
      if (!json) return tl::unexpected<Error>(json.error());
      const std::string_view value = find(*json, piece.path);
      if (value.empty() || value == "null") return false;
      if (value[0] == '{' || value[0] == '[') return fail("bad_value", "an object or a list where a text must be");
      if (value[0] != '"') {
        out += value;
      } else if (value == "\"\"") {
        return false;
      } else if (!codec::append_unquoted(out, value)) {
        return fail("bad_json", "a text that cannot be read");
      }
    }
  }
  return true;
}

Result<std::string> Template::json(const Body& body, const codec::JsonLimits& limits) const {
  const Piece& piece = pieces_.front();
  if (piece.what == What::path) {
    const auto json = body.json();
    if (!json) return tl::unexpected<Error>(json.error());
    return std::string(find(*json, piece.path));
  }
  const auto text = plain(piece, body.received());
  if (!text) return std::string();
  if (piece.what == What::body) {
    if (const auto json = body.json()) return std::string(*json);
  } else {
    std::string json;
    if (codec::append_compact_json(json, *text, limits)) return json;
  }
  if (!codec::is_valid_utf8(*text)) return fail("bad_utf8", "the data is not valid UTF-8");
  std::string literal;
  codec::append_json_string(literal, *text);
  return literal;
}

}  // namespace ringcast::inlets
