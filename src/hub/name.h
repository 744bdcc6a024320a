// SPDX-License-Identifier: Apache-2.0
// A name kept once and counted: channel keys and users of one core. Its reactor's thread only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace ringcast::hub {

class Name {
 public:
  struct Text {  // 4 bytes: "\n@" and ten characters make an allocation of 16
    uint16_t uses;
    uint16_t length;
  };

  Name() = default;
  explicit Name(std::string_view text) {
    if (text.empty()) return;
    RINGCAST_ASSERT(text.size() <= UINT16_MAX);
    text_ = static_cast<Text*>(std::malloc(sizeof(Text) + text.size()));
    if (text_ == nullptr) throw std::bad_alloc();
    text_->uses = 1;
    text_->length = static_cast<uint16_t>(text.size());
    std::memcpy(text_ + 1, text.data(), text.size());
  }
  Name(const Name& other) : Name(share(other.text_)) {}
  Name(Name&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}
  Name& operator=(Name other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~Name() {
    if (text_ != nullptr && --text_->uses == 0) std::free(text_);
  }
  std::string_view view() const { return view_of(text_); }
  bool empty() const { return text_ == nullptr; }

  // For who keeps a name in a word of its own: release() leaves the use counted, adopt() takes it over again, share()
  // counts one more.
  Text* text() const { return text_; }
  Text* release() { return std::exchange(text_, nullptr); }
  static Name adopt(Text* text) {
    Name name;
    name.text_ = text;
    return name;
  }
  static Name share(Text* text) {
    if (text == nullptr) return {};
    if (text->uses == UINT16_MAX) return Name(view_of(text));  // one more cannot be counted
    ++text->uses;
    return adopt(text);
  }
  static std::string_view view_of(const Text* text) {
    return text == nullptr ? std::string_view{}
                           : std::string_view(reinterpret_cast<const char*>(text + 1), text->length);
  }

 private:
  Text* text_ = nullptr;
};

}  // namespace ringcast::hub
