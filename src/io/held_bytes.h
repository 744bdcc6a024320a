// SPDX-License-Identifier: Apache-2.0
// Bytes (and the end of a stream) that the kernel delivered for a socket whose receiving is paused: kept as a list of
// pieces per socket until it is resumed. Bounded by what was in flight when it was paused, because the request is
// cancelled. Owned by a uring backend; reactor thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/backend.h"

namespace ringcast::io {

class HeldBytes {
 public:
  using Index = uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  explicit HeldBytes(uint32_t piece_size) : piece_size_(piece_size) {}

  // `head` is the list's first piece, kNone when it is empty; kept in the socket's state.
  void append_bytes(Index& head, std::span<const uint8_t> bytes);  // at most piece_size
  void append_end(Index& head, CloseReason reason, int error);

  // Takes the first piece off the list as an event without socket and owner. Its bytes stay until reclaim().
  Event take_first(Index& head);
  void drop(Index& head);
  void reclaim();  // what take_first() lent is free again

 private:
  struct Piece {
    std::unique_ptr<uint8_t[]> bytes;
    uint32_t length = 0;
    int32_t error = 0;
    CloseReason reason = CloseReason::none;
    Index next = kNone;
    Index last = kNone;  // of the whole list; kept by its first piece
  };
  static constexpr size_t kIdlePiecesMax = 64;  // whose memory is kept for the next time
  static constexpr size_t kPiecesKept = 1024;   // while nothing is held

  Piece& append(Index& head);
  void free(Index index);

  uint32_t piece_size_;
  std::vector<Piece> pieces_;
  std::vector<Index> free_;
  std::vector<Index> lent_;
  size_t idle_with_memory_ = 0;
};

}  // namespace ringcast::io
