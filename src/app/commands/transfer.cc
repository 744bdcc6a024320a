// SPDX-License-Identifier: Apache-2.0
#include "app/commands/transfer.h"

#include <poll.h>

#include <utility>

#include "codec/native/names.h"

namespace ringcast::app {

namespace {

constexpr long kConnectMs = 10'000;
constexpr std::chrono::seconds kAnswerTime(60);
constexpr size_t kAnswerMaxMib = 16;

}  // namespace

Result<std::string> base_url(std::string_view url) {
  constexpr std::pair<std::string_view, std::string_view> kSchemes[] = {
      {"http://", "http://"}, {"https://", "https://"}, {"ws://", "http://"}, {"wss://", "https://"}};
  std::string_view scheme, rest = url;
  for (const auto& [given, used] : kSchemes) {
    if (!url.starts_with(given)) continue;
    scheme = used;
    rest.remove_prefix(given.size());
    break;
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (scheme.empty() || rest.empty() || rest.find_first_of(" @?#\r\n") != std::string_view::npos) {
    return fail("bad_url", "the server's address is like http://127.0.0.1:3000, not " + codec::quoted(url));
  }
  return std::string(scheme) + std::string(rest);
}

Transfer::Transfer(const Access& access) : access_(access), request_(kAnswerMaxMib) {}

std::vector<std::string> Transfer::credentials() const {
  std::vector<std::string> out;
  if (!access_.token.empty()) out.push_back("Authorization: Bearer " + access_.token);
  if (!access_.api_key.empty()) out.push_back("X-API-Key: " + access_.api_key);
  return out;
}

std::string Transfer::host() const {
  const std::string_view rest = std::string_view(access_.url).substr(access_.url.find("//") + 2);
  return std::string(rest.substr(0, rest.find('/')));
}

std::string Transfer::prefix() const {
  const size_t slash = access_.url.find('/', access_.url.find("//") + 2);
  return slash == std::string::npos ? std::string() : access_.url.substr(slash);
}

void Transfer::begin(const std::string& path, const std::vector<std::string>& headers) {
  request_.begin(access_.url + path, access_.ca_file);
  curl_easy_setopt(request_.handle(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  for (const std::vector<std::string>& list : {credentials(), headers}) {
    for (const std::string& line : list) request_.add_header(line);
  }
}

Error Transfer::error(CURLcode code) const {
  return {"no_answer", access_.url + ": " + request_.failure(code)};
}

Result<Answer> Transfer::perform() {
  if (const CURLcode code = request_.perform(); code != CURLE_OK) return tl::unexpected<Error>(error(code));
  return Answer{request_.status(), request_.answer()};
}

Result<Answer> Transfer::post_json(const std::string& path, std::string_view body) {
  begin(path, {});
  request_.post(body);
  request_.set_timeout(kAnswerTime);
  return perform();
}

Result<Answer> Transfer::stream(const std::string& path, const std::vector<std::string>& headers, long silence_s,
                                const http_client::HttpRequest::Take& take) {
  begin(path, headers);
  request_.stream_to(take);
  curl_easy_setopt(request_.handle(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(request_.handle(), CURLOPT_LOW_SPEED_TIME, silence_s);
  return perform();
}

Result<void> Transfer::connect() {
  begin("/", {});
  curl_easy_setopt(request_.handle(), CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(request_.handle(), CURLOPT_SSL_ENABLE_ALPN,
                   0L);  // HTTP/1.1, whatever else the server speaks
  if (const auto connected = perform(); !connected) return tl::unexpected<Error>(connected.error());
  return {};
}

bool Transfer::wait(short events, long timeout_s) const {
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(request_.handle(), CURLINFO_ACTIVESOCKET, &socket);
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, static_cast<int>(timeout_s * 1000)) > 0;
}

Result<void> Transfer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = curl_easy_send(request_.handle(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      if (!wait(POLLOUT, kAnswerTime.count())) return fail("no_answer", access_.url + ": the server takes nothing");
    } else if (code != CURLE_OK) {
      return tl::unexpected<Error>(error(code));
    }
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<size_t> Transfer::receive(std::span<uint8_t> to, long silence_s) {
  for (;;) {
    size_t received = 0;
    const CURLcode code = curl_easy_recv(request_.handle(), to.data(), to.size(), &received);
    if (code == CURLE_OK) return received;
    if (code != CURLE_AGAIN) return tl::unexpected<Error>(error(code));
    if (!wait(POLLIN, silence_s)) {
      return fail("no_answer", access_.url + ": nothing came for " + std::to_string(silence_s) + " seconds");
    }
  }
}

}  // namespace ringcast::app
