// SPDX-License-Identifier: Apache-2.0
// Where the plaintext of one wait() lies: blocks that are used again for the next. One core's, its thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ringcast::tls {

class Plaintext {
 public:
  static constexpr size_t kBlockSize = 64 * 1024;

  // Room behind what was used last; at least one byte.
  std::span<uint8_t> room() {
    if (used_ == kBlockSize || blocks_.empty()) next_block();
    return {blocks_[block_].get() + used_, kBlockSize - used_};
  }
  // The first `bytes` of the room have been filled. What lies together with the piece before it becomes part of that.
  void take(size_t bytes) {
    uint8_t* const at = blocks_[block_].get() + used_;
    used_ += bytes;
    if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == at) {
      pieces_.back() = {pieces_.back().data(), pieces_.back().size() + bytes};
    } else {
      pieces_.push_back({at, bytes});
    }
  }
  // What has been filled since the last call; valid until clear() for all but the list itself.
  std::span<const std::span<uint8_t>> pieces() const { return pieces_; }
  void next_pieces() { pieces_.clear(); }

  // All of it is free again.
  void clear() {
    pieces_.clear();
    note_use();
    block_ = used_ = 0;
  }
  // Now and then: blocks that have not been needed since the last time go. What has been filled since clear() stays.
  void trim() {
    note_use();
    if (blocks_.size() > most_blocks_) blocks_.resize(std::max<size_t>(most_blocks_, 1));
    most_blocks_ = 0;
  }
  size_t blocks() const { return blocks_.size(); }

 private:
  void note_use() { most_blocks_ = std::max(most_blocks_, blocks_.empty() ? 0 : block_ + 1); }
  void next_block() {
    if (!blocks_.empty()) ++block_;
    if (block_ == blocks_.size()) blocks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(kBlockSize));
    used_ = 0;
  }

  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
  std::vector<std::span<uint8_t>> pieces_;
  size_t block_ = 0;  // that is being filled
  size_t used_ = 0;   // of it
  size_t most_blocks_ = 0;
};

}  // namespace ringcast::tls
