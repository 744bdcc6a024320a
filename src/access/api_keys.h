// SPDX-License-Identifier: Apache-2.0
// The keys that open the server calls, each with a name for logs, metrics and limits. Read-only once made; any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::access {

struct ApiKey {
  std::string name;
  std::string secret;

  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

inline constexpr size_t kApiKeyNameMax = 32;
inline constexpr size_t kApiKeySecretMin = 16;

class ApiKeys {
 public:
  ApiKeys() = default;
  // Items as they are set: "SECRET", or "NAME:SECRET" with a name of [A-Za-z0-9_.-]{1,32} and at least 16 bytes behind
  // it. Keys without a name are called key-1, key-2… by their place.
  explicit ApiKeys(const std::vector<std::string>& items);
  ApiKeys(std::initializer_list<std::string_view> items);

  bool empty() const { return keys_.empty(); }
  const std::vector<ApiKey>& all() const { return keys_; }
  // Every key is compared to its end, so that the time says nothing about how much of a guess was right.
  const ApiKey* find(std::string_view given) const;

 private:
  void add(std::string_view item);
  std::vector<ApiKey> keys_;
};

bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace ringcast::access
