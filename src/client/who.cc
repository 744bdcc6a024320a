// SPDX-License-Identifier: Apache-2.0
#include "client/who.h"

#include <string>

#include "base/assert.h"

namespace ringcast::session {

struct alignas(8) Who::Granted {
  hub::Name inbox;
  std::shared_ptr<const access::Grant> grant;
};

Who::Who(const access::Identity& identity) {
  std::string key = hub::channel_key(identity.tenant, {});
  if (!identity.anonymous()) key.append(1, '@').append(identity.user);
  hub::Name name(key);
  static_assert(static_cast<uintptr_t>(access::Method::admin) == kMethod);
  if (identity.grant != nullptr) {
    word_ = reinterpret_cast<uintptr_t>(new Granted{std::move(name), identity.grant}) | kGranted;
  } else {
    word_ = reinterpret_cast<uintptr_t>(name.release());
  }
  RINGCAST_ASSERT((word_ & kMethod) == 0);
  word_ |= static_cast<uintptr_t>(identity.method);
}

Who::~Who() {
  if ((word_ & kGranted) != 0) {
    delete pointer<Granted>();
  } else {
    hub::Name::adopt(text());  // and gives it up
  }
}

hub::Name::Text* Who::text() const {
  return (word_ & kGranted) != 0 ? pointer<Granted>()->inbox.text() : pointer<hub::Name::Text>();
}

std::string_view Who::inbox_key() const {
  return hub::Name::view_of(text());
}

hub::Name Who::inbox_name() const {
  return hub::Name::share(text());
}

const access::Grant* Who::grant() const {
  return (word_ & kGranted) != 0 ? pointer<Granted>()->grant.get() : nullptr;
}

void Who::set_grant(std::shared_ptr<const access::Grant> grant) {
  RINGCAST_ASSERT((word_ & kGranted) != 0 && grant != nullptr);
  pointer<Granted>()->grant = std::move(grant);
}

}  // namespace ringcast::session
