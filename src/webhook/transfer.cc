// SPDX-License-Identifier: Apache-2.0
#include "webhook/transfer.h"

#include <ctime>

#include "base/assert.h"
#include "webhook/signature.h"

namespace ringcast::webhook {

namespace {
// Of an answer; that of a decision holds at most one changed message.
constexpr size_t kAnswerMax = 4 << 20;
}  // namespace

Transfer::Transfer(CURLM* multi, const EndpointOptions& endpoint, void* owner)
    : multi_(multi), handle_(curl_easy_init()), endpoint_(endpoint) {
  RINGCAST_ASSERT(handle_ != nullptr);
  curl_easy_setopt(handle_, CURLOPT_URL, endpoint.url.c_str());
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_USERAGENT, "ringcast");
  curl_easy_setopt(handle_, CURLOPT_POST, 1L);
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, why_);
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &Transfer::take);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle_, CURLOPT_PRIVATE, owner);
}

Transfer::~Transfer() {
  leave();
  curl_easy_cleanup(handle_);
}

void Transfer::leave() {
  if (running_) curl_multi_remove_handle(multi_, handle_);
  running_ = false;
  curl_slist_free_all(headers_);
  headers_ = nullptr;
}

void Transfer::start(std::string_view event, std::string_view id, const std::string& body, milliseconds timeout) {
  RINGCAST_ASSERT(!running_);
  answer_.clear();
  too_long_ = false;
  why_[0] = '\0';
  const auto header = [this](std::string_view name, std::string_view value) {
    headers_ = curl_slist_append(headers_, std::string(name).append(value).c_str());
  };
  header("Content-Type: ", "application/json");
  header("Expect:", "");  // no round trip of its own for 100 Continue
  header("X-Ringcast-Event: ", event);
  header("X-Ringcast-Id: ", id);
  if (!endpoint_.secret.empty()) {
    header("X-Ringcast-Signature: ", signature(endpoint_.secret, static_cast<uint64_t>(std::time(nullptr)), body));
  }
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, body.data());
  running_ = true;
  const CURLMcode added = curl_multi_add_handle(multi_, handle_);
  RINGCAST_ASSERT(added == CURLM_OK);
}

TransferEnd Transfer::finish(CURLcode code) {
  TransferEnd end;
  curl_off_t value = 0;
  if (curl_easy_getinfo(handle_, CURLINFO_TOTAL_TIME_T, &value) == CURLE_OK && value > 0) {
    end.latency_us = static_cast<uint64_t>(value);
  }
  if (code == CURLE_OK) {
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &end.status);
    if (curl_easy_getinfo(handle_, CURLINFO_RETRY_AFTER, &value) == CURLE_OK && value > 0) {
      end.retry_after = std::chrono::seconds(value);
    }
  } else if (too_long_) {
    end.why = "the answer is larger than 4 MiB";
  } else {
    end.why = why_[0] != '\0' ? why_ : curl_easy_strerror(code);
  }
  leave();
  return end;
}

void* Transfer::owner_of(CURL* handle) {
  char* owner = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &owner);
  return owner;
}

size_t Transfer::take(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const size_t bytes = size * count;
  if (transfer.answer_.size() + bytes > kAnswerMax) {
    transfer.too_long_ = true;
    return 0;  // ends the transfer
  }
  transfer.answer_.append(data, bytes);
  return bytes;
}

}  // namespace ringcast::webhook
