// SPDX-License-Identifier: Apache-2.0
#include "http_client/http_request.h"

#include "base/assert.h"

namespace ringcast::http_client {

HttpRequest::HttpRequest(size_t answer_max_mib) : answer_max_mib_(answer_max_mib), curl_(curl_easy_init()) {
  RINGCAST_ASSERT(curl_ != nullptr);
}

void HttpRequest::begin(const std::string& url, const std::string& ca_file) {
  CURL* const curl = curl_.get();
  curl_easy_reset(curl);
  headers_.reset();
  take_ = nullptr;
  answer_.clear();
  too_large_ = false;
  why_[0] = '\0';
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "ringcast");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why_);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &HttpRequest::receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  if (!ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
}

void HttpRequest::add_header(std::string_view line) {
  curl_slist* const longer = curl_slist_append(headers_.get(), std::string(line).c_str());
  RINGCAST_ASSERT(longer != nullptr);
  (void)headers_.release();
  headers_.reset(longer);
  curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, longer);
}

void HttpRequest::set_timeout(std::chrono::milliseconds timeout) {
  curl_easy_setopt(curl_.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
}

void HttpRequest::post(std::string_view body) {
  add_header("Content-Type: application/json");
  add_header("Expect:");  // no round trip of its own for 100 Continue
  curl_easy_setopt(curl_.get(), CURLOPT_POST, 1L);
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, body.data());
}

void HttpRequest::end_with(const std::atomic<bool>& stopping) {
  // Nonzero ends the transfer.
  curl_xferinfo_callback const look = [](void* flag, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(flag)->load(std::memory_order_relaxed) ? 1 : 0;
  };
  curl_easy_setopt(curl_.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_.get(), CURLOPT_XFERINFOFUNCTION, look);
  curl_easy_setopt(curl_.get(), CURLOPT_XFERINFODATA, &stopping);
}

int HttpRequest::status() const {
  long status = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

std::string HttpRequest::failure(CURLcode code) const {
  if (too_large_) return "the answer is larger than " + std::to_string(answer_max_mib_) + " MiB";
  return why_[0] != '\0' ? why_ : curl_easy_strerror(code);
}

size_t HttpRequest::receive(char* data, size_t size, size_t count, void* self) {
  auto& request = *static_cast<HttpRequest*>(self);
  const std::string_view part(data, size * count);
  constexpr size_t kEnd = 0;
  if (request.take_ != nullptr && request.status() == 200) return (*request.take_)(part) ? part.size() : kEnd;
  if (request.answer_.size() + part.size() > request.answer_max_mib_ << 20) {
    request.too_large_ = true;
    return kEnd;
  }
  request.answer_.append(part);
  return part.size();
}

}  // namespace ringcast::http_client
