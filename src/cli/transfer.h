// SPDX-License-Identifier: Apache-2.0
// One conversation with a server over libcurl, which brings TLS and name resolution: a request with its answer, a body
// that goes on and on, or a connection for another protocol. Blocks; its command's thread only.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::cli {

// Where the server is and who asks; what both commands take.
struct Access {
  std::string url = "http://127.0.0.1:3000";
  std::string token;  // a user's
  std::string api_key;
  std::string ca_file;  // empty: the system's
};

// "ws://host:1/" → "http://host:1". Code bad_url.
Result<std::string> base_url(std::string_view url);

struct Answer {
  long status = 0;
  std::string body;
};

class Transfer {
 public:
  explicit Transfer(const Access& access);

  // `path` with the query, from '/' on. Code no_answer.
  Result<Answer> post_json(const std::string& path, std::string_view body);
  // Gives the parts of a 200's body to `take` until the server ends it or `take` says false; another answer comes back
  // with its body. Code no_answer when the connection broke, or was silent for `silence_s`.
  Result<Answer> stream(const std::string& path, const std::vector<std::string>& headers, long silence_s,
                        const std::function<bool(std::string_view)>& take);
  // A bare connection, secured where the URL says so.
  Result<void> connect();
  Result<void> send(std::string_view bytes);
  // At least one byte, or none at the end. Code no_answer when nothing came for `silence_s`.
  Result<size_t> receive(std::span<uint8_t> to, long silence_s);

  std::string host() const;    // for the field Host
  std::string prefix() const;  // a path that all requests are below: "" or "/push"
  // Authorization and X-API-Key, as lines.
  std::vector<std::string> credentials() const;

 private:
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  void begin(const std::string& path, const std::vector<std::string>& headers);
  Result<long> perform();
  Error error(CURLcode code) const;
  bool wait(short events, long timeout_s) const;

  const Access& access_;
  std::unique_ptr<CURL, Cleanup> curl_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  char why_[CURL_ERROR_SIZE] = "";
};

}  // namespace ringcast::cli
