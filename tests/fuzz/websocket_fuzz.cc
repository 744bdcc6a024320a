// SPDX-License-Identifier: Apache-2.0
// Frames of either end, with and without permessage-deflate: the decoder must yield the same whole and cut, keep within
// its limits, and hold nothing when nothing is incomplete. The byte after the cuts chooses role, extension and limit.
#include <string>

#include "codec/text/utf8.h"
#include "codec/websocket/websocket_decoder.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using namespace ringcast::fuzz;

std::string trace(std::vector<std::vector<uint8_t>> pieces, const WebSocketDecoder::Options& options) {
  WebSocketDecoder decoder(options);
  std::string text;
  bool ended = false;
  for (std::vector<uint8_t>& piece : pieces) {
    std::span<uint8_t> input = piece;
    while (true) {
      const WebSocketEvent event = decoder.next(input);
      if (event.kind == WebSocketEventKind::need_more) break;
      require(!ended);
      ended = event.kind == WebSocketEventKind::close || event.kind == WebSocketEventKind::error;
      if (event.kind == WebSocketEventKind::text || event.kind == WebSocketEventKind::binary) {
        require(event.payload.size() <= options.message_max);
        require(!event.compressed || options.deflate);
        if (event.kind == WebSocketEventKind::text) require(is_utf8(event.payload));
      } else {
        require(event.payload.size() <= kControlPayloadMax);
      }
      if (event.kind == WebSocketEventKind::error) {
        require(event.code == 1002 || event.code == 1007 || event.code == 1009);
      }
      text += std::to_string(static_cast<int>(event.kind)) + "/" + std::to_string(event.code) + "/";
      text.append(text_of(event.payload)).append(event.text).append(1, '\n');
    }
    require(input.empty());
    require(decoder.memory() <= 4 * options.message_max + 4096);
  }
  return text + (decoder.memory() > 0 ? "incomplete" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size);
  std::span<const uint8_t> cuts;
  if (!take_cuts(input, cuts) || input.empty()) return 0;
  const uint8_t choice = input.front();
  input = input.subspan(1);
  const WebSocketDecoder::Options options{.role = (choice & 1) != 0 ? WebSocketRole::client : WebSocketRole::server,
                                          .deflate = (choice & 2) != 0,
                                          .message_max = (choice & 4) != 0 ? 100u : 70'000u};
  require(trace(whole(input), options) == trace(cut(input, cuts), options));
  return 0;
}
