// SPDX-License-Identifier: Apache-2.0
// A try of a call, as a request of the multi handle that all calls share; used again for each try. Owned by its
// Exchange in a EndpointQueue; the sender's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "hooks/endpoints.h"
#include "http_client/http_request.h"

namespace ringcast::hooks {

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
  const std::string& answer() const { return request_.answer(); }

  static void* owner_of(CURL* handle);

 private:
  void leave();

  CURLM* const multi_;
  const EndpointOptions& endpoint_;
  void* const owner_;
  http_client::HttpRequest request_;
  bool running_ = false;
};

}  // namespace ringcast::hooks
