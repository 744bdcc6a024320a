// SPDX-License-Identifier: Apache-2.0
#include "tls/shared_bio.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace ringcast::tls {

const BIO_METHOD* SharedBio::method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ringcast");
    RINGCAST_ASSERT(made != nullptr);
    BIO_meth_set_read_ex(made, read);
    BIO_meth_set_write_ex(made, write);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return method;
}

SharedBio::SharedBio() : bio_(BIO_new(method())) {
  RINGCAST_ASSERT(bio_ != nullptr);
  BIO_set_data(bio_.get(), this);
  BIO_set_init(bio_.get(), 1);
}

void SharedBio::attach(SSL* ssl) {
  BIO_up_ref(bio_.get());  // one reference for both directions (SSL_set_bio(3))
  SSL_set_bio(ssl, bio_.get(), bio_.get());
}

int SharedBio::read(BIO* bio, char* to, size_t size, size_t* got) {
  auto& self = *static_cast<SharedBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.input.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *got = std::min(size, self.input.size());
  std::memcpy(to, self.input.data(), *got);
  self.input = self.input.subspan(*got);
  return 1;
}

int SharedBio::write(BIO* bio, const char* from, size_t size, size_t* taken) {
  auto& self = *static_cast<SharedBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  RINGCAST_ASSERT(self.output != nullptr);
  self.output->insert(self.output->end(), from, from + size);
  *taken = size;
  return 1;
}

long SharedBio::control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace ringcast::tls
