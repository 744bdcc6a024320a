#include "session/who.h"

#include <cstring>
#include <new>

#include "base/assert.h"

namespace ringcast::session {

// The pointer is to Head; the grant lies before it, so that the text is found without asking.
Who::Who(const auth::Identity& identity) {
  const bool anonymous = identity.anonymous();
  const size_t size = identity.tenant.size() + 1 + (anonymous ? 0 : 1 + identity.user.size());
  RINGCAST_ASSERT(size <= UINT16_MAX);
  const bool has_grant = identity.grant != nullptr;
  const size_t before = has_grant ? sizeof(Held) : 0;
  char* const memory = static_cast<char*>(::operator new(before + sizeof(Head) + size));
  if (has_grant) new (memory) Held(identity.grant);
  bytes_ = memory + before;
  const Head head{static_cast<uint16_t>(size), identity.method, has_grant};
  std::memcpy(bytes_, &head, sizeof head);
  char* text = bytes_ + sizeof head;
  std::memcpy(text, identity.tenant.data(), identity.tenant.size());
  text += identity.tenant.size();
  *text++ = hub::kTenantEnd;
  if (anonymous) return;
  *text++ = '@';
  std::memcpy(text, identity.user.data(), identity.user.size());
}

Who::~Who() {
  if (bytes_ == nullptr) return;
  void* memory = bytes_;
  if (Held* const grant = held(); grant != nullptr) {
    grant->~Held();
    memory = grant;
  }
  ::operator delete(memory);
}

Who::Held* Who::held() const {
  Head head;
  std::memcpy(&head, bytes_, sizeof head);
  return head.has_grant ? std::launder(reinterpret_cast<Held*>(bytes_ - sizeof(Held))) : nullptr;
}

std::string_view Who::inbox_key() const {
  if (bytes_ == nullptr) return {};
  Head head;
  std::memcpy(&head, bytes_, sizeof head);
  return {bytes_ + sizeof head, head.size};
}

auth::Method Who::method() const {
  if (bytes_ == nullptr) return auth::Method::none;
  Head head;
  std::memcpy(&head, bytes_, sizeof head);
  return head.method;
}

const auth::Grant* Who::grant() const {
  const Held* const grant = bytes_ == nullptr ? nullptr : held();
  return grant == nullptr ? nullptr : grant->get();
}

void Who::set_grant(std::shared_ptr<const auth::Grant> grant) {
  Held* const at = bytes_ == nullptr ? nullptr : held();
  RINGCAST_ASSERT(at != nullptr && grant != nullptr);
  *at = std::move(grant);
}

}  // namespace ringcast::session
