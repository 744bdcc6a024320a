// SPDX-License-Identifier: Apache-2.0
// Base64 with padding (RFC 4648 section 4) and its URL-safe form without. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringcast::codec {

constexpr size_t base64_size(size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

// Writes base64_size(bytes.size()) characters.
void base64_encode_to(char* out, std::span<const uint8_t> bytes);
void append_base64(std::string& out, std::span<const uint8_t> bytes);

// Strict: whole groups of four, padding only at the end, its unused bits zero, nothing else in between. Appends to
// `out`; on false it is unchanged.
bool base64_decode(std::string_view text, std::string& out);

// The URL-safe alphabet without padding (RFC 4648 section 5, RFC 7515 section 2), as strict.
void append_base64url(std::string& out, std::span<const uint8_t> bytes);
bool base64url_decode(std::string_view text, std::string& out);

}  // namespace ringcast::codec
