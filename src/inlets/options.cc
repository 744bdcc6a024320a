// SPDX-License-Identifier: Apache-2.0
#include "inlets/options.h"

namespace ringcast::inlets {

std::string_view to_string(Type type) {
  switch (type) {
    case Type::redis_pubsub: return "redis_pubsub";
    case Type::redis_stream: return "redis_stream";
    case Type::nats: return "nats";
    case Type::jetstream: return "jetstream";
    case Type::kafka: return "kafka";
  }
  return "";
}

std::optional<Type> type_from(std::string_view name) {
  for (size_t i = 0; i < kTypes; ++i) {
    if (to_string(static_cast<Type>(i)) == name) return static_cast<Type>(i);
  }
  return std::nullopt;
}

std::string_view not_built(Type type) {
#if !RINGCAST_WITH_NATS
  if (is_nats(type)) return "this program was built without NATS; rebuild with -Dnats=enabled";
#endif
#if !RINGCAST_WITH_KAFKA
  if (type == Type::kafka) return "this program was built without Kafka; rebuild with -Dkafka=enabled";
#endif
  static_cast<void>(type);
  return {};
}

}  // namespace ringcast::inlets
