// SPDX-License-Identifier: Apache-2.0
// The bytes are what a server of RESP sends: the parser must give the same replies for the whole and for pieces, keep
// to its limits, and read back what is written from a reply.
#include <string>
#include <string_view>
#include <vector>

#include "codec/resp/resp_parser.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using ringcast::fuzz::require;

constexpr RespLimits kLimits{.reply_bytes_max = 4096, .values_max = 64, .depth_max = 4};

void write(const RespValue& value, std::string& out) {
  switch (value.type()) {
    case RespType::simple: out += "+" + std::string(value.text()) + "\r\n"; return;
    case RespType::error: out += "-" + std::string(value.text()) + "\r\n"; return;
    case RespType::integer: out += ":" + std::to_string(value.integer()) + "\r\n"; return;
    case RespType::bulk: return append_resp_word(out, value.text());
    case RespType::null: out += "$-1\r\n"; return;
    case RespType::array:
      append_resp_command(out, value.size());
      for (uint32_t at = 0; at < value.size(); ++at) write(value[at], out);
      return;
  }
}

struct Outcome {
  std::vector<std::string> replies;
  bool broken = false;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(const std::vector<std::vector<uint8_t>>& pieces) {
  RespParser parser(kLimits);
  Outcome outcome;
  for (const auto& piece : pieces) {
    parser.append(ringcast::fuzz::text_of(piece));
    for (auto status = parser.next(); status != RespParser::Status::need_more; status = parser.next()) {
      if (status == RespParser::Status::broken) {
        require(!parser.why().empty());
        outcome.broken = true;
        return outcome;
      }
      write(parser.reply().root(), outcome.replies.emplace_back());
    }
    require(parser.buffered() <= kLimits.reply_bytes_max);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size), cuts;
  if (!ringcast::fuzz::take_cuts(input, cuts)) return 0;
  const Outcome whole = parse(ringcast::fuzz::whole(input));
  require(parse(ringcast::fuzz::cut(input, cuts)) == whole);
  for (const std::string& reply : whole.replies) {
    const Outcome again = parse({{reply.begin(), reply.end()}});
    // A null array is written as a null text, a number without its zeros: nothing gets larger.
    require(!again.broken && again.replies == std::vector<std::string>{reply});
  }
  return 0;
}
