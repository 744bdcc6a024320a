// SPDX-License-Identifier: Apache-2.0
// `[[inlets]]` sections: from where messages come, and how they are published. What they mean is src/inlets' business.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "access/api_keys.h"
#include "base/glob.h"
#include "cluster/settings.h"
#include "codec/native/names.h"
#include "config/options_table.h"
#include "config/options_toml.h"
#include "inlets/address.h"
#include "inlets/mapping.h"
#include "inlets/options.h"
#include "inlets/pattern.h"

namespace ringcast::config {
namespace {

using inlets::InletOptions;
using inlets::Template;
using inlets::Type;

constexpr size_t kInletUrlMax = 1024;
constexpr size_t kSourceNameMax = 512;
constexpr uint64_t kInFlightMax = 100'000;
constexpr uint64_t kInFlightSizeMin = 64 << 10, kInFlightSizeMax = 1 << 30;

// The texts among the keys, and the types that take them (a bit each).
using Types = uint32_t;
constexpr Types bit(Type type) {
  return 1u << static_cast<unsigned>(type);
}
constexpr Types kAllTypes = (1u << inlets::kTypes) - 1;
constexpr Types kNats = bit(Type::nats) | bit(Type::jetstream);
constexpr Types kKeeping = bit(Type::redis_stream) | bit(Type::jetstream) | bit(Type::kafka);

struct InletText {
  std::string_view key;
  std::string InletOptions::*field;
};
constexpr std::array<InletText, 7> kTemplates = {{
    {"room", &InletOptions::room},
    {"to", &InletOptions::to},
    {"tenant", &InletOptions::tenant},
    {"user", &InletOptions::user},
    {"event", &InletOptions::event},
    {"data", &InletOptions::data},
    {"idempotency_key", &InletOptions::idempotency_key},
}};

struct InletKey {
  std::string_view key;
  Types types;
};
constexpr std::array<InletKey, 26> kInletKeys = {{
    {"name", kAllTypes},
    {"type", kAllTypes},
    {"url", kAllTypes},
    {"url_file", kAllTypes},
    {"from", kAllTypes},
    {"stream", bit(Type::jetstream)},
    {"group", kKeeping | bit(Type::nats)},
    {"body", bit(Type::redis_stream)},
    {"start", kKeeping},
    {"scope", bit(Type::redis_pubsub) | bit(Type::nats)},
    {"ordered", kAllTypes},
    {"room", kAllTypes},
    {"to", kAllTypes},
    {"broadcast", kAllTypes},
    {"tenant", kAllTypes},
    {"user", kAllTypes},
    {"event", kAllTypes},
    {"data", kAllTypes},
    {"idempotency_key", kAllTypes},
    {"ca_file", kNats | bit(Type::kafka)},
    {"certificate_file", kNats | bit(Type::kafka)},
    {"key_file", kNats | bit(Type::kafka)},
    {"credentials_file", kNats},
    {"sasl", bit(Type::kafka)},
    {"in_flight_max", kAllTypes},
    {"in_flight_size_max", kAllTypes},
}};
constexpr std::string_view kDeadLetter = "dead_letter";
constexpr std::array<std::pair<std::string_view, std::string InletOptions::*>, 4> kFiles = {{
    {"ca_file", &InletOptions::ca_file},
    {"certificate_file", &InletOptions::certificate_file},
    {"key_file", &InletOptions::key_file},
    {"credentials_file", &InletOptions::credentials_file},
}};

std::string known_keys() {
  std::string out;
  for (const InletKey& known : kInletKeys) out.append(known.key).append(", ");
  return out.append(kDeadLetter);
}

bool is_key_name(std::string_view text) {
  return !text.empty() && text.size() <= access::kApiKeyNameMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           c == '-';
  });
}

std::string take_url(const std::string& url, InletOptions& inlet, bool& has_url) {
  if (std::exchange(has_url, true)) return "there is one url: as url or in url_file";
  if (url.empty() || url.size() > kInletUrlMax) return "must have 1 to " + std::to_string(kInletUrlMax) + " bytes";
  inlet.url = url;
  return {};
}

Result<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file) return fail_errno("cannot be read", errno);
  std::getline(file, line);
  return line;
}

// Empty: taken. Else why not.
std::string take(const TomlEntry& entry, InletOptions& inlet, bool& has_url, bool& has_type) {
  const auto text = entry.node->value_exact<std::string>();
  if (entry.key == "name") {
    if (!text || !is_key_name(*text))
      return "must be a name of 1 to " + std::to_string(access::kApiKeyNameMax) +
             " letters, digits, '_', '.' and '-', as of an API key";
    inlet.name = *text;
    return {};
  }
  if (entry.key == "type") {
    const auto type = text ? inlets::type_from(*text) : std::nullopt;
    if (!type) return "must be one of " + std::string(inlets::kTypeNames);
    if (const std::string_view why = inlets::not_built(*type); !why.empty()) return std::string(why);
    inlet.type = *type;
    has_type = true;
    return {};
  }
  if (entry.key == "url" || entry.key == "url_file") {
    if (!text) return "must be a text";
    if (entry.key == "url") return take_url(*text, inlet, has_url);
    const auto line = first_line(*text);
    return line ? take_url(*line, inlet, has_url) : line.error().message;
  }
  if (entry.key == "from") {
    auto names = text ? std::optional(std::vector<std::string>{*text}) : texts_of(*entry.node);
    const auto bad = [](const std::string& name) {
      return name.empty() || name.size() > kSourceNameMax ||
             std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    };
    if (!names || names->empty() || names->size() > inlets::kFromMax || std::any_of(names->begin(), names->end(), bad))
      return "must be 1 to " + std::to_string(inlets::kFromMax) + " names of 1 to " + std::to_string(kSourceNameMax) +
             " bytes without control characters";
    inlet.from = *std::move(names);
    return {};
  }
  if (entry.key == "group" || entry.key == "body" || entry.key == "stream") {
    if (!text || text->empty() || text->size() > 128) return "must be a text of 1 to 128 bytes";
    (entry.key == "group" ? inlet.group : entry.key == "body" ? inlet.body : inlet.stream) = *text;
    return {};
  }
  if (entry.key == "sasl") {
    if (!text || (*text != "plain" && *text != "scram-sha-256" && *text != "scram-sha-512"))
      return "must be \"plain\", \"scram-sha-256\" or \"scram-sha-512\"";
    inlet.sasl = *text;
    return {};
  }
  for (const auto& [key, field] : kFiles) {
    if (entry.key != key) continue;
    if (!text || text->empty()) return "must be the path of a file";
    if (!std::ifstream(*text)) return "cannot be read: " + std::string(std::strerror(errno));
    inlet.*field = *text;
    return {};
  }
  if (entry.key == "start") {
    if (!text || (*text != "new" && *text != "oldest")) return "must be \"new\" or \"oldest\"";
    inlet.from_oldest = *text == "oldest";
    return {};
  }
  if (entry.key == "scope") {
    if (!text || (*text != "local" && *text != "once")) return "must be \"local\" or \"once\"";
    inlet.scope = *text == "once" ? inlets::Scope::once : inlets::Scope::local;
    return {};
  }
  if (entry.key == "ordered" || entry.key == "broadcast") {
    const auto flag = entry.node->value_exact<bool>();
    if (!flag) return "must be true or false";
    (entry.key == "ordered" ? inlet.ordered : inlet.broadcast) = *flag;
    return {};
  }
  if (entry.key == "in_flight_max") {
    const auto number = entry.node->value_exact<int64_t>();
    if (!number || *number < 1 || static_cast<uint64_t>(*number) > kInFlightMax)
      return "must be a whole number from 1 to " + std::to_string(kInFlightMax);
    inlet.in_flight_max = static_cast<uint32_t>(*number);
    return {};
  }
  if (entry.key == "in_flight_size_max") {
    const auto size = text ? parse_size(*text) : fail("bad_type", "");
    if (!size || *size < kInFlightSizeMin || *size > kInFlightSizeMax)
      return "must be a size from " + format_size(kInFlightSizeMin) + " to " + format_size(kInFlightSizeMax);
    inlet.in_flight_size_max = *size;
    return {};
  }
  if (entry.key == kDeadLetter) {
    if (!text) return "must be the name of a room";
    if (auto good = codec::check_room(*text); !good) return good.error().message;
    inlet.dead_letter = *text;
    return {};
  }
  for (const InletText& part : kTemplates) {
    if (entry.key != part.key) continue;
    if (!text || text->empty()) return "must be a text with placeholders, such as \"{$.room}\"";
    if (auto parsed = Template::parse(*text); !parsed) return parsed.error().message;
    inlet.*part.field = *text;
    return {};
  }
  return "?";
}

// What the templates ask for that this type has not; empty: nothing.
std::string beyond(const InletOptions& inlet) {
  for (const InletText& part : kTemplates) {
    const Template parsed = *Template::parse(inlet.*part.field);
    const std::string what = std::string(part.key) + ": ";
    const std::string of = " of type " + std::string(to_string(inlet.type));
    if (inlet.type != Type::kafka && parsed.reads_key()) return what + "{key} has no use: messages" + of + " have none";
    if (inlet.type == Type::redis_pubsub && parsed.reads_fields())
      return what + "{field.NAME} has no use: messages" + of + " have none";
    if (!inlets::keeps_messages(inlet.type) && parsed.reads_id())
      return what + "{id} has no use: messages" + of + " have none";
    for (const std::string& from : inlet.from) {
      const uint32_t wildcards = inlet.type == Type::redis_pubsub ? inlets::wildcards_of(from)
                                 : inlets::is_nats(inlet.type)    ? inlets::nats_wildcards_of(from)
                                                                  : 0;
      if (parsed.highest_capture() > wildcards)
        return what + "{" + std::to_string(parsed.highest_capture()) + "} has no use: from \"" + from + "\" has " +
               (wildcards == 0 ? "no wildcard" : "only " + std::to_string(wildcards));
    }
  }
  return {};
}

// The same of NATS's subjects.
std::string bad_subject(const InletOptions& inlet) {
  for (const std::string& subject : inlet.from) {
    if (auto good = inlets::check_nats_subject(subject); !good)
      return "from: \"" + subject + "\": " + good.error().message;
    std::vector<std::string_view> captured;
    for (const std::string& other : inlet.from) {
      if (&other != &subject && inlets::nats_wildcards_of(other) == 0 && inlets::capture_nats(subject, other, captured))
        return "from: \"" + subject + "\" matches \"" + other + "\" too, whose messages would come twice";
    }
  }
  if (inlet.group.find_first_of(" .*>/\\") != std::string::npos)
    return "group must have no space and none of . * > / and \\";
  if (inlet.type != Type::jetstream) return {};
  if (inlet.from.size() != 1) return "from must be one subject of the stream; others need a section each";
  if (inlet.stream.empty()) return "needs stream = \"…\": the stream in which the subject is";
  if (inlet.stream.find_first_of(" .*>/\\") != std::string::npos)
    return "stream must have no space and none of . * > / and \\";
  return {};
}

// The same of Kafka's topics.
std::string bad_topic(const InletOptions& inlet) {
  for (const std::string& topic : inlet.from) {
    const bool good = topic.size() <= 249 && std::all_of(topic.begin(), topic.end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                               c == '.' || c == '-';
                      });
    if (!good) return "from: \"" + topic + "\": a topic has at most 249 letters, digits, '.', '_' and '-'";
  }
  return {};
}

// What is wrong with where it reads; empty: nothing.
std::string bad_source(const InletOptions& inlet) {
  for (const std::string& name : inlet.from) {
    if (std::count(inlet.from.begin(), inlet.from.end(), name) > 1) return "from names \"" + name + "\" twice";
  }
  if (inlet.type == Type::redis_stream) {
    if (inlet.from.size() != 1) return "from must be one stream; others need a section each";
    return {};
  }
  if (inlets::is_nats(inlet.type)) return bad_subject(inlet);
  if (inlet.type == Type::kafka) return bad_topic(inlet);
  for (const std::string& pattern : inlet.from) {
    if (auto good = inlets::check_redis_pattern(pattern); !good)
      return "from: \"" + pattern + "\": " + good.error().message;
    std::vector<std::string_view> captured;
    for (const std::string& other : inlet.from) {
      if (&other != &pattern && inlets::is_redis_pattern(pattern) && !inlets::is_redis_pattern(other) &&
          inlets::capture_redis(pattern, other, captured))
        return "from: \"" + pattern + "\" matches \"" + other + "\" too, whose messages would come twice";
    }
  }
  return {};
}

// What is wrong with how it connects, of types other than Redis; empty: nothing.
std::string bad_login(const InletOptions& inlet) {
  if (inlet.url.empty()) return "needs url = \"…\", or url_file";
  const auto address = inlets::parse_address(inlet.type, inlet.url);
  if (!address) return "url: " + address.error().message;
  if (!address->tls) {
    for (const auto& [key, field] : kFiles) {
      if (key != "credentials_file" && !(inlet.*field).empty())
        return std::string(key) + " has no use without TLS: url must begin with " +
               (inlet.type == Type::kafka ? "kafka+tls://" : "tls://");
    }
  }
  if (inlet.certificate_file.empty() != inlet.key_file.empty()) return "certificate_file and key_file need each other";
  if (!inlet.credentials_file.empty() && !(address->user.empty() && address->token.empty()))
    return "credentials_file has no use with a user in url";
  if (!inlet.sasl.empty() && address->user.empty()) return "sasl has no use without USER:PASSWORD@ in url";
  return {};
}

// What of a section cannot be together, or has no use; empty: nothing.
std::string contradiction(const InletOptions& inlet) {
  const int targets =
      static_cast<int>(!inlet.room.empty()) + static_cast<int>(!inlet.to.empty()) + static_cast<int>(inlet.broadcast);
  if (targets != 1) return "exactly one of room, to and broadcast = true says where messages go";
  if (std::string why = bad_source(inlet); !why.empty()) return why;
  if (std::string why = beyond(inlet); !why.empty()) return why;
  if (auto mapping = inlets::Mapping::create(inlet, {}); !mapping) return mapping.error().message;
  if (!inlets::is_redis(inlet.type)) return bad_login(inlet);
  if (!inlet.url.empty()) {
    const auto address = cluster::parse_broker(inlet.url);
    if (!address) return "url: " + address.error().message;
    if (address->tls) return "url: inlets do not speak TLS (rediss://) yet; name an address that needs none";
  }
  return {};
}

Result<void> read_inlet(const toml::table& table, const std::string& path, Draft& draft) {
  InletOptions inlet;
  const std::string section = path + ":" + std::to_string(table.source().begin.line);
  bool has_url = false, has_type = false;
  InletDraft read{.place = section};
  for (const TomlEntry& entry : by_line(table)) {
    const std::string place = path + ":" + std::to_string(entry.line);
    const bool known =
        entry.key == kDeadLetter ||
        std::any_of(kInletKeys.begin(), kInletKeys.end(), [&](const InletKey& each) { return each.key == entry.key; });
    if (!known)
      return fail("unknown_setting",
                  place + ": unknown setting of [[inlets]] \"" + entry.key + "\"; there is " + known_keys());
    read.given.push_back(entry.key);
    const std::string why = take(entry, inlet, has_url, has_type);
    // A URL may hold a password.
    if (!why.empty()) return bad_setting(place, entry.key, entry.key == "url" ? "\"…\"" : spelled(*entry.node), why);
  }
  const auto needs = [&](std::string_view what) {
    return fail("missing_setting", section + ": [[inlets]] needs " + std::string(what));
  };
  if (inlet.name.empty()) return needs("name = \"…\"");
  if (!has_type) return needs("type = \"…\", one of " + std::string(inlets::kTypeNames));
  if (inlet.from.empty()) return needs("from = \"…\"");
  for (const InletKey& known : kInletKeys) {
    const bool given = std::find(read.given.begin(), read.given.end(), known.key) != read.given.end();
    if (given && (known.types & bit(inlet.type)) == 0)
      return fail("impossible_settings", section + ": " + std::string(known.key) + " has no use with type = \"" +
                                             std::string(to_string(inlet.type)) + "\"");
  }
  if (const std::string why = contradiction(inlet); !why.empty())
    return fail("impossible_settings", section + ": " + why);
  draft.options.inlets.push_back(std::move(inlet));
  draft.inlets.push_back(std::move(read));
  return {};
}

// What depends on the rest of the settings; empty: nothing.
std::string clash(const InletOptions& inlet, const InletDraft& read, const Options& options) {
  const auto given = [&](std::string_view key) {
    return std::find(read.given.begin(), read.given.end(), key) != read.given.end();
  };
  const access::ApiKeys keys(options.api_keys);
  if (std::any_of(keys.all().begin(), keys.all().end(),
                  [&](const access::ApiKey& key) { return key.name == inlet.name; }))
    return "name = \"" + inlet.name +
           "\" is an API key's name too; rights and limits are by name, so each needs its own";
  if (options.broker.empty()) {
    if (inlet.url.empty()) return "needs url = \"…\": there is no broker whose Redis could be meant";
    for (const std::string_view key : {"scope", "ordered"}) {
      if (given(key)) return std::string(key) + " has no use without broker: only this server publishes";
    }
  } else if (inlet.url.empty() && cluster::parse_broker(options.broker)->tls) {
    return "needs url = \"…\": inlets do not speak TLS as the broker does";
  } else if (!inlets::keeps_messages(inlet.type) && inlet.scope == inlets::Scope::local) {
    for (const std::string_view key : {"idempotency_key", "ordered"}) {
      if (given(key)) return std::string(key) + " has no use with scope = \"local\": such messages have no id";
    }
    if (given("group")) return "group has no use with scope = \"local\": each node gets every message";
  }
  if (!inlet.tenant.empty() && !options.tenants) return "tenant has no use without tenants = true";
  return {};
}

}  // namespace

Result<void> read_inlets(const TomlEntry& entry, const std::string& path, Draft& draft) {
  const auto sections = sections_of(entry, path, inlets::kInletsMax);
  if (!sections) return tl::unexpected(sections.error());
  for (const toml::node& section : **sections) {
    if (auto read = read_inlet(*section.as_table(), path, draft); !read) return read;
  }
  return {};
}

Result<void> check_inlets(const Draft& draft) {
  const std::vector<InletOptions>& all = draft.options.inlets;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string& place = draft.inlets[i].place;
    for (size_t j = 0; j < i; ++j) {
      if (all[j].name == all[i].name)
        return fail("impossible_settings", place + ": there is another inlet named \"" + all[i].name + "\"");
    }
    if (const std::string why = clash(all[i], draft.inlets[i], draft.options); !why.empty())
      return fail("impossible_settings", place + ": [[inlets]] \"" + all[i].name + "\" " + why);
  }
  return {};
}

void print_inlet(std::string& out, const InletOptions& inlet, bool has_broker) {
  const auto line = [&](std::string_view key, const std::string& value) {
    out.append(key).append(" = ").append(value).append("\n");
  };
  const auto takes = [&](std::string_view key) {
    return std::any_of(kInletKeys.begin(), kInletKeys.end(),
                       [&](const InletKey& each) { return each.key == key && (each.types & bit(inlet.type)) != 0; });
  };
  const bool local = has_broker && !inlets::keeps_messages(inlet.type) && inlet.scope == inlets::Scope::local;
  out += "\n[[inlets]]\n";
  line("name", quoted_toml(inlet.name));
  line("type", quoted_toml(to_string(inlet.type)));
  if (!inlet.url.empty()) line("url", quoted_toml(inlet.url));
  std::string from;
  for (const std::string& name : inlet.from) from += (from.empty() ? "" : ", ") + quoted_toml(name);
  line("from", "[" + from + "]");
  if (takes("stream")) line("stream", quoted_toml(inlet.stream));
  if (takes("group") && !local) line("group", quoted_toml(inlet.group));
  for (const auto& [key, field] : kFiles) {
    if (!(inlet.*field).empty()) line(key, quoted_toml(inlet.*field));
  }
  if (!inlet.sasl.empty()) line("sasl", quoted_toml(inlet.sasl));
  if (takes("body")) line("body", quoted_toml(inlet.body));
  if (takes("start")) line("start", inlet.from_oldest ? "\"oldest\"" : "\"new\"");
  if (takes("scope") && has_broker) line("scope", local ? "\"local\"" : "\"once\"");
  if (has_broker && !local) line("ordered", inlet.ordered ? "true" : "false");
  for (const InletText& part : kTemplates) {
    if (!(inlet.*part.field).empty()) line(part.key, quoted_toml(inlet.*part.field));
  }
  if (inlet.broadcast) line("broadcast", "true");
  line("in_flight_max", std::to_string(inlet.in_flight_max));
  line("in_flight_size_max", quoted_toml(format_size(inlet.in_flight_size_max)));
  if (!inlet.dead_letter.empty()) line(kDeadLetter, quoted_toml(inlet.dead_letter));
}

}  // namespace ringcast::config
