// SPDX-License-Identifier: Apache-2.0
// The hub's Encoder: canonical bytes of messages and the wire forms made from them. One per core, touched by its
// reactor only; strings are reused, so that nothing is allocated per message once they have grown.
// The JSON is written once, by canonical(); every other form carries the same text in another frame.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "compat/form.h"
#include "compat/spelling.h"
#include "hub/encoder.h"

namespace ringcast::session {

struct EncoderOptions {
  bool deflate = true;
  uint32_t deflate_from = 1024;  // bytes of a frame's payload
  int deflate_level = 1;
};

class Encoder final : public hub::Encoder {
 public:
  explicit Encoder(const EncoderOptions& options = {}) : options_(options) {}

  void canonical(const hub::MessageView& message, std::string& out) override;
  void presence(const hub::PresenceView& event, std::string& out) override;
  bool compressed(std::string_view canonical, std::string& out) override;
  // For forms that want entries `out` gets what their members share: the SSE event without its cursor line, or the
  // event's JSON.
  hub::Derived derive(hub::FormId form, std::string_view canonical, uint64_t id, std::string& out) override;
  bool takes_compressed(hub::FormId form) const override;
  bool wants_entries(hub::FormId form) const override;
  bool short_lived(hub::FormId form) const override { return form_of(form).wire == WireForm::poll; }
  bool is_final(const hub::MessageView& message, std::span<const hub::FinalWhen> rules) const override;
  std::string_view json(std::string_view canonical, std::string& scratch) const override;

 private:
  hub::Derived derive_native(WireForm wire, std::string_view canonical, uint64_t id, std::string& out);
  bool append_compressed_frame(std::string_view frame, std::string& out);

  EncoderOptions options_;
  Spelling spelling_;
  std::string text_;     // JSON before its frame header is known
  std::string payload_;  // a compressed payload before its header, or JSON with base64
};

}  // namespace ringcast::session
