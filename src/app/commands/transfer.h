// SPDX-License-Identifier: Apache-2.0
// One conversation with a server over libcurl, which brings TLS and name resolution: a request with its answer, a body
// that goes on and on, or a connection for another protocol. Blocks; its command's thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http_client/http_request.h"

namespace ringcast::app {

// Where the server is and who asks; what both commands take.
struct Access {
  std::string url = "http://127.0.0.1:3000";
  std::string token;  // a user's
  std::string api_key;
  std::string ca_file;  // empty: the system's
};

// "ws://host:1/" → "http://host:1". Code bad_url.
[[nodiscard]] Result<std::string> base_url(std::string_view url);

struct Answer {
  int status = 0;
  std::string body;
};

class Transfer {
 public:
  explicit Transfer(const Access& access);

  // `path` with the query, from '/' on. Code no_answer.
  [[nodiscard]] Result<Answer> post_json(const std::string& path, std::string_view body);
  // Gives the parts of a 200's body to `take` until the server ends it or `take` says false; another answer comes back
  // with its body. Code no_answer when the connection broke, or was silent for `silence_s`.
  [[nodiscard]] Result<Answer> stream(const std::string& path, const std::vector<std::string>& headers, long silence_s,
                                      const http_client::HttpRequest::Take& take);
  // A bare connection, secured where the URL says so.
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> send(std::string_view bytes);
  // At least one byte, or none at the end. Code no_answer when nothing came for `silence_s`.
  [[nodiscard]] Result<size_t> receive(std::span<uint8_t> to, long silence_s);

  std::string host() const;    // for the field Host
  std::string prefix() const;  // a path that all requests are below: "" or "/push"
  // Authorization and X-API-Key, as lines.
  std::vector<std::string> credentials() const;

 private:
  void begin(const std::string& path, const std::vector<std::string>& headers);
  [[nodiscard]] Result<Answer> perform();
  Error error(CURLcode code) const;
  bool wait(short events, long timeout_s) const;

  const Access& access_;
  http_client::HttpRequest request_;
};

}  // namespace ringcast::app
