// SPDX-License-Identifier: Apache-2.0
// The `[[inlets]]` sections of the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "config/options.h"
#include "file_fixture.h"

namespace ringcast::config {
namespace {

using inlets::InletOptions;
using inlets::Scope;
using inlets::Type;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class InletSections : public FileFixture {
 protected:
  // With what every section needs.
  static std::string pubsub(const std::string& more) {
    return "[[inlets]]\nname = \"n\"\ntype = \"redis_pubsub\"\nurl = \"redis://h\"\n" + more + "\n";
  }
  static std::string stream(const std::string& more) {
    return "[[inlets]]\nname = \"n\"\ntype = \"redis_stream\"\nurl = \"redis://h\"\nfrom = \"s\"\n" + more + "\n";
  }
  // With what every section needs, or a skipped test where the program was built without the type.
  static std::string other(std::string_view type, const std::string& url, const std::string& more) {
    return "[[inlets]]\nname = \"n\"\ntype = \"" + std::string(type) + "\"\nurl = \"" + url +
           "\"\nfrom = \"s\"\nroom = \"r\"\n" + more + "\n";
  }
  static inline const std::string kBroker = "broker = \"redis://127.0.0.1\"\n";
};

TEST_F(InletSections, AreReadInTheirOrder) {
  std::ofstream(beside_) << "redis://u:p%40@h:1/2\n";
  const Options read = options(R"(tenants = true
broker = "redis://b"

[[inlets]]
name = "bus"
type = "redis_pubsub"
from = ["room:*", "lobby:*"]
scope = "once"
ordered = false
room = "{1}"
event = "{$.type}"
in_flight_max = 5
in_flight_size_max = "1MiB"
dead_letter = "dead"

[[inlets]]
name = "orders"
type = "redis_stream"
url_file = ")" + beside_ + R"("
from = "orders"
group = "g"
body = "payload"
start = "oldest"
to = "{$.user}"
tenant = "{field.tenant}"
user = "shop"
data = "{$.data}"
idempotency_key = "{id}"
)");
  ASSERT_EQ(read.inlets.size(), 2u);
  const InletOptions& bus = read.inlets[0];
  EXPECT_EQ(bus.name, "bus");
  EXPECT_EQ(bus.type, Type::redis_pubsub);
  EXPECT_EQ(bus.url, "");
  EXPECT_THAT(bus.from, ElementsAre("room:*", "lobby:*"));
  EXPECT_EQ(bus.scope, Scope::once);
  EXPECT_FALSE(bus.ordered);
  EXPECT_EQ(bus.room, "{1}");
  EXPECT_EQ(bus.event, "{$.type}");
  EXPECT_EQ(bus.data, "{body}");
  EXPECT_EQ(bus.in_flight_max, 5u);
  EXPECT_EQ(bus.in_flight_size_max, 1u << 20);
  EXPECT_EQ(bus.dead_letter, "dead");
  const InletOptions& orders = read.inlets[1];
  EXPECT_EQ(orders.url, "redis://u:p%40@h:1/2");
  EXPECT_EQ(orders.group, "g");
  EXPECT_EQ(orders.body, "payload");
  EXPECT_TRUE(orders.from_oldest);
  EXPECT_TRUE(orders.ordered);
  EXPECT_EQ(orders.to, "{$.user}");
  EXPECT_EQ(orders.tenant, "{field.tenant}");
  EXPECT_EQ(orders.user, "shop");
  EXPECT_EQ(orders.data, "{$.data}");
  EXPECT_EQ(orders.idempotency_key, "{id}");
  // What is printed is read as the same, and hides passwords.
  EXPECT_EQ(options(print_config(read, Secrets::shown)), read);
  EXPECT_THAT(print_config(read, Secrets::hidden), Not(HasSubstr("p%40")));
}

TEST_F(InletSections, EachMistakeIsNamedWithItsPlace) {
  const std::string at = path_ + ":";
  EXPECT_EQ(refused("[[inlets]]\ntype = \"redis_pubsub\"\n"), at + "1: [[inlets]] needs name = \"…\"");
  EXPECT_EQ(refused("[[inlets]]\nname = \"n\"\n"),
            at + "1: [[inlets]] needs type = \"…\", one of redis_pubsub, redis_stream, nats, jetstream, kafka");
  EXPECT_EQ(refused(pubsub("room = \"r\"")), at + "1: [[inlets]] needs from = \"…\"");
  EXPECT_THAT(refused(pubsub("rom = \"r\"")),
              HasSubstr(at + "5: unknown setting of [[inlets]] \"rom\"; there is name, "));
  EXPECT_EQ(refused(pubsub("from = \"c\"")),
            at + "1: exactly one of room, to and broadcast = true says where messages go");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"r\"\nto = \"u\"")),
            at + "1: exactly one of room, to and broadcast = true says where messages go");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"{x}\"")),
            at +
                "6: room = \"{x}\": there is no {x}, only {channel}, {id}, {key}, {body}, {1} to {9}, {field.NAME} and "
                "{$.PATH} into a JSON body");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"{1}\"")),
            at + "1: room: {1} has no use: from \"c\" has no wildcard");
  EXPECT_EQ(refused(pubsub("from = \"c:*\"\nroom = \"{2}\"")), at + "1: room: {2} has no use: from \"c:*\" has only 1");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"{id}\"")),
            at + "1: room: {id} has no use: messages of type redis_pubsub have none");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"{field.x}\"")),
            at + "1: room: {field.NAME} has no use: messages of type redis_pubsub have none");
  EXPECT_EQ(refused(stream("room = \"{key}\"")),
            at + "1: room: {key} has no use: messages of type redis_stream have none");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"r\"\ndata = \"x{body}\"")),
            at + "1: data: must be one placeholder, such as {body} or {$.data}, and nothing beside it");
  EXPECT_EQ(refused(pubsub("from = [\"a:*\", \"a:b\"]\nroom = \"r\"")),
            at + "1: from: \"a:*\" matches \"a:b\" too, whose messages would come twice");
  EXPECT_EQ(refused(pubsub("from = [\"a\", \"a\"]\nroom = \"r\"")), at + "1: from names \"a\" twice");
  EXPECT_EQ(refused(pubsub("from = \"a?\"\nroom = \"r\"")),
            at + "1: from: \"a?\": of Redis's patterns only * may be used, not ?, [ and \\");
  EXPECT_EQ(refused("[[inlets]]\nname = \"n\"\ntype = \"redis_stream\"\nurl = \"redis://h\"\nfrom = [\"a\", \"b\"]\n"
                    "room = \"r\"\n"),
            at + "1: from must be one stream; others need a section each");
  EXPECT_EQ(refused(pubsub("from = \"c\"\nroom = \"r\"\ngroup = \"g\"")),
            at + "1: group has no use with type = \"redis_pubsub\"");
  EXPECT_EQ(refused(stream("room = \"r\"\nscope = \"once\"")), at + "1: scope has no use with type = \"redis_stream\"");
  EXPECT_THAT(refused(pubsub("from = \"c\"\nroom = \"r\"\nin_flight_max = 0")),
              EndsWith("must be a whole number from 1 to 100000"));
  EXPECT_THAT(refused(pubsub("from = \"c\"\nroom = \"r\"\nin_flight_size_max = \"1KiB\"")),
              EndsWith("must be a size from 64KiB to 1GiB"));
  EXPECT_THAT(refused(pubsub("from = \"c\"\nroom = \"r\"\ndead_letter = \"@a\"")), HasSubstr("dead_letter = \"@a\""));
  EXPECT_THAT(refused(pubsub("url_file = \"/dev/null\"")), EndsWith("there is one url: as url or in url_file"));
  EXPECT_THAT(refused("[[inlets]]\nurl_file = \"/none\"\n"),
              EndsWith("url_file = \"/none\": cannot be read: No such file or directory"));
}

TEST_F(InletSections, NatsAndKafka) {
  for (const Type type : {Type::nats, Type::jetstream, Type::kafka}) {
    const std::string name(to_string(type));
    const std::string url = type == Type::kafka ? "kafka://h" : "nats://h";
    if (const std::string why(inlets::not_built(type)); !why.empty()) {
      EXPECT_THAT(refused(other(name, url, "")), EndsWith("type = \"" + name + "\": " + why));
      EXPECT_THAT(why, HasSubstr("rebuild with -D"));
      continue;
    }
    const std::string stream = type == Type::jetstream ? "stream = \"S\"\n" : "";
    EXPECT_THAT(refused(other(name, "redis://h", stream)), HasSubstr("url: must begin with " + url.substr(0, 7)));
    EXPECT_THAT(refused(other(name, url + ":0", stream)), EndsWith("url: the port must be a number from 1 to 65535"));
    EXPECT_THAT(refused(other(name, url, stream + "ca_file = \"/none\"\n")),
                EndsWith("ca_file = \"/none\": cannot be read: No such file or directory"));
    EXPECT_THAT(refused(other(name, url, stream + "ca_file = \"/dev/null\"\n")),
                HasSubstr("ca_file has no use without TLS: url must begin with "));
    const std::string tls = type == Type::kafka ? "kafka+tls://u:p@h,i:99" : "tls://u:p@h,i:99";
    const std::string files = "ca_file = \"/dev/null\"\ncertificate_file = \"/dev/null\"\n";
    EXPECT_THAT(refused(other(name, tls, stream + files)), EndsWith("certificate_file and key_file need each other"));
    const Options read = options(other(name, tls, stream + files + "key_file = \"/dev/null\"\ngroup = \"g\"\n"));
    EXPECT_EQ(read.inlets[0].url, tls);
    EXPECT_EQ(read.inlets[0].group, "g");
    EXPECT_EQ(options(print_config(read, Secrets::shown)), read);
    EXPECT_THAT(print_config(read, Secrets::hidden), Not(HasSubstr("u:p@")));
    EXPECT_THAT(
        refused(kBroker + "[[inlets]]\nname = \"n\"\ntype = \"" + name + "\"\nfrom = \"s\"\nroom = \"r\"\n" + stream),
        EndsWith("needs url = \"…\", or url_file"));
  }
  if (inlets::not_built(Type::nats).empty()) {
    EXPECT_THAT(print_config(options(other("nats", "nats://t0ken@h", "")), Secrets::hidden), Not(HasSubstr("t0ken")));
    EXPECT_THAT(refused(other("nats", "nats://h", "user = \"{1}\"\n")), HasSubstr("{1} has no use"));
    EXPECT_THAT(refused(other("nats", "nats://h", "user = \"{id}\"\n")), HasSubstr("{id} has no use"));
    EXPECT_THAT(refused(other("nats", "nats://h", "user = \"{key}\"\n")), HasSubstr("{key} has no use"));
    EXPECT_THAT(refused(other("nats", "nats://h", "sasl = \"plain\"\n")), HasSubstr("sasl has no use with type"));
    EXPECT_THAT(refused(other("nats", "nats://u:p@h", "credentials_file = \"/dev/null\"\n")),
                EndsWith("credentials_file has no use with a user in url"));
    EXPECT_THAT(refused(kBroker + other("nats", "nats://h", "group = \"g\"\n")),
                EndsWith("group has no use with scope = \"local\": each node gets every message"));
    EXPECT_THAT(refused(other("jetstream", "nats://h", "")), HasSubstr("needs stream = "));
    EXPECT_THAT(refused(other("jetstream", "nats://h", "stream = \"a.b\"\n")), HasSubstr("stream must have no "));
    EXPECT_THAT(refused(other("jetstream", "nats://h", "stream = \"S\"\nscope = \"once\"\n")),
                HasSubstr("scope has no use with type"));
  }
  if (inlets::not_built(Type::kafka).empty()) {
    EXPECT_THAT(refused(other("kafka", "kafka://u@h", "")), HasSubstr("a user needs a password"));
    EXPECT_THAT(refused(other("kafka", "kafka://h", "sasl = \"plain\"\n")), HasSubstr("sasl has no use without USER"));
    EXPECT_THAT(refused(other("kafka", "kafka://u:p@h", "sasl = \"none\"\n")), HasSubstr("must be \"plain\", "));
    EXPECT_EQ(options(other("kafka", "kafka://u:p@h", "sasl = \"scram-sha-512\"\nuser = \"{key}\"\n")).inlets[0].sasl,
              "scram-sha-512");
  }
}

TEST_F(InletSections, WhatDependsOnOtherSettings) {
  const std::string section = "[[inlets]]\nname = \"n\"\ntype = \"redis_pubsub\"\nfrom = \"c\"\nroom = \"r\"\n";
  EXPECT_EQ(refused(section),
            path_ + ":1: [[inlets]] \"n\" needs url = \"…\": there is no broker whose Redis could be meant");
  EXPECT_EQ(options(kBroker + section).inlets.size(), 1u);
  EXPECT_THAT(refused(section + "url = \"redis://h\"\nscope = \"once\"\n"),
              EndsWith("scope has no use without broker: only this server publishes"));
  EXPECT_THAT(refused(kBroker + section + "idempotency_key = \"{$.k}\"\n"),
              EndsWith("idempotency_key has no use with scope = \"local\": such messages have no id"));
  EXPECT_EQ(options(kBroker + section + "scope = \"once\"\nidempotency_key = \"{$.k}\"\n").inlets.size(), 1u);
  EXPECT_THAT(refused("tenants = false\n" + kBroker + section + "tenant = \"t\"\n"),
              EndsWith("tenant has no use without tenants = true"));
  EXPECT_THAT(refused(kBroker + section + section), EndsWith("there is another inlet named \"n\""));
  EXPECT_THAT(refused("api_keys = [\"n:0123456789abcdef\"]\n" + kBroker + section),
              HasSubstr("is an API key's name too"));
  EXPECT_THAT(refused(kBroker + section + "[[permissions]]\nmatch = \"r\"\nallow = \"publish\"\nkeys = \"m\"\n"),
              EndsWith("there is no API key or inlet \"m\""));
  EXPECT_EQ(options(kBroker + section + "[[permissions]]\nmatch = \"r\"\nallow = \"publish\"\nkeys = \"n\"\n")
                .permissions.size(),
            1u);
  const std::string rediss = refused(section + "url = \"rediss://u:secret@h\"\n");
  EXPECT_THAT(rediss, HasSubstr("rediss://"));
  EXPECT_THAT(rediss, Not(HasSubstr("secret")));
}

TEST_F(InletSections, AreChangedByARestartOnly) {
  const Options none;
  const Options some = options(stream("room = \"r\""));
  EXPECT_THAT(diff_reloadable(none, some).needs_restart, testing::Contains("inlets"));
  EXPECT_TRUE(apply_reloadable(none, some).inlets.empty());
}

}  // namespace
}  // namespace ringcast::config
