// SPDX-License-Identifier: Apache-2.0
// `ringcast publish`.
#include <fmt/format.h>

#include <csignal>
#include <string>
#include <vector>

#include "app/commands/arguments.h"
#include "app/commands/commands.h"
#include "codec/http1/url.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"

namespace ringcast::app {

namespace {

constexpr size_t kLineMax = 1 << 20;

struct PublishWish {
  std::vector<std::string> rooms, users;
  bool broadcast = false;
  std::string as, event, content, data, tenant;
  bool final_message = false;
};

void append_names(codec::JsonWriter& json, std::string_view one, std::string_view several,
                  const std::vector<std::string>& names) {
  if (names.size() == 1) json.string(one, names.front());
  if (names.size() < 2) return;
  json.key(several).begin_array();
  for (const std::string& name : names) json.string(name);
  json.end_array();
}

std::string body_of(const PublishWish& wish, std::string_view content) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  append_names(json, "room", "rooms", wish.rooms);
  append_names(json, "to", "users", wish.users);
  if (wish.broadcast) json.boolean("broadcast", true);
  if (!wish.as.empty()) json.string("user", wish.as);
  if (!wish.event.empty()) json.string("event", wish.event);
  if (wish.final_message) json.boolean("final", true);
  if (wish.data.empty()) {
    json.string("content", content);
  } else {
    json.raw("data", wish.data);
  }
  json.end_object();
  return body;
}

// Without its end. False at the end of the input.
bool read_line(std::FILE* in, std::string& line) {
  line.clear();
  for (int c; (c = std::fgetc(in)) != EOF;) {
    if (c == '\n') return true;
    if (line.size() < kLineMax) line.push_back(static_cast<char>(c));
  }
  return !line.empty();
}

class Publisher {
 public:
  Publisher(const Access& access, const PublishWish& wish, std::FILE* out, std::FILE* err)
      : transfer_(access), wish_(wish), out_(out), err_(err) {
    if (!wish.tenant.empty()) {
      path_ += "?tenant=";
      codec::append_percent_encoded(path_, wish.tenant);
    }
  }

  // Anything but 0: it went wrong.
  int publish(std::string_view content) {
    if (!codec::is_valid_utf8(content)) return refuse(err_, 1, "a message has to be UTF-8");
    const auto answer = transfer_.post_json(path_, body_of(wish_, content));
    if (!answer) return refuse(err_, 1, answer.error().message);
    if (answer->status != 200) return refuse(err_, 1, fmt::format("{}: {}", answer->status, answer->body));
    fmt::print(out_, "{}\n", answer->body);
    std::fflush(out_);
    return 0;
  }

 private:
  Transfer transfer_;
  const PublishWish& wish_;
  std::string path_ = "/messages";
  std::FILE* out_;
  std::FILE* err_;
};

}  // namespace

int run_publish(int argc, const char* const* argv, std::FILE* in, std::FILE* out, std::FILE* err) {
  PublishWish wish;
  Arguments arguments("publish",
                      "Publishes a message, or one for each line of standard input, and prints the server's answers.");
  CLI::App& app = arguments.app();
  app.add_option("content", wish.content, "the message [each line of standard input]");
  app.add_option("-r,--room", wish.rooms, "to this room; may be repeated")->allow_extra_args(false);
  app.add_option("-t,--to", wish.users, "to this user; may be repeated")->allow_extra_args(false);
  app.add_flag("-b,--broadcast", wish.broadcast, "to everybody");
  app.add_option("-u,--user", wish.as, "as this user; with a token it is always the token's");
  app.add_option("--tenant", wish.tenant, "in this tenant; with a token it is always the token's");
  app.add_option("-e,--event", wish.event, "event type [message]");
  app.add_option("-d,--data", wish.data, "any JSON, instead of a text");
  app.add_flag("--final", wish.final_message, "takes the subscribers out of the room after it");
  if (const Exit exit = arguments.parse(argc, argv, out, err)) return *exit;
  const int targets = int{!wish.rooms.empty()} + int{!wish.users.empty()} + int{wish.broadcast};
  if (targets != 1) return refuse(err, 2, "publish needs one of --room, --to and --broadcast");
  const bool has_content = app.count("content") != 0;
  if (has_content && !wish.data.empty()) return refuse(err, 2, "publish takes a text or --data, not both");

  std::signal(SIGPIPE, SIG_IGN);  // a server that goes away is an error of the transfer
  Publisher publisher(arguments.access, wish, out, err);
  if (has_content || !wish.data.empty()) return publisher.publish(wish.content);
  std::string line;
  while (read_line(in, line)) {
    if (line.size() >= kLineMax) return refuse(err, 1, "a line is longer than 1 MiB");
    if (const int status = publisher.publish(line); status != 0) return status;
  }
  return 0;
}

}  // namespace ringcast::app
