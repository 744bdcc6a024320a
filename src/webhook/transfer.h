// SPDX-License-Identifier: Apache-2.0
// One HTTP request with libcurl, used again for each try of a call. Owned by its Exchange in a Lane; the sender's
// thread only.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "webhook/endpoints.h"

namespace ringcast::webhook {

struct TransferEnd {
  long status = 0;                      // 0: no answer
  std::chrono::seconds retry_after{0};  // what the answer asked for; 0: nothing
  uint64_t latency_us = 0;
  std::string why;  // there is no answer
};

class Transfer {
 public:
  // `multi` outlives the transfer. `owner` comes back from owner_of().
  Transfer(CURLM* multi, const EndpointOptions& endpoint, void* owner);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // The body stays where it is until finish().
  void start(std::string_view event, std::string_view id, const std::string& body, milliseconds timeout);
  // libcurl has said that it is over, with this code.
  TransferEnd finish(CURLcode code);
  const std::string& answer() const { return answer_; }

  static void* owner_of(CURL* handle);

 private:
  static size_t take(char* data, size_t size, size_t count, void* self);
  void leave();

  CURLM* const multi_;
  CURL* const handle_;
  const EndpointOptions& endpoint_;
  curl_slist* headers_ = nullptr;
  bool running_ = false;
  bool too_long_ = false;
  std::string answer_;
  char why_[CURL_ERROR_SIZE] = "";
};

}  // namespace ringcast::webhook
