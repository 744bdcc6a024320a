// SPDX-License-Identifier: Apache-2.0
#include "inlets/options.h"

namespace ringcast::inlets {

std::string_view to_string(Type type) {
  switch (type) {
    case Type::redis_pubsub: return "redis_pubsub";
    case Type::redis_stream: return "redis_stream";
  }
  return "";
}

std::optional<Type> type_from(std::string_view name) {
  for (size_t i = 0; i < kTypes; ++i) {
    if (to_string(static_cast<Type>(i)) == name) return static_cast<Type>(i);
  }
  return std::nullopt;
}

}  // namespace ringcast::inlets
