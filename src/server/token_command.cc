// SPDX-License-Identifier: Apache-2.0
#include "server/token_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string_view>

#include "auth/authority.h"
#include "base/keyed_hash.h"
#include "server/size_duration.h"
#include "server/token_policy.h"
#include "wire/base64.h"
#include "wire/json_writer.h"
#include "wire/jwt.h"

namespace ringcast::server {

namespace {

constexpr std::string_view kTokenHelp =
    "ringcast token --user NAME [options] [the server's flags]\n\n"
    "Prints a token signed with a key of jwt_keys, as the server that these flags start would take it.\n\n"
    "  --user NAME             whose token it is\n"
    "  --ttl DURATION          how long it is good [1h]\n"
    "  --tenant NAME           the user's tenant [none]\n"
    "  --allow OPERATIONS:PATTERN\n"
    "                          a rule, such as subscribe,publish:chat/*; may be repeated\n"
    "  --key-id ID             sign with this key [the first that can sign]\n"
    "  --token-id ID           jti [random]\n"
    "  --issuer, --audience    iss, aud [the first of jwt_issuers, jwt_audiences]\n";

constexpr Duration kTtlMax = std::chrono::hours(24 * 3660);

struct TokenArguments {
  TokenWish wish;
  bool help = false;
  std::vector<const char*> server;  // as load_options() wants them
};

struct Flag {
  std::string_view name;
  std::string TokenWish::*text;
};
constexpr Flag kFlags[] = {
    {"--user", &TokenWish::user},   {"--tenant", &TokenWish::tenant}, {"--key-id", &TokenWish::key_id},
    {"--token-id", &TokenWish::id}, {"--issuer", &TokenWish::issuer}, {"--audience", &TokenWish::audience},
};

Result<void> take_flag(std::string_view name, std::string_view value, TokenWish& wish) {
  if (name == "--allow") {
    wish.allow.emplace_back(value);
    return {};
  }
  if (name == "--ttl") {
    const auto ttl = parse_duration(value);
    if (!ttl || *ttl < std::chrono::seconds(1) || *ttl > kTtlMax) {
      return fail("bad_flag", fmt::format("command line: --ttl \"{}\": must be a duration from 1s to 3660d", value));
    }
    wish.ttl = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
    return {};
  }
  for (const Flag& flag : kFlags) {
    if (flag.name == name) wish.*flag.text = value;
  }
  return {};
}

bool is_own(std::string_view name) {
  return name == "--allow" || name == "--ttl" ||
         std::any_of(std::begin(kFlags), std::end(kFlags), [&](const Flag& flag) { return flag.name == name; });
}

Result<TokenArguments> parse_token_arguments(int argc, const char* const* argv) {
  TokenArguments out;
  out.server.push_back(argc > 0 ? argv[0] : "ringcast");
  for (int at = 2; at < argc; ++at) {
    const std::string_view argument = argv[at];
    if (argument == "--help" || argument == "-h") {
      out.help = true;
      return out;
    }
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (!is_own(name)) {
      out.server.push_back(argv[at]);
      continue;
    }
    if (equals == std::string_view::npos && at + 1 == argc) {
      return fail("bad_flag", fmt::format("command line: {} needs a value", name));
    }
    const std::string_view value = equals == std::string_view::npos ? argv[++at] : argument.substr(equals + 1);
    if (auto taken = take_flag(name, value, out.wish); !taken) return tl::unexpected<Error>(taken.error());
  }
  if (out.wish.user.empty()) return fail("bad_flag", "token needs --user NAME: whose token it is to be");
  return out;
}

// "subscribe,publish:chat/*" as a member of "permissions".
Result<void> append_rule(wire::JsonWriter& json, std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return fail("bad_flag", fmt::format("--allow \"{}\": must be OPERATIONS:PATTERN with operations of {}", text,
                                        auth::kOperationNames));
  }
  json.begin_object().string("match", text.substr(colon + 1)).key("allow").begin_array();
  std::string_view rest = text.substr(0, colon);
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    const std::string_view operation = rest.substr(0, comma);
    if (!auth::operation_from(operation)) {
      return fail("bad_flag",
                  fmt::format("--allow \"{}\": there is no \"{}\", only {}", text, operation, auth::kOperationNames));
    }
    json.string(operation);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  json.end_array().end_object();
  return {};
}

Result<auth::TokenKey> signing_key(const TokenWish& wish, const Options& options) {
  bool found = false;
  for (const std::string& item : options.jwt_keys) {
    const auto setting = parse_key_setting(item);
    if (!setting || (!wish.key_id.empty() && setting->id != wish.key_id)) continue;
    found = true;
    auto key = read_key(*setting);
    if (!key || key->can_sign()) return key;
  }
  if (options.jwt_keys.empty()) return fail("no_key", "there are no jwt_keys that could sign");
  if (!found) return fail("no_key", fmt::format("none of jwt_keys has the id \"{}\"", wish.key_id));
  return fail("no_key", "jwt_keys are public ones, which cannot sign; secrets and private keys can");
}

std::string random_id() {
  const HashKey bits = HashKey::random();
  std::array<uint8_t, sizeof bits> bytes;
  std::copy_n(reinterpret_cast<const uint8_t*>(&bits), bytes.size(), bytes.begin());
  std::string id;
  wire::append_base64url(id, bytes);
  return id;
}

}  // namespace

Result<std::string> make_token(const TokenWish& wish, const Options& options, uint64_t now_s) {
  const auto key = signing_key(wish, options);
  if (!key) return tl::unexpected<Error>(key.error());

  std::string header, payload;
  wire::JsonWriter head(header);
  head.begin_object().string("alg", to_string(key->algorithm())).string("typ", "JWT");
  if (!key->id().empty()) head.string("kid", key->id());
  head.end_object();

  wire::JsonWriter claims(payload);
  claims.begin_object().string_key(options.jwt_user_claim).string(wish.user);
  if (!wish.tenant.empty()) claims.string_key(options.jwt_tenant_claim).string(wish.tenant);
  claims.uint("iat", now_s).uint("exp", now_s + static_cast<uint64_t>(wish.ttl.count()));
  claims.string("jti", wish.id.empty() ? random_id() : wish.id);
  const auto first = [](const std::string& given, const std::vector<std::string>& list) {
    return given.empty() && !list.empty() ? list.front() : given;
  };
  if (const auto issuer = first(wish.issuer, options.jwt_issuers); !issuer.empty()) claims.string("iss", issuer);
  if (const auto audience = first(wish.audience, options.jwt_audiences); !audience.empty()) {
    claims.string("aud", audience);
  }
  if (!wish.allow.empty()) {
    claims.key("permissions").begin_array();
    for (const std::string& rule : wish.allow) {
      if (auto added = append_rule(claims, rule); !added) return tl::unexpected<Error>(added.error());
    }
    claims.end_array();
  }
  claims.end_object();

  std::string token = wire::jwt_signing_input(header, payload);
  const auto signature = key->sign(token);
  if (!signature) return tl::unexpected<Error>(signature.error());
  wire::append_jwt_signature(token, *signature);

  const auth::Authority authority(options.revocations_max);
  const auto policy = token_policy(options, authority);
  if (!policy) return tl::unexpected<Error>(policy.error());
  bool unknown_key = false;
  if (const auto proved = policy->verify(token, now_s, authority.revoked(), unknown_key); !proved) {
    return fail(proved.error().code, "the server would refuse it: " + proved.error().message);
  }
  return token;
}

int run_token(int argc, const char* const* argv, const char* const* environment, std::FILE* out, std::FILE* err) {
  const auto refuse = [&](int status, const Error& error) {
    fmt::print(err, "ringcast: {}\n", error.message);
    return status;
  };
  auto arguments = parse_token_arguments(argc, argv);
  if (!arguments) return refuse(2, arguments.error());
  if (arguments->help) {
    fmt::print(out, "{}", kTokenHelp);
    return 0;
  }
  const auto& server = arguments->server;
  auto invocation = load_options(static_cast<int>(server.size()), server.data(), environment);
  if (!invocation) return refuse(2, invocation.error());
  if (invocation->action == Invocation::Action::print) {
    fmt::print(out, "{}", invocation->text);
    return 0;
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto token = make_token(arguments->wish, invocation->options,
                                static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()));
  if (!token) return refuse(token.error().code == "bad_flag" ? 2 : 1, token.error());
  fmt::print(out, "{}\n", *token);
  return 0;
}

}  // namespace ringcast::server
