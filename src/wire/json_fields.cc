#include "wire/json_fields.h"

#include <algorithm>

#include "wire/json_reader.h"

namespace ringcast::wire {

std::optional<Error> read_json_fields(std::string_view text, const JsonLimits& limits, std::span<JsonField> fields) {
  JsonScratch& scratch = JsonScratch::of_this_thread();
  simdjson::ondemand::document document;
  if (const auto code = scratch.open(text, document)) return json_error(code, limits.depth_max);
  simdjson::ondemand::object object;
  if (const auto code = document.get_object().get(object)) {
    if (code == simdjson::INCORRECT_TYPE) return Error{"bad_json", "the message must be a JSON object"};
    return json_error(code, limits.depth_max);
  }
  FieldReader reader(scratch, limits);
  for (auto element : object) {
    simdjson::ondemand::field member;
    std::string_view key;
    auto code = std::move(element).get(member);
    if (!code) code = member.unescaped_key().get(key);
    if (code) {
      reader.break_off(code);
      break;
    }
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const JsonField& wanted) { return wanted.name == key; });
    if (field == fields.end()) {
      reader.ignored(member.value());
    } else if (field->kind == JsonField::Kind::text) {
      reader.text(key, member.value(), field->value);
    } else {
      PayloadKind read = PayloadKind::none;
      const auto kind = field->kind == JsonField::Kind::content ? PayloadKind::content : PayloadKind::data;
      reader.payload(kind, member.value(), read, field->value, field->name);
    }
    if (reader.broken()) break;
  }
  if (!reader.broken()) {
    if (const auto code = expect_end(document)) reader.break_off(code);
  }
  scratch.assert_output_in_place();
  return reader.take_error();
}

}  // namespace ringcast::wire
