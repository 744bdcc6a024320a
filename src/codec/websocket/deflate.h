// SPDX-License-Identifier: Apache-2.0
// Compression of WebSocket messages (RFC 7692 section 7.2): raw deflate, no context takeover, on zlib.
// One deflater and one inflater per thread, made at first use and shared by all connections: idle ones hold nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringcast::codec {

// Appends the compressed payload of a message (for a frame with RSV1). Level 1–9; each thread keeps the last one used.
void append_deflated(std::string& out, std::string_view message, int level = 1);

enum class InflateStatus : uint8_t { ok, too_big, corrupt };

// Inflates the payload of a compressed message into memory that belongs to the thread: `out` is valid until the next
// call on it. Never produces more than `inflated_max` bytes.
InflateStatus inflate_message(std::span<const uint8_t> payload, size_t inflated_max, std::span<uint8_t>& out);

}  // namespace ringcast::codec
