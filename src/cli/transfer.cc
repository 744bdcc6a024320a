// SPDX-License-Identifier: Apache-2.0
#include "cli/transfer.h"

#include <poll.h>

#include <utility>

#include "base/assert.h"
#include "wire/names.h"

namespace ringcast::cli {

namespace {

constexpr long kConnectMs = 10'000;
constexpr long kAnswerMs = 60'000;
constexpr size_t kAnswerMax = 16 << 20;

struct Sink {
  CURL* curl;
  std::string* body;
  const std::function<bool(std::string_view)>* take;  // of a 200's body
};

size_t receive_part(char* data, size_t size, size_t count, void* to) {
  const auto& sink = *static_cast<Sink*>(to);
  const std::string_view part(data, size * count);
  long status = 0;
  curl_easy_getinfo(sink.curl, CURLINFO_RESPONSE_CODE, &status);
  if (sink.take != nullptr && status == 200) {
    return (*sink.take)(part) ? part.size() : 0;  // 0 ends the transfer
  }
  if (sink.body->size() + part.size() > kAnswerMax) {
    return 0;
  }
  sink.body->append(part);
  return part.size();
}

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
    return fail("bad_url", "the server's address is like http://127.0.0.1:3000, not " + wire::quoted(url));
  }
  return std::string(scheme) + std::string(rest);
}

Transfer::Transfer(const Access& access) : access_(access), curl_(curl_easy_init()) {
  RINGCAST_ASSERT(curl_ != nullptr);
}

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
  CURL* const curl = curl_.get();
  curl_easy_reset(curl);
  why_[0] = '\0';
  curl_easy_setopt(curl, CURLOPT_URL, (access_.url + path).c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why_);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "ringcast");
  if (!access_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, access_.ca_file.c_str());
  headers_.reset();
  for (const std::vector<std::string>& list : {credentials(), headers}) {
    for (const std::string& line : list) {
      curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
      RINGCAST_ASSERT(longer != nullptr);
      (void)headers_.release();
      headers_.reset(longer);
    }
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
}

Error Transfer::error(CURLcode code) const {
  return {"no_answer", access_.url + ": " + (why_[0] != '\0' ? why_ : curl_easy_strerror(code))};
}

Result<long> Transfer::perform() {
  if (const CURLcode code = curl_easy_perform(curl_.get()); code != CURLE_OK) {
    return tl::unexpected<Error>(error(code));
  }
  long status = 0;
  curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

Result<Answer> Transfer::post_json(const std::string& path, std::string_view body) {
  begin(path, {"Content-Type: application/json", "Expect:"});
  Answer answer;
  Sink sink{curl_.get(), &answer.body, nullptr};
  curl_easy_setopt(curl_.get(), CURLOPT_TIMEOUT_MS, kAnswerMs);
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, receive_part);
  curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &sink);
  const auto status = perform();
  if (!status) return tl::unexpected<Error>(status.error());
  answer.status = *status;
  return answer;
}

Result<Answer> Transfer::stream(const std::string& path, const std::vector<std::string>& headers, long silence_s,
                                const std::function<bool(std::string_view)>& take) {
  begin(path, headers);
  Answer answer;
  Sink sink{curl_.get(), &answer.body, &take};
  curl_easy_setopt(curl_.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl_.get(), CURLOPT_LOW_SPEED_TIME, silence_s);
  curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, receive_part);
  curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &sink);
  const auto status = perform();
  if (!status) return tl::unexpected<Error>(status.error());
  answer.status = *status;
  return answer;
}

Result<void> Transfer::connect() {
  begin("/", {});
  curl_easy_setopt(curl_.get(), CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl_.get(), CURLOPT_SSL_ENABLE_ALPN,
                   0L);  // HTTP/1.1, whatever else the server speaks
  if (const auto connected = perform(); !connected) return tl::unexpected<Error>(connected.error());
  return {};
}

bool Transfer::wait(short events, long timeout_s) const {
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl_.get(), CURLINFO_ACTIVESOCKET, &socket);
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, static_cast<int>(timeout_s * 1000)) > 0;
}

Result<void> Transfer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = curl_easy_send(curl_.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      if (!wait(POLLOUT, kAnswerMs / 1000)) return fail("no_answer", access_.url + ": the server takes nothing");
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
    const CURLcode code = curl_easy_recv(curl_.get(), to.data(), to.size(), &received);
    if (code == CURLE_OK) return received;
    if (code != CURLE_AGAIN) return tl::unexpected<Error>(error(code));
    if (!wait(POLLIN, silence_s)) {
      return fail("no_answer", access_.url + ": nothing came for " + std::to_string(silence_s) + " seconds");
    }
  }
}

}  // namespace ringcast::cli
