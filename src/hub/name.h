// A name kept once and counted: channel keys and users of one core. Its reactor's thread only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace ringcast::hub {

class Name {
 public:
  Name() = default;
  explicit Name(std::string_view text) {
    if (text.empty()) return;
    text_ = static_cast<Text*>(std::malloc(sizeof(Text) + text.size()));
    if (text_ == nullptr) throw std::bad_alloc();
    text_->uses = 1;
    text_->length = static_cast<uint32_t>(text.size());
    std::memcpy(text_ + 1, text.data(), text.size());
  }
  Name(const Name& other) : text_(other.text_) {
    if (text_ != nullptr) ++text_->uses;
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
  struct Text {
    uint32_t uses;
    uint32_t length;
  };
  Text* text_ = nullptr;
};

}  // namespace ringcast::hub
