// SPDX-License-Identifier: Apache-2.0
#include "access/api_keys.h"

#include <algorithm>
#include <cstdint>

namespace ringcast::access {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kApiKeyNameMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           c == '-';
  });
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<uint8_t>(a[i]) ^ static_cast<uint8_t>(i < b.size() ? b[i] : 0));
  }
  return difference == 0;
}

ApiKeys::ApiKeys(const std::vector<std::string>& items) {
  for (const std::string& item : items) add(item);
}

ApiKeys::ApiKeys(std::initializer_list<std::string_view> items) {
  for (const std::string_view item : items) add(item);
}

void ApiKeys::add(std::string_view item) {
  const size_t colon = item.find(':');
  if (colon != std::string_view::npos && is_name(item.substr(0, colon)) &&
      item.size() - colon - 1 >= kApiKeySecretMin) {
    keys_.push_back({std::string(item.substr(0, colon)), std::string(item.substr(colon + 1))});
  } else {
    keys_.push_back({"key-" + std::to_string(keys_.size() + 1), std::string(item)});
  }
}

const ApiKey* ApiKeys::find(std::string_view given) const {
  const ApiKey* found = nullptr;
  if (given.empty()) return nullptr;
  for (const ApiKey& key : keys_) {
    if (equal_in_constant_time(given, key.secret)) found = &key;
  }
  return found;
}

}  // namespace ringcast::access
