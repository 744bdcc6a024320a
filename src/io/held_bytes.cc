// SPDX-License-Identifier: Apache-2.0
#include "io/held_bytes.h"

#include <cstring>

#include "base/assert.h"

namespace ringcast::io {

HeldBytes::Piece& HeldBytes::append(Index& head) {
  Index index = kNone;
  if (free_.empty()) {
    index = static_cast<Index>(pieces_.size());
    pieces_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    if (pieces_[index].bytes) --idle_with_memory_;
  }
  Piece& piece = pieces_[index];
  piece.length = 0;
  piece.error = 0;
  piece.reason = CloseReason::none;
  piece.next = kNone;
  if (head == kNone) {
    head = index;
  } else {
    pieces_[pieces_[head].last].next = index;
  }
  pieces_[head].last = index;
  return piece;
}

void HeldBytes::append_bytes(Index& head, std::span<const uint8_t> bytes) {
  RINGCAST_ASSERT(bytes.size() <= piece_size_);
  Piece& piece = append(head);
  if (!piece.bytes) piece.bytes = std::make_unique_for_overwrite<uint8_t[]>(piece_size_);
  std::memcpy(piece.bytes.get(), bytes.data(), bytes.size());
  piece.length = static_cast<uint32_t>(bytes.size());
}

void HeldBytes::append_end(Index& head, CloseReason reason, int error) {
  Piece& piece = append(head);
  piece.reason = reason;
  piece.error = error;
}

Event HeldBytes::take_first(Index& head) {
  RINGCAST_ASSERT(head != kNone);
  const Index index = head;
  Piece& piece = pieces_[index];
  head = piece.next;
  if (head != kNone) pieces_[head].last = piece.last;
  lent_.push_back(index);
  if (piece.reason != CloseReason::none) {
    return Event{.kind = EventKind::closed, .reason = piece.reason, .error = piece.error};
  }
  return Event{.kind = EventKind::bytes, .bytes = {piece.bytes.get(), piece.length}};
}

void HeldBytes::free(Index index) {
  if (idle_with_memory_ >= kIdlePiecesMax) pieces_[index].bytes.reset();
  if (pieces_[index].bytes) ++idle_with_memory_;
  free_.push_back(index);
}

void HeldBytes::drop(Index& head) {
  while (head != kNone) {
    const Index next = pieces_[head].next;
    free(head);
    head = next;
  }
}

void HeldBytes::reclaim() {
  for (const Index index : lent_) free(index);
  lent_.clear();
  if (free_.size() != pieces_.size() || pieces_.size() <= kPiecesKept) return;
  std::vector<Piece>().swap(pieces_);
  std::vector<Index>().swap(free_);
  idle_with_memory_ = 0;
}

}  // namespace ringcast::io
