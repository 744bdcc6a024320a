// SPDX-License-Identifier: Apache-2.0
// A request that this program makes to another HTTP server, over libcurl, which brings TLS and name resolution. One at
// a time; the next one uses the connection again. Belongs to one thread.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ringcast::http_client {

class HttpRequest {
 public:
  // Gets a part of a 200's body; false ends the transfer.
  using Take = std::function<bool(std::string_view)>;

  // Answers may be as large as this many MiB.
  explicit HttpRequest(size_t answer_max_mib);
  HttpRequest(const HttpRequest&) = delete;
  HttpRequest& operator=(const HttpRequest&) = delete;

  // --- the next request; what the last one had is forgotten ---
  // `ca_file`: the authorities to trust, in PEM; empty: the system's.
  void begin(const std::string& url, const std::string& ca_file = {});
  void add_header(std::string_view line);
  void set_timeout(std::chrono::milliseconds timeout);
  // Without it: GET. The body stays where it is until the end.
  void post(std::string_view body);
  // Instead of being collected, a 200's body goes to `take`, which stays until the end.
  void stream_to(const Take& take) { take_ = &take; }
  // The transfer ends when this becomes true.
  void end_with(const std::atomic<bool>& stopping);
  // For what only one caller needs.
  CURL* handle() const { return curl_.get(); }

  // --- its end ---
  CURLcode perform() { return curl_easy_perform(curl_.get()); }  // blocks
  int status() const;
  const std::string& answer() const { return answer_; }
  // Why there is no answer, in words.
  std::string failure(CURLcode code) const;

 private:
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  static size_t receive(char* data, size_t size, size_t count, void* self);

  const size_t answer_max_mib_;
  std::unique_ptr<CURL, Cleanup> curl_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  const Take* take_ = nullptr;
  std::string answer_;
  bool too_large_ = false;
  char why_[CURL_ERROR_SIZE] = "";
};

}  // namespace ringcast::http_client
