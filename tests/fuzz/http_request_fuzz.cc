// SPDX-License-Identifier: Apache-2.0
// Requests, pipelined: the parser must yield the same whole and cut. What it accepts is given to llhttp once more, body
// and all: where llhttp accepts it too, both must see the same body and the same end, else a request could be smuggled.
#include <llhttp.h>

#include <string>

#include "codec/http1/http_request_parser.h"
#include "codec/websocket/websocket_handshake.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using namespace ringcast::fuzz;

struct SecondOpinion {
  std::string body;
  bool complete = false;
};

int on_body(llhttp_t* parser, const char* at, size_t size) {
  static_cast<SecondOpinion*>(parser->data)->body.append(at, size);
  return 0;
}

int on_message_complete(llhttp_t* parser) {
  static_cast<SecondOpinion*>(parser->data)->complete = true;
  return HPE_PAUSED;
}

void compare_with_llhttp(std::string_view message, const HttpRequest& request) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  SecondOpinion opinion;
  parser.data = &opinion;
  const llhttp_errno_t result = llhttp_execute(&parser, message.data(), message.size());
  if (!opinion.complete) {
    require(result != HPE_OK);  // it may be stricter than we are, but must not wait for more
    return;
  }
  require(opinion.body == request.body);
  require(llhttp_get_error_pos(&parser) == message.data() + message.size());
}

std::string trace(const std::vector<std::vector<uint8_t>>& pieces) {
  const HttpLimits limits{.request_line_max = 200, .headers_max = 600, .header_count_max = 12, .body_max = 300};
  HttpRequestParser parser(limits);
  std::string text;
  std::string message;
  for (const std::vector<uint8_t>& piece : pieces) {
    std::span<const uint8_t> input = piece;
    while (true) {
      const HttpParseResult result = parser.feed(input);
      require(result.consumed <= input.size());
      message.append(text_of(input.first(result.consumed)));
      input = input.subspan(result.consumed);
      if (result.status == HttpParseStatus::error) {
        require(parser.error().status >= 400 && !parser.error().code.empty() && !parser.error().message.empty());
        return text + std::string(parser.error().code);
      }
      if (result.status == HttpParseStatus::headers_complete) {
        text += "head\n";
        continue;
      }
      if (result.status == HttpParseStatus::need_more) {
        require(input.empty());
        break;
      }
      const HttpRequest& request = parser.request();
      require(!request.path.empty() && (request.path.front() == '/' || request.path == "*"));
      require(request.body.size() <= limits.body_max && request.headers.size() <= limits.header_count_max);
      compare_with_llhttp(message, request);
      WebSocketUpgrade upgrade;
      HttpError refused;
      text += std::string(to_string(request.method)) + " " + std::string(request.path) + "?" +
              std::string(request.query) + " " + std::string(request.host) + (request.keep_alive ? " k" : "") +
              (request.wants_upgrade ? " u" : "") + (request.expects_continue ? " c" : "") +
              (check_websocket_request(request, upgrade, refused) ? " w" : "") + "\n";
      text.append(negotiate_deflate(request.headers));
      for (const HttpHeader& field : request.headers.all()) {
        text.append(field.name).append(1, '=').append(field.value).append(1, '\n');
      }
      text.append(request.body).append(1, '\n');
      parser.reset();
      message.clear();
    }
  }
  return text + (parser.idle() ? "idle" : "unfinished");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size);
  std::span<const uint8_t> cuts;
  if (!take_cuts(input, cuts)) return 0;
  require(trace(whole(input)) == trace(cut(input, cuts)));
  return 0;
}
