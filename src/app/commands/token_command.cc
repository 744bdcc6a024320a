// SPDX-License-Identifier: Apache-2.0
#include "app/commands/token_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "access/authority.h"
#include "access/jwks_source.h"
#include "access/jwt.h"
#include "base/assert.h"
#include "base/keyed_hash.h"
#include "codec/json/json_writer.h"
#include "codec/text/base64.h"
#include "config/size_duration.h"
#include "config/token_policy.h"

namespace ringcast::app {

namespace {

constexpr std::string_view kTokenHelp =
    "ringcast token --user NAME [options] [the server's flags]\n"
    "ringcast token --check TOKEN [the server's flags]\n\n"
    "Prints a token signed with a key of jwt_keys, as the server that these flags start would take it; or says who\n"
    "that server takes a token for, until when and for what, or why it refuses it.\n\n"
    "  --check TOKEN           the token; - for standard input, hidden from other users\n"
    "  --user NAME             whose token it is\n"
    "  --ttl DURATION          how long it is good [1h]\n"
    "  --tenant NAME           the user's tenant [none]\n"
    "  --allow OPERATIONS:PATTERN\n"
    "                          a rule, such as subscribe,publish:chat/*; may be repeated\n"
    "  --key-id ID             sign with this key [the first that can sign]\n"
    "  --token-id ID           jti [random]\n"
    "  --issuer, --audience    iss, aud [the first of jwt_issuers, jwt_audiences]\n";

constexpr config::Duration kTtlMax = std::chrono::hours(24 * 3660);

struct TokenArguments {
  TokenWish wish;
  std::optional<std::string> check;
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
    const auto ttl = config::parse_duration(value);
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
  return name == "--allow" || name == "--ttl" || name == "--check" ||
         std::any_of(std::begin(kFlags), std::end(kFlags), [&](const Flag& flag) { return flag.name == name; });
}

Result<TokenArguments> parse_token_arguments(int argc, const char* const* argv) {
  TokenArguments out;
  out.server.push_back(argc > 0 ? argv[0] : "ringcast");
  bool makes = false;
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
    if (name == "--check") {
      out.check = value;
      continue;
    }
    makes = true;
    if (auto taken = take_flag(name, value, out.wish); !taken) return tl::unexpected<Error>(taken.error());
  }
  if (out.check && makes)
    return fail("bad_flag", "command line: --check is about a token that is there: it goes alone");
  if (out.check) return out;
  if (out.wish.user.empty())
    return fail("bad_flag", "token needs --user NAME: whose token it is to be, or --check TOKEN");
  return out;
}

// "subscribe,publish:chat/*" as a member of "permissions".
Result<void> append_rule(codec::JsonWriter& json, std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return fail("bad_flag", fmt::format("--allow \"{}\": must be OPERATIONS:PATTERN with operations of {}", text,
                                        access::kOperationNames));
  }
  json.begin_object().string("match", text.substr(colon + 1)).key("allow").begin_array();
  std::string_view rest = text.substr(0, colon);
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    const std::string_view operation = rest.substr(0, comma);
    if (!access::operation_from(operation)) {
      return fail("bad_flag",
                  fmt::format("--allow \"{}\": there is no \"{}\", only {}", text, operation, access::kOperationNames));
    }
    json.string(operation);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  json.end_array().end_object();
  return {};
}

Result<access::TokenKey> signing_key(const TokenWish& wish, const config::Options& options) {
  bool found = false;
  for (const std::string& item : options.jwt_keys) {
    const auto setting = config::parse_key_setting(item);
    if (!setting || (!wish.key_id.empty() && setting->id != wish.key_id)) continue;
    found = true;
    auto key = config::read_key(*setting);
    if (!key || key->can_sign()) return key;
  }
  if (options.jwt_keys.empty()) return fail("no_key", "there are no jwt_keys that could sign");
  if (!found) return fail("no_key", fmt::format("none of jwt_keys has the id \"{}\"", wish.key_id));
  return fail("no_key", "jwt_keys are public ones, which cannot sign; secrets and private keys can");
}

std::string time_text(uint64_t seconds) {
  const auto time = static_cast<time_t>(std::min<uint64_t>(seconds, 253'402'300'799));  // the end of the year 9999
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Of its two largest units: "1d 3h", "59min 30s".
std::string age_text(uint64_t seconds) {
  constexpr std::pair<uint64_t, std::string_view> kUnits[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  std::string out;
  int units = 0;
  for (const auto& [unit, name] : kUnits) {
    if (seconds < unit || units == 2) continue;
    out += fmt::format("{}{}{}", units == 0 ? "" : " ", seconds / unit, name);
    seconds %= unit;
    ++units;
  }
  return out.empty() ? "0s" : out;
}

std::string random_id() {
  const HashKey bits = HashKey::random();
  std::array<uint8_t, sizeof bits> bytes;
  std::copy_n(reinterpret_cast<const uint8_t*>(&bits), bytes.size(), bytes.begin());
  std::string id;
  codec::append_base64url(id, bytes);
  return id;
}

}  // namespace

Result<std::string> make_token(const TokenWish& wish, const config::Options& options, uint64_t now_s) {
  const auto key = signing_key(wish, options);
  if (!key) return tl::unexpected<Error>(key.error());

  std::string header, payload;
  codec::JsonWriter head(header);
  head.begin_object().string("alg", to_string(key->algorithm())).string("typ", "JWT");
  if (!key->id().empty()) head.string("kid", key->id());
  head.end_object();

  codec::JsonWriter claims(payload);
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

  std::string token = access::jwt_signing_input(header, payload);
  const auto signature = key->sign(token);
  if (!signature) return tl::unexpected<Error>(signature.error());
  access::append_jwt_signature(token, *signature);

  const access::Authority authority(options.revocations_max);
  const auto policy = config::token_policy(options, authority);
  if (!policy) return tl::unexpected<Error>(policy.error());
  std::optional<std::string> unknown_key;
  if (const auto proved = policy->verify(token, now_s, authority.revoked(), unknown_key); !proved) {
    return fail(proved.error().code, "the server would refuse it: " + proved.error().message);
  }
  return token;
}

Result<std::string> describe_token(std::string_view token, const config::Options& options, const access::Policy& policy,
                                   const access::Revocations& revoked, uint64_t now_s) {
  std::optional<std::string> unknown_key;
  const auto identity = policy.verify(token, now_s, revoked, unknown_key);
  access::Jwt jwt;
  access::JwtClaims claims;
  const bool readable =
      !jwt.open(token) && !jwt.read_claims({options.jwt_user_claim, options.jwt_tenant_claim}, claims);
  if (!identity) {
    std::string why = identity.error().message;
    const bool ended = identity.error().code == "token_expired" && readable && claims.expires_s;
    if (ended)
      why += fmt::format(": it ended {}, {} ago", time_text(*claims.expires_s), age_text(now_s - *claims.expires_s));
    return fail(identity.error().code, std::move(why));
  }
  RINGCAST_ASSERT(readable);
  std::string out = fmt::format("user:    {}\n", identity->user);
  if (!identity->tenant.empty()) out += fmt::format("tenant:  {}\n", identity->tenant);
  out += fmt::format("key:     {}{}{}\n", jwt.algorithm(), jwt.key_id().empty() ? "" : " ", jwt.key_id());
  if (!claims.issuer.empty()) out += fmt::format("issuer:  {}\n", claims.issuer);
  if (!claims.id.empty()) out += fmt::format("id:      {}\n", claims.id);
  if (claims.issued_s) out += fmt::format("issued:  {}\n", time_text(*claims.issued_s));
  if (!claims.expires_s) {
    out += "until:   it has no end\n";
  } else if (*claims.expires_s > now_s) {
    out += fmt::format("until:   {}, for {}\n", time_text(*claims.expires_s), age_text(*claims.expires_s - now_s));
  } else {
    out += fmt::format("until:   {}, over for {} and taken within jwt_leeway\n", time_text(*claims.expires_s),
                       age_text(now_s - *claims.expires_s));
  }
  out += "may:     everything in the own inbox; hear * and read its history\n";
  const auto rule = [&](std::string_view operations, std::string_view match, std::string_view from) {
    out += fmt::format("         {} in {} ({})\n", operations, match, from);
  };
  for (size_t i = 0; i < claims.permissions.size();) {
    const std::string_view match = claims.permissions[i].first;
    std::string operations;
    // Pairs of one rule lie side by side and share the view.
    for (; i < claims.permissions.size() && claims.permissions[i].first.data() == match.data(); ++i)
      operations.append(operations.empty() ? "" : ", ").append(claims.permissions[i].second);
    rule(operations, match, "the token");
  }
  for (const config::PermissionRule& each : options.permissions) {
    const auto& users = each.users;
    if (!each.keys.empty() || (!users.empty() && std::find(users.begin(), users.end(), identity->user) == users.end()))
      continue;
    std::string operations;
    for (unsigned bit = 1; bit <= each.allow; bit <<= 1) {
      if ((each.allow & bit) != 0)
        operations.append(operations.empty() ? "" : ", ").append(to_string(static_cast<access::Operation>(bit)));
    }
    rule(operations, each.match, "[[permissions]]");
  }
  return out;
}

namespace {

int check_token(std::string token, const config::Options& options, uint64_t now_s, std::FILE* out, std::FILE* err) {
  const auto refuse = [&](const Error& error) {
    fmt::print(err, "ringcast: {}\n", error.message);
    return 1;
  };
  if (token == "-") {
    token.clear();
    for (int c; (c = std::fgetc(stdin)) != EOF && c != '\n' && token.size() <= options.token_size_max;)
      token += static_cast<char>(c);
    if (token.ends_with('\r')) token.pop_back();
  }
  if (!options.has_tokens()) return refuse({"no_key", "without jwt_keys or jwks no token is looked at"});
  access::Authority authority(options.revocations_max);
  auto policy = config::token_policy(options, authority);
  if (!policy) return refuse(policy.error());
  authority.set_policy(*std::move(policy));
  std::optional<access::JwksSource> fetched;
  if (config::is_url(options.jwks)) {
    fetched.emplace(access::JwksOptions{.url = options.jwks, .ca_file = options.jwks_ca_file}, authority);
    fetched->start();  // returns with the keys; without them a warning has said why
  }
  const auto text = describe_token(token, options, *authority.policy(), authority.revoked(), now_s);
  if (!text) return refuse({text.error().code, "refused: " + text.error().message});
  fmt::print(out, "{}", *text);
  return 0;
}

}  // namespace

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
  auto invocation = config::load_options(static_cast<int>(server.size()), server.data(), environment);
  if (!invocation) return refuse(2, invocation.error());
  if (invocation->action == config::Invocation::Action::print) {
    fmt::print(out, "{}", invocation->text);
    return 0;
  }
  if (invocation->action == config::Invocation::Action::check)
    return refuse(2, {"bad_flag", std::string(config::kCheckAlone)});
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_s = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  if (arguments->check) return check_token(*arguments->check, invocation->options, now_s, out, err);
  const auto token = make_token(arguments->wish, invocation->options, now_s);
  if (!token) return refuse(token.error().code == "bad_flag" ? 2 : 1, token.error());
  fmt::print(out, "{}\n", *token);
  return 0;
}

}  // namespace ringcast::app
