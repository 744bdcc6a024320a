// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/assert.h"

namespace ringcast::codec {
namespace {

constexpr int kRawWindowBits = -15;
constexpr int kMemoryLevel = 8;
constexpr std::array<uint8_t, 4> kFlushTail = {0x00, 0x00, 0xff, 0xff};  // RFC 7692 section 7.2.1
constexpr size_t kFirstOutput = 16 * 1024;
constexpr size_t kKeptOutputMax = 256 * 1024;  // a large message's memory is not kept for the thread's life
constexpr size_t kAvailMax = std::numeric_limits<uInt>::max();

class Deflater {
 public:
  explicit Deflater(int level) : level_(level) {
    RINGCAST_ASSERT(deflateInit2(&stream_, level, Z_DEFLATED, kRawWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) ==
                    Z_OK);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream_); }

  void append(std::string& out, std::string_view message, int level) {
    RINGCAST_ASSERT(message.size() <= kAvailMax / 2);
    deflateReset(&stream_);
    if (level != level_) {
      RINGCAST_ASSERT(deflateParams(&stream_, level, Z_DEFAULT_STRATEGY) == Z_OK);
      level_ = level;
    }
    const size_t start = out.size();
    // The bound is for Z_FINISH; a sync flush ends in an empty stored block instead of a final one.
    out.resize(start + deflateBound(&stream_, message.size()) + 16);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(message.data()));
    stream_.avail_in = static_cast<uInt>(message.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + start);
    stream_.avail_out = static_cast<uInt>(out.size() - start);
    RINGCAST_ASSERT(deflate(&stream_, Z_SYNC_FLUSH) == Z_OK && stream_.avail_in == 0 && stream_.avail_out > 0);
    const size_t written = stream_.total_out;
    RINGCAST_ASSERT(written > kFlushTail.size() &&
                    std::equal(kFlushTail.begin(), kFlushTail.end(), stream_.next_out - kFlushTail.size()));
    out.resize(start + written - kFlushTail.size());
  }

 private:
  z_stream stream_{};
  int level_;
};

class Inflater {
 public:
  Inflater() { RINGCAST_ASSERT(inflateInit2(&stream_, kRawWindowBits) == Z_OK); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  InflateStatus run(std::span<const uint8_t> payload, size_t inflated_max, std::span<uint8_t>& out) {
    RINGCAST_ASSERT(payload.size() <= kAvailMax && inflated_max < kAvailMax);
    out = {};
    if (payload.empty()) return InflateStatus::ok;  // some senders leave out the only byte of an empty message
    if (output_.size() > kKeptOutputMax) std::vector<uint8_t>().swap(output_);
    inflateReset(&stream_);
    size_t produced = 0;
    for (const std::span<const uint8_t> part : {payload, std::span<const uint8_t>(kFlushTail)}) {
      const InflateStatus status = feed(part, inflated_max, produced);
      if (status != InflateStatus::ok) return status;
    }
    // A message that stops inside a block would swallow the tail as if it were data.
    if (!at_block_end_) return InflateStatus::corrupt;
    out = {output_.data(), produced};
    return InflateStatus::ok;
  }

 private:
  InflateStatus feed(std::span<const uint8_t> part, size_t inflated_max, size_t& produced) {
    stream_.next_in = const_cast<Bytef*>(part.data());
    stream_.avail_in = static_cast<uInt>(part.size());
    while (true) {
      if (produced == output_.size()) {
        // One byte of room beyond the limit distinguishes a message that ends there from one that goes on.
        const size_t room = std::min(std::max(kFirstOutput, output_.size() * 2), inflated_max + 1);
        if (room <= output_.size()) return InflateStatus::too_big;
        output_.resize(room);
      }
      const size_t room = std::min(output_.size(), inflated_max + 1) - produced;
      stream_.next_out = output_.data() + produced;
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      produced += room - stream_.avail_out;
      if (produced > inflated_max) return InflateStatus::too_big;
      // zlib.h: 128 is set right after the end of a block, the low bits count unused bits of the last byte.
      at_block_end_ = result == Z_STREAM_END || ((stream_.data_type & 128) != 0 && (stream_.data_type & 7) == 0);
      if (result == Z_STREAM_END) {
        // RFC 7692 section 7.2.3.4: a block with BFINAL may be followed by more.
        if (stream_.avail_in == 0) return InflateStatus::ok;
        inflateReset(&stream_);
        continue;
      }
      if (result != Z_OK && result != Z_BUF_ERROR) return InflateStatus::corrupt;
      if (stream_.avail_out > 0) return stream_.avail_in == 0 ? InflateStatus::ok : InflateStatus::corrupt;
    }
  }

  z_stream stream_{};
  std::vector<uint8_t> output_;
  bool at_block_end_ = false;
};

}  // namespace

void append_deflated(std::string& out, std::string_view message, int level) {
  thread_local Deflater deflater(level);
  deflater.append(out, message, level);
}

InflateStatus inflate_message(std::span<const uint8_t> payload, size_t inflated_max, std::span<uint8_t>& out) {
  thread_local Inflater inflater;
  return inflater.run(payload, inflated_max, out);
}

}  // namespace ringcast::codec
