// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "base/edit_distance.h"
#include "codec/json/json_fault.h"
#include "codec/json/json_writer.h"

namespace ringcast::codec {
namespace {

using simdjson::error_code;
using simdjson::SUCCESS;
using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

// Room for an ordinary message from the start; what a large body needed is given back when small ones follow.
constexpr size_t kScratchBytesMin = 64 << 10;
constexpr size_t kScratchBytesKept = 1 << 20;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// RFC 8259 section 6.
bool is_number(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  const auto next_is = [&](char c) { return i < text.size() && text[i] == c; };
  if (next_is('-')) ++i;
  if (next_is('0')) {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (next_is('.')) {
    ++i;
    if (!digits()) return false;
  }
  if (next_is('e') || next_is('E')) {
    ++i;
    if (next_is('+') || next_is('-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

// A scalar's token reaches up to the next one.
std::string_view scalar_token(value scalar) {
  std::string_view token = scalar.raw_json_token();
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token;
}

error_code append_string(std::string& out, value string) {
  const std::string_view raw = string.raw_json_token();
  // The token stays where it is, and simdjson takes a string before a ':' for a key when it skips over it; behind the
  // token there is the next one, or padding.
  if (raw.data()[raw.size()] == ':') return simdjson::TAPE_ERROR;
  const std::string_view token = scalar_token(string);
  // Without escapes the token is what the writer would make of it: control characters inside strings and invalid UTF-8
  // do not pass simdjson's first stage.
  if (token.size() >= 2 && token.back() == '"' && token.find('\\') == std::string_view::npos) {
    out += token;
    return SUCCESS;
  }
  std::string_view text;
  if (const auto code = string.get_string().get(text)) return code;
  append_json_string(out, text);
  return SUCCESS;
}

error_code append_object(std::string& out, value value_of_object, uint32_t depth_max) {
  simdjson::ondemand::object object;
  if (const auto code = value_of_object.get_object().get(object)) return code;
  out += '{';
  bool first = true;
  for (auto element : object) {
    simdjson::ondemand::field field;
    if (const auto code = std::move(element).get(field)) return code;
    std::string_view key;
    if (const auto code = field.unescaped_key().get(key)) return code;
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    if (const auto code = append_value(out, field.value(), depth_max)) return code;
  }
  out += '}';
  return SUCCESS;
}

error_code append_array(std::string& out, value value_of_array, uint32_t depth_max) {
  simdjson::ondemand::array array;
  if (const auto code = value_of_array.get_array().get(array)) return code;
  out += '[';
  bool first = true;
  for (auto element : array) {
    value item;
    if (const auto code = std::move(element).get(item)) return code;
    if (!first) out += ',';
    first = false;
    if (const auto code = append_value(out, item, depth_max)) return code;
  }
  out += ']';
  return SUCCESS;
}

}  // namespace

JsonScratch& JsonScratch::of_this_thread() {
  thread_local JsonScratch scratch;
  return scratch;
}

error_code JsonScratch::open(std::string_view text, simdjson::ondemand::document& document) {
  text_size_ = 0;
  // RFC 8259 section 8.1: texts do not begin with one. Versions of simdjson differ in whether they pass over it.
  if (text.starts_with("\xEF\xBB\xBF")) return simdjson::TAPE_ERROR;
  const size_t bytes = std::max(text.size(), kScratchBytesMin);
  if (parser_.capacity() > kScratchBytesKept && bytes <= kScratchBytesKept) {
    parser_ = simdjson::ondemand::parser();
    std::string().swap(input_);
    std::string().swap(output_);
  }
  if (parser_.capacity() < bytes) {
    // The text itself, the batch and the request are levels, too.
    if (const auto code = parser_.allocate(bytes, kJsonDepthMax + 3)) return code;
    input_.resize(bytes + simdjson::SIMDJSON_PADDING);
    output_.reserve(bytes);
  }
  text_size_ = text.size();
  output_.clear();
  output_at_open_ = output_.data();
  // The padding may hold anything that is initialised.
  std::copy(text.begin(), text.end(), input_.begin());
  return parser_.iterate(simdjson::padded_string_view(input_.data(), text.size(), input_.size())).get(document);
}

void JsonScratch::assert_output_in_place() const {
  RINGCAST_ASSERT(output_.data() == output_at_open_);
}

error_code append_value(std::string& out, value value, uint32_t depth_max) {
  json_type type;
  if (const auto code = value.type().get(type)) return code;
  switch (type) {
    case json_type::object: return depth_max == 0 ? simdjson::DEPTH_ERROR : append_object(out, value, depth_max - 1);
    case json_type::array: return depth_max == 0 ? simdjson::DEPTH_ERROR : append_array(out, value, depth_max - 1);
    case json_type::string: return append_string(out, value);
    case json_type::number:
    case json_type::boolean:
    case json_type::null: break;
  }
  const std::string_view token = scalar_token(value);
  if (type == json_type::number && !is_number(token)) return simdjson::NUMBER_ERROR;
  if (type == json_type::boolean && token != "true" && token != "false") return simdjson::T_ATOM_ERROR;
  if (type == json_type::null && token != "null") return simdjson::N_ATOM_ERROR;
  out += token;
  return SUCCESS;
}

error_code expect_end(simdjson::ondemand::document& document) {
  const char* location = nullptr;
  const auto code = document.current_location().get(location);
  if (code == simdjson::OUT_OF_BOUNDS) return SUCCESS;
  return code ? code : simdjson::TRAILING_CONTENT;
}

Error json_error(error_code code, uint32_t depth_max) {
  if (code == simdjson::CAPACITY || code == simdjson::MEMALLOC) return {"bad_json", simdjson::error_message(code)};
  if (code == simdjson::DEPTH_ERROR) {
    return {"too_deep", "the JSON nests deeper than " + std::to_string(depth_max) + " levels"};
  }
  const std::string_view text = JsonScratch::of_this_thread().text();
  if (const auto fault = find_json_fault(text)) return {"bad_json", "not valid JSON at " + describe(*fault, text)};
  return {"bad_json", std::string("not valid JSON: ") + simdjson::error_message(code)};
}

Error unknown_field(std::string_view name, std::string_view whose, std::span<const std::string_view> known) {
  RINGCAST_ASSERT(!known.empty());
  const auto nearest = std::min_element(known.begin(), known.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  std::string message = std::string(whose) + " has no field " + quoted(name) + "; the nearest one is ";
  message += quoted(*nearest) + ", of";
  for (const std::string_view one : known) message.append(one.data() == known.front().data() ? " " : ", ").append(one);
  return {"unknown_field", std::move(message)};
}

Error wrong_root(std::string_view wanted) {
  const std::string_view text = JsonScratch::of_this_thread().text();
  if (find_json_fault(text)) return json_error(simdjson::INCORRECT_TYPE, 0);
  return {"bad_json", std::string(wanted)};
}

void FieldReader::complain(Error error) {
  if (!error_) error_ = std::move(error);
}

// Broken JSON goes before every other complaint: nothing in the text can be relied on.
void FieldReader::break_off(error_code code) {
  error_ = json_error(code, depth_max_);
  broken_ = true;
}

std::optional<json_type> FieldReader::type_of(Value value) {
  json_type type;
  if (const auto code = value.type().get(type)) {
    break_off(code);
    return std::nullopt;
  }
  return type;
}

bool FieldReader::is_null(Value value) {
  const auto type = type_of(value);
  if (type != json_type::null) return false;
  ignored(value);
  return !broken_;
}

void FieldReader::ignored(Value value) {
  std::string& out = scratch_.output();
  const size_t size = out.size();
  if (const auto code = append_value(out, value, depth_max_)) break_off(code);
  out.resize(size);
}

void FieldReader::unknown(std::string_view name, Value value, std::string_view whose,
                          std::span<const std::string_view> known) {
  ignored(value);
  complain(unknown_field(name, whose, known));
}

bool FieldReader::is(json_type type, std::string_view name, Value value, std::string_view wanted) {
  const auto found = type_of(value);
  if (found && *found != type) wrong_type(name, value, wanted);
  return found == type;
}

void FieldReader::wrong_type(std::string_view name, Value value, std::string_view wanted) {
  ignored(value);
  complain("bad_field", quoted(name) + " must be " + std::string(wanted));
}

std::optional<std::string_view> FieldReader::kept(Value value) {
  std::string& out = scratch_.output();
  const size_t begin = out.size();
  if (const auto code = append_value(out, value, depth_max_)) {
    break_off(code);
    return std::nullopt;
  }
  return std::string_view(out).substr(begin);
}

void FieldReader::text(std::string_view name, Value value, std::string_view& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (type == json_type::null) return ignored(value);
  if (type != json_type::string) return wrong_type(name, value, "a string");
  if (const auto code = value.get_string().get(to)) break_off(code);
}

void FieldReader::name(std::string_view name, Value value, std::string_view& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (*type != json_type::number) return text(name, value, to);
  const auto digits = kept(value);
  if (!digits) return;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(digits->begin(), digits->end(), digit)) {
    return complain("bad_field", quoted(name) + " must be a string or a whole number");
  }
  to = *digits;
}

void FieldReader::spelled_text(std::string_view name, Value value, std::string_view& to, std::string_view& spelling) {
  if (is_null(value) || broken_) return;
  if (!spelling.empty() && spelling != name) {
    complain("bad_field", quoted(spelling) + " and " + quoted(name) + " mean the same; give one of them");
  }
  spelling = name;
  text(name, value, to);
}

void FieldReader::flag(std::string_view name, Value value, bool& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (type != json_type::boolean) {
    return type == json_type::null ? ignored(value) : wrong_type(name, value, "true or false");
  }
  const auto token = kept(value);
  if (token) to = *token == "true";
}

bool FieldReader::read_id(Value value, json_type type, uint64_t& number) {
  if (type != json_type::number && type != json_type::string) return ignored(value), false;
  auto digits = kept(value);
  if (!digits) return false;
  if (type == json_type::string) digits = digits->substr(1, digits->size() - 2);
  const auto [end, failure] = std::from_chars(digits->data(), digits->data() + digits->size(), number);
  return !digits->empty() && failure == std::errc{} && end == digits->data() + digits->size() &&
         number <= kMessageIdMax;
}

void FieldReader::id(std::string_view name, Value value, std::optional<uint64_t>& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (type == json_type::null) return ignored(value);
  uint64_t number = 0;
  if (read_id(value, *type, number)) {
    to = number;
  } else {
    complain("bad_field",
             quoted(name) + " must be an id: a whole number from 0 to 2^53 - 1, or its digits in a string");
  }
}

void FieldReader::cursor(std::string_view name, Value value, std::optional<uint64_t>& to, bool& unreadable) {
  const auto type = type_of(value);
  if (!type) return;
  if (type == json_type::null) return ignored(value);
  if (type != json_type::number && type != json_type::string) return wrong_type(name, value, "an id");
  uint64_t number = 0;
  unreadable = !read_id(value, *type, number);
  to = unreadable ? std::nullopt : std::optional(number);
}

void FieldReader::count(std::string_view name, Value value, std::optional<uint32_t>& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (type == json_type::null) return ignored(value);
  if (type != json_type::number) return wrong_type(name, value, "a whole number from 1 on");
  const auto digits = kept(value);
  if (!digits) return;
  uint32_t number = 0;
  const auto [end, failure] = std::from_chars(digits->data(), digits->data() + digits->size(), number);
  if (failure != std::errc{} || end != digits->data() + digits->size() || number == 0) {
    return complain("bad_field", quoted(name) + " must be a whole number from 1 on");
  }
  to = number;
}

void FieldReader::ref(Value value, std::string_view& to) {
  const auto type = type_of(value);
  if (!type) return;
  if (type == json_type::null) return ignored(value);
  if (type != json_type::string && type != json_type::number) return wrong_type("ref", value, "a string or a number");
  const auto raw = kept(value);
  if (!raw) return;
  if (raw->size() > kRefBytesMax) return complain("bad_field", "\"ref\" is longer than 128 bytes");
  to = *raw;
}

void FieldReader::payload(PayloadKind kind, Value value, PayloadKind& kind_to, std::string_view& to,
                          std::string_view name) {
  if (name.empty()) name = kind == PayloadKind::content ? "content" : "data";
  const auto type = type_of(value);
  if (!type) return;
  if (kind == PayloadKind::content) {
    if (type == json_type::null) return ignored(value);
    if (type != json_type::string) return wrong_type(name, value, "a string; any other JSON goes into \"data\"");
  }
  const auto raw = kept(value);
  if (!raw) return;
  const size_t quotes = kind == PayloadKind::content ? 2 : 0;
  if (raw->size() > limits_.payload_bytes_max + quotes) {
    return complain("too_large",
                    quoted(name) + " is larger than " + std::to_string(limits_.payload_bytes_max) + " bytes");
  }
  if (kind_to != PayloadKind::none && kind_to != kind) {
    return complain("bad_field", "\"content\" and \"data\" exclude each other");
  }
  kind_to = kind;
  to = *raw;
}

}  // namespace ringcast::codec
