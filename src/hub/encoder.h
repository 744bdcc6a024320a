// SPDX-License-Identifier: Apache-2.0
// How the hub gets bytes without knowing wire forms. Implemented in session, handed in at assembly; one object per
// core. The canonical form of a message is what is stored in history and shared between cores; every other form is
// derived from it at the core that needs it, once per message and form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hub/policy.h"
#include "hub/types.h"

namespace ringcast::hub {

struct MessageView {
  uint64_t id = 0;  // 0: ephemeral
  uint64_t timestamp_us = 0;
  std::string_view key;  // channel
  std::string_view user;
  std::string_view event;
  PayloadKind kind = PayloadKind::content;
  std::string_view payload;
  std::string_view connection;  // the author's, where the message says it
};

// Events the hub makes itself; all ephemeral.
struct PresenceView {
  enum class Kind : uint8_t { member_joined, member_left, status } kind;
  std::string_view key;
  std::string_view user;
  Status status = Status::online;
  uint32_t members = 0;
};

struct Derived {
  enum class Kind : uint8_t {
    part,     // bytes [offset, offset + length) of the canonical form
    written,  // appended to `out`
    nothing,  // this form does not show this message
  } kind = Kind::part;
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t frames = 1;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // Canonical bytes of a message (WebSocket frames); appended to `out`.
  virtual void canonical(const MessageView& message, std::string& out) = 0;
  virtual void presence(const PresenceView& event, std::string& out) = 0;
  // The variant that is made once per publish for all members that take it; false: not worth it, they get canonical.
  virtual bool compressed(std::string_view canonical, std::string& out) = 0;
  // A form's bytes of one message. `compressed` is empty where there is none.
  virtual Derived derive(FormId form, std::string_view canonical, uint64_t id, std::string& out) = 0;
  virtual bool takes_compressed(FormId form) const = 0;
  // Whether this form needs messages singly (Delivery::entries) instead of shared runs.
  virtual bool wants_entries(FormId form) const = 0;
  // Whether members of this form come and go by nature (polls), so that presence gives them a longer grace.
  virtual bool short_lived(FormId) const { return false; }
  // Whether a message is its room's last one by what it says.
  virtual bool is_final(const MessageView&, std::span<const FinalWhen>) const { return false; }
  // The JSON text of canonical bytes, as lists of messages show it: a view of them or of `scratch`.
  virtual std::string_view json(std::string_view canonical, std::string& scratch) const = 0;
};

}  // namespace ringcast::hub
