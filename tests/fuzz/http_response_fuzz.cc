// SPDX-License-Identifier: Apache-2.0
// Responses to a client, whole and cut: the same heads, bodies and errors. The first byte after the cuts says whether
// the request was a HEAD.
#include <string>

#include "codec/http1/http_response_parser.h"
#include "codec/websocket/websocket_handshake.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using namespace ringcast::fuzz;

std::string trace(const std::vector<std::vector<uint8_t>>& pieces, bool to_head) {
  HttpResponseParser parser({.request_line_max = 200, .headers_max = 600, .header_count_max = 12});
  parser.reset(to_head);
  std::string text;
  for (const std::vector<uint8_t>& piece : pieces) {
    std::span<const uint8_t> input = piece;
    std::span<const uint8_t> data;
    while (true) {
      const HttpResponseEvent event = parser.next(input, data);
      if (event == HttpResponseEvent::need_more) {
        require(input.empty());
        break;
      }
      if (event == HttpResponseEvent::error) return text + std::string(parser.error().code);
      if (event == HttpResponseEvent::body) {
        require(!data.empty());
        text.append(text_of(data));
      }
      if (event == HttpResponseEvent::headers_complete) {
        const HttpResponse& response = parser.response();
        WebSocketAnswer answer;
        HttpError refused;
        check_websocket_response(response, "dGhlIHNhbXBsZSBub25jZQ==", true, answer, refused);
        text += std::to_string(response.status) + std::string(refused.code);
        for (const HttpHeader& field : response.headers.all()) {
          text.append(field.name).append(1, '=').append(field.value).append(1, '\n');
        }
      }
      if (event == HttpResponseEvent::complete) {
        text += parser.response().keep_alive ? "end, kept\n" : "end\n";
        parser.reset();
        if (input.empty()) break;
      }
    }
  }
  // A body that has all its bytes may not have been reported as `complete` yet; finish() reports it either way.
  return text + (parser.finish() == HttpResponseEvent::complete ? "finished" : "cut off");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size);
  std::span<const uint8_t> cuts;
  if (!take_cuts(input, cuts) || input.empty()) return 0;
  const bool to_head = (input.front() & 1) != 0;
  input = input.subspan(1);
  require(trace(whole(input), to_head) == trace(cut(input, cuts), to_head));
  return 0;
}
