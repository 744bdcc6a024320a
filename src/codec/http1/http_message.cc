// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_message.h"

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {

std::optional<std::string_view> HttpHeaders::find(std::string_view name) const {
  for (const HttpHeader& field : fields_) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::string_view HttpHeaders::find_or(std::string_view name, std::string_view otherwise) const {
  return find(name).value_or(otherwise);
}

size_t HttpHeaders::count(std::string_view name) const {
  size_t count = 0;
  for (const HttpHeader& field : fields_) count += equal_ignoring_case(field.name, name);
  return count;
}

bool HttpHeaders::has_token(std::string_view name, std::string_view token) const {
  for (const HttpHeader& field : fields_) {
    if (equal_ignoring_case(field.name, name) && list_has_token(field.value, token)) return true;
  }
  return false;
}

}  // namespace ringcast::codec
