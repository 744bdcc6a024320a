// SPDX-License-Identifier: Apache-2.0
#include "hooks/transfer.h"

#include <ctime>

#include "base/assert.h"
#include "hooks/signature.h"

namespace ringcast::hooks {

namespace {
// Of an answer; that of a decision holds at most one changed message.
constexpr size_t kAnswerMaxMib = 4;
}  // namespace

Transfer::Transfer(CURLM* multi, const EndpointOptions& endpoint, void* owner)
    : multi_(multi), endpoint_(endpoint), owner_(owner), request_(kAnswerMaxMib) {}

Transfer::~Transfer() {
  leave();
}

void Transfer::leave() {
  if (running_) curl_multi_remove_handle(multi_, request_.handle());
  running_ = false;
}

void Transfer::start(std::string_view event, std::string_view id, const std::string& body, milliseconds timeout) {
  RINGCAST_ASSERT(!running_);
  request_.begin(endpoint_.url, endpoint_.ca_file);
  request_.set_timeout(timeout);
  request_.post(body);
  const auto header = [this](std::string_view name, std::string_view value) {
    request_.add_header(std::string(name).append(value));
  };
  header("X-Ringcast-Event: ", event);
  header("X-Ringcast-Id: ", id);
  if (!endpoint_.secret.empty()) {
    header("X-Ringcast-Signature: ", signature(endpoint_.secret, static_cast<uint64_t>(std::time(nullptr)), body));
  }
  curl_easy_setopt(request_.handle(), CURLOPT_PRIVATE, owner_);
  running_ = true;
  const CURLMcode added = curl_multi_add_handle(multi_, request_.handle());
  RINGCAST_ASSERT(added == CURLM_OK);
}

TransferEnd Transfer::finish(CURLcode code) {
  TransferEnd end;
  curl_off_t value = 0;
  if (curl_easy_getinfo(request_.handle(), CURLINFO_TOTAL_TIME_T, &value) == CURLE_OK && value > 0) {
    end.latency_us = static_cast<uint64_t>(value);
  }
  if (code == CURLE_OK) {
    end.status = request_.status();
    if (curl_easy_getinfo(request_.handle(), CURLINFO_RETRY_AFTER, &value) == CURLE_OK && value > 0) {
      end.retry_after = std::chrono::seconds(value);
    }
  } else {
    end.why = request_.failure(code);
  }
  leave();
  return end;
}

void* Transfer::owner_of(CURL* handle) {
  char* owner = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &owner);
  return owner;
}

}  // namespace ringcast::hooks
