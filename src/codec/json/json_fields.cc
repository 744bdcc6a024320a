// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_fields.h"

#include <algorithm>

#include "codec/json/json_reader.h"

namespace ringcast::codec {

std::optional<Error> read_json_fields(std::string_view text, const JsonLimits& limits, std::span<JsonField> fields) {
  JsonScratch& scratch = JsonScratch::of_this_thread();
  simdjson::ondemand::document document;
  if (const auto code = scratch.open(text, document)) return json_error(code, limits.depth_max);
  simdjson::ondemand::object object;
  if (const auto code = document.get_object().get(object)) {
    if (code == simdjson::INCORRECT_TYPE) return wrong_root("the message must be a JSON object");
    return json_error(code, limits.depth_max);
  }
  FieldReader reader(scratch, limits);
  reader.members(object, [&](std::string_view key, simdjson::ondemand::value value) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const JsonField& wanted) { return wanted.name == key; });
    if (field == fields.end()) {
      reader.ignored(value);
    } else if (field->kind == JsonField::Kind::text) {
      reader.name(key, value, field->value);
    } else {
      PayloadKind read = PayloadKind::none;
      const auto kind = field->kind == JsonField::Kind::content ? PayloadKind::content : PayloadKind::data;
      reader.payload(kind, value, read, field->value, field->name);
    }
  });
  reader.end(document);
  scratch.assert_output_in_place();
  return reader.take_error();
}

}  // namespace ringcast::codec
