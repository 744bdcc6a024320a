// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/assert.h"

namespace ringcast::tls {
namespace {

RotatingTicketKeys::Secret derived(const RotatingTicketKeys::Secret& secret, std::string_view label) {
  RotatingTicketKeys::Secret out;
  unsigned length = 0;
  const auto* const text = reinterpret_cast<const unsigned char*>(label.data());
  const unsigned char* const made =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), text, label.size(), out.data(), &length);
  RINGCAST_ASSERT(made != nullptr && length == out.size());
  return out;
}

}  // namespace

Result<std::vector<TicketKey>> load_ticket_keys(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "re"), std::fclose);
  if (opened == nullptr) return fail_errno(file, errno);
  std::array<uint8_t, kTicketFileKeySize * kTicketFileKeysMax + 1> bytes;
  const size_t size = std::fread(bytes.data(), 1, bytes.size(), opened.get());
  if (std::ferror(opened.get()) != 0) return fail_errno(file, errno);
  if (size == 0 || size % kTicketFileKeySize != 0) {
    return fail("bad_ticket_keys", file + ": it must have 1 to " + std::to_string(kTicketFileKeysMax) + " keys of " +
                                       std::to_string(kTicketFileKeySize) + " bytes; make one with openssl rand -out " +
                                       file + " " + std::to_string(kTicketFileKeySize));
  }
  std::vector<TicketKey> keys(size / kTicketFileKeySize);
  const uint8_t* from = bytes.data();
  for (TicketKey& key : keys) {
    for (const std::span<uint8_t> part :
         {std::span<uint8_t>(key.name), std::span<uint8_t>(key.mac), std::span<uint8_t>(key.cipher)}) {
      std::memcpy(part.data(), from, part.size());
      from += part.size();
    }
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return keys;
}

RotatingTicketKeys::RotatingTicketKeys(const Secret& secret, int64_t now_seconds)
    : secret_(secret), period_(now_seconds / kTicketLifetimeSeconds) {
  derive();
  keys_[1] = keys_[0];
}

RotatingTicketKeys RotatingTicketKeys::random(int64_t now_seconds) {
  Secret secret;
  RINGCAST_ASSERT(RAND_bytes(secret.data(), static_cast<int>(secret.size())) == 1);
  RotatingTicketKeys keys(secret, now_seconds);
  OPENSSL_cleanse(secret.data(), secret.size());
  return keys;
}

RotatingTicketKeys::~RotatingTicketKeys() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

void RotatingTicketKeys::derive() {
  const Secret name = derived(secret_, "name");
  std::copy_n(name.begin(), kTicketNameSize, keys_[0].name.begin());
  keys_[0].mac = derived(secret_, "mac");
  keys_[0].cipher = derived(secret_, "cipher");
}

std::span<const TicketKey, 2> RotatingTicketKeys::at(int64_t now_seconds) {
  for (; period_ < now_seconds / kTicketLifetimeSeconds; ++period_) {
    secret_ = derived(secret_, "next");
    keys_[1] = keys_[0];
    derive();
  }
  return keys_;
}

}  // namespace ringcast::tls
