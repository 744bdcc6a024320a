// SPDX-License-Identifier: Apache-2.0
// The bytes once as a message: what is compressed must come back. And once as a compressed payload: never more than the
// limit comes out, and what does is what zlib makes of it in the plainest way.
#include <zlib.h>

#include <string>

#include "codec/websocket/deflate.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using namespace ringcast::fuzz;

constexpr size_t kInflatedMax = 5000;

// Everything that zlib gives for payload and tail, with room for one byte more than allowed.
std::string plain_inflate(std::span<const uint8_t> payload) {
  std::string input(text_of(payload));
  input.append("\x00\x00\xff\xff", 4);
  std::string out(kInflatedMax + 1, '\0');
  z_stream stream{};
  require(inflateInit2(&stream, -15) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  while (inflate(&stream, Z_SYNC_FLUSH) == Z_STREAM_END && stream.avail_in > 0 && stream.avail_out > 0) {
    inflateReset(&stream);
  }
  out.resize(static_cast<size_t>(reinterpret_cast<char*>(stream.next_out) - out.data()));
  inflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> input(data + 1, size - 1);
  std::string packed;
  append_deflated(packed, text_of(input), data[0] % 9 + 1);
  std::span<uint8_t> out;
  const std::span<const uint8_t> packed_bytes(reinterpret_cast<const uint8_t*>(packed.data()), packed.size());
  require(inflate_message(packed_bytes, size, out) == InflateStatus::ok);
  require(text_of(out) == text_of(input));

  const InflateStatus status = inflate_message(input, kInflatedMax, out);
  if (status == InflateStatus::ok && !input.empty()) require(text_of(out) == plain_inflate(input));
  if (status == InflateStatus::too_big) require(plain_inflate(input).size() > kInflatedMax);
  require(out.size() <= kInflatedMax);
  return 0;
}
