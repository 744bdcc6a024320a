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
  Name(const Name& other) {
    if (other.text_ == nullptr) return;
    if (other.text_->uses == UINT16_MAX) {  // one more cannot be counted
      Name own(other.view());
      std::swap(text_, own.text_);
      return;
    }
    text_ = other.text_;
    ++text_->uses;
  }
  Name(Name&& other) noexcept : text_(std::exchange(other.text_, nullptr)) {}
  Name& operator=(Name other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~Name() {
    if (text_ != nullptr && --text_->uses == 0) std::free(text_);
  }
  std::string_view view() const {
    return text_ == nullptr ? std::string_view{}
                            : std::string_view(reinterpret_cast<const char*>(text_ + 1), text_->length);
  }
  bool empty() const { return text_ == nullptr; }

 private:
  struct Text {  // 4 bytes: "\n@" and ten characters make an allocation of 16
    uint16_t uses;
    uint16_t length;
  };
  Text* text_ = nullptr;
};

}  // namespace ringcast::hub
