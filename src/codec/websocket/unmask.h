// SPDX-License-Identifier: Apache-2.0
// XOR of a WebSocket payload with its 4-byte key (RFC 6455 section 5.3), in place; masking is the same operation.
// Pure functions; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ringcast::codec {

using MaskKey = std::array<uint8_t, 4>;

// `offset`: how many bytes of the payload went before these.
void unmask(std::span<uint8_t> bytes, MaskKey key, size_t offset = 0);

// The implementations, for tests and benchmarks. The wide one must only be called where unmask_wide_available().
void unmask_bytes(std::span<uint8_t> bytes, MaskKey key, size_t offset = 0);
void unmask_words(std::span<uint8_t> bytes, MaskKey key, size_t offset = 0);
void unmask_wide(std::span<uint8_t> bytes, MaskKey key, size_t offset = 0);
bool unmask_wide_available();

}  // namespace ringcast::codec
