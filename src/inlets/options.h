// SPDX-License-Identifier: Apache-2.0
// What the operator sets of an inlet, as it is written, and what each type takes. Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringcast::inlets {

enum class Type : uint8_t { redis_pubsub, redis_stream, nats, jetstream, kafka };
inline constexpr size_t kTypes = 5;
inline constexpr std::string_view kTypeNames = "redis_pubsub, redis_stream, nats, jetstream, kafka";
std::string_view to_string(Type type);
std::optional<Type> type_from(std::string_view name);
// Empty: this program was built with what the type needs. Else what is missing, and how to get it.
std::string_view not_built(Type type);
// Whether messages have ids there, and stay until they are acknowledged.
constexpr bool keeps_messages(Type type) {
  return type == Type::redis_stream || type == Type::jetstream || type == Type::kafka;
}
constexpr bool is_redis(Type type) {
  return type == Type::redis_pubsub || type == Type::redis_stream;
}
constexpr bool is_nats(Type type) {
  return type == Type::nats || type == Type::jetstream;
}

// With a broker, who takes what comes from a type that sends each message to all who listen.
enum class Scope : uint8_t {
  local,  // each node, for its own clients, without an id
  once,   // one node at a time, which publishes it
};

struct InletOptions {
  std::string name;  // as an API key's: for rights, limits, metrics and the log
  Type type = Type::redis_pubsub;
  std::string url;                // empty: the broker's
  std::vector<std::string> from;  // channels, patterns, streams, subjects, topics
  std::string stream;             // jetstream: in which the subject is
  std::string group = "ringcast";
  std::string ca_file, certificate_file, key_file;  // TLS
  std::string credentials_file;                     // NATS: a user's JWT and seed
  std::string sasl;                                 // Kafka: how user and password are sent; empty: as they are
  std::string body = "data";                        // redis_stream: the field that is `{body}`
  bool from_oldest = false;                         // where a new group begins
  Scope scope = Scope::local;
  bool ordered = true;

  // Templates, see template.h; empty: not set.
  std::string room, to, tenant, user, event, data = "{body}", idempotency_key;
  bool broadcast = false;

  uint32_t in_flight_max = 1000;
  uint64_t in_flight_size_max = 8 << 20;
  std::string dead_letter;  // a room; empty: what cannot be published is counted and dropped

  friend bool operator==(const InletOptions&, const InletOptions&) = default;
};

inline constexpr size_t kInletsMax = 32;
inline constexpr size_t kFromMax = 64;

}  // namespace ringcast::inlets
