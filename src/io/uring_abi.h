// SPDX-License-Identifier: Apache-2.0
// Kernel interface of io_uring that liburing 2.3's headers do not name yet, and the layout of our own user_data.
// Constants only; <linux/io_uring.h> must not be included beside <liburing.h>, whose copy defines the same names.
#pragma once

#include <liburing.h>

#include <cstdint>

namespace ringcast::io {

// Feature bits reported by io_uring_setup(2). Only named in features(); nothing depends on them.
inline constexpr uint32_t kFeatRegisterThroughRegisteredRing = 1u << 13;  // kernel 6.3
inline constexpr uint32_t kFeatSendReceiveBundle = 1u << 14;              // kernel 6.10
inline constexpr uint32_t kFeatMinimumTimeout = 1u << 15;                 // kernel 6.12
static_assert(IORING_FEAT_LINKED_FILE == 1u << 12, "the bits above follow on liburing 2.3's last one");

// What this engine submits, checked against the kernel's numbers (include/uapi/linux/io_uring.h, which never change).
static_assert(IORING_OP_POLL_ADD == 6 && IORING_OP_SENDMSG == 9 && IORING_OP_ACCEPT == 13);
static_assert(IORING_OP_ASYNC_CANCEL == 14 && IORING_OP_CONNECT == 16 && IORING_OP_CLOSE == 19);
static_assert(IORING_OP_SEND == 26 && IORING_OP_RECV == 27 && IORING_OP_MSG_RING == 40);
static_assert(IORING_SETUP_SINGLE_ISSUER == 1u << 12 && IORING_SETUP_DEFER_TASKRUN == 1u << 13);
static_assert(IORING_RECV_MULTISHOT == 1u << 1 && IORING_ACCEPT_MULTISHOT == 1u << 0);
static_assert(sizeof(io_uring_sqe) == 64 && sizeof(io_uring_cqe) == 16 && sizeof(io_uring_buf) == 16);
static_assert(sizeof(io_uring_buf_reg) == 40 && sizeof(io_uring_getevents_arg) == 24);

// What a completion is about. `ignored` is zero: a completion that flush() has dealt with is overwritten with it.
enum class UringOp : uint8_t { ignored, accept, accept_poll, receive, cancel, writable, connect, wake, send };

// user_data: descriptor (or index of listener or SendOp) in the low half, then the descriptor's generation, then the
// op.
struct UserData {
  UringOp op;
  uint16_t generation;
  uint32_t value;

  static uint64_t pack(UringOp op, uint32_t value, uint16_t generation = 0) {
    return static_cast<uint64_t>(op) << 56 | static_cast<uint64_t>(generation) << 32 | value;
  }
  static UserData unpack(uint64_t data) {
    return {static_cast<UringOp>(data >> 56), static_cast<uint16_t>(data >> 32), static_cast<uint32_t>(data)};
  }
};

}  // namespace ringcast::io
