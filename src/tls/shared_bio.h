// SPDX-License-Identifier: Apache-2.0
// The bytes that OpenSSL reads and writes: one BIO for all connections of a core, over whatever memory the call that is
// running names. A BIO pair or memory BIOs would cost each connection buffers of its own. One core's, its thread only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "tls/openssl_types.h"

namespace ringcast::tls {

using Bytes = std::vector<uint8_t>;

class SharedBio {
 public:
  SharedBio();
  SharedBio(const SharedBio&) = delete;
  SharedBio& operator=(const SharedBio&) = delete;

  // Has `ssl` read and write here, for as long as it lives. This object lives longer.
  void attach(SSL* ssl);

  // For one call of OpenSSL: what it reads, and where it appends what it writes. Reading takes from the front; at the
  // end it is to come again later. Writing takes everything.
  std::span<const uint8_t> input;
  Bytes* output = nullptr;

 private:
  static int read(BIO* bio, char* to, size_t size, size_t* got);
  static int write(BIO* bio, const char* from, size_t size, size_t* taken);
  static long control(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* method();

  BioPtr bio_;
};

}  // namespace ringcast::tls
