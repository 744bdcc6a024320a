// SPDX-License-Identifier: Apache-2.0
#include "access/jwks_source.h"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "access/jwks.h"
#include "base/log.h"
#include "http_client/http_request.h"

namespace ringcast::access {

namespace {

constexpr size_t kDocumentMaxMib = 1;

// A URL may carry a password or a key in its query: the log shows neither.
std::string for_log(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t authority = url.find("//") + 2;
  const std::string_view host = url.substr(authority, url.find('/', authority) - authority);
  const size_t at = host.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, authority)) + std::string(url.substr(authority + at + 1));
}

}  // namespace

Result<Keys> keys_of_jwks(std::string_view text) {
  auto set = access::parse_jwks(text, kTokenKeysMax);
  if (!set) return tl::unexpected<Error>(set.error());
  Keys keys;
  std::optional<Error> first;
  for (const Jwk& jwk : *set) {
    auto key = jwk.fault.empty() ? TokenKey::from_jwk(jwk) : fail("bad_key", "a key of the set: " + jwk.fault);
    if (!key) {
      log_warning("jwks_key_skipped", {{"kid", jwk.id}, {"why", key.error().message}});
      if (!first) first = std::move(key.error());
    } else if (*key) {
      keys.push_back(std::make_shared<const TokenKey>(**std::move(key)));
    }
  }
  if (keys.empty() && first) return tl::unexpected<Error>(*std::move(first));
  return keys;
}

JwksSource::JwksSource(JwksOptions options, Authority& authority)
    : options_(std::move(options)), authority_(authority) {}

JwksSource::~JwksSource() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void JwksSource::start() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tried_; });
}

void JwksSource::request() {
  if (!asked_.exchange(true, std::memory_order_relaxed)) changed_.notify_all();
}

void JwksSource::run() {
  pthread_setname_np(pthread_self(), "jwks");
  using Clock = std::chrono::steady_clock;
  std::chrono::milliseconds pause = options_.least_between;
  for (;;) {
    asked_.store(false, std::memory_order_relaxed);
    const Clock::time_point began = Clock::now();
    authority_.fetch_begins();
    Result<Keys> keys = fetch();
    if (keys) {
      authority_.set_fetched(*std::move(keys));
      pause = options_.refresh;
    } else {
      log_warning("jwks_failed", {{"url", for_log(options_.url)}, {"why", keys.error().message}});
      pause = std::min(options_.refresh, options_.least_between);
    }
    std::unique_lock lock(mutex_);
    tried_ = true;
    changed_.notify_all();
    // A request may come at any time and is heard of within a moment; one that comes too early waits its time.
    while (!stopping_) {
      const auto passed = Clock::now() - began;
      if (passed >= pause || (asked_.load(std::memory_order_relaxed) && passed >= options_.least_between)) break;
      const bool wanted = asked_.load(std::memory_order_relaxed);
      const auto due = (wanted ? options_.least_between : pause) - passed;
      changed_.wait_for(lock, std::min<Clock::duration>(due, std::chrono::milliseconds(500)));
    }
    if (stopping_) return;
  }
}

Result<Keys> JwksSource::fetch() const {
  http_client::HttpRequest request(kDocumentMaxMib);
  request.begin(options_.url, options_.ca_file);
  request.set_timeout(options_.timeout);
  request.end_with(stopping_);  // nobody waits for a server that does not answer when this process is to end
  curl_easy_setopt(request.handle(), CURLOPT_FAILONERROR, 1L);
  if (const CURLcode code = request.perform(); code != CURLE_OK) return fail("jwks_failed", request.failure(code));
  return keys_of_jwks(request.answer());
}

}  // namespace ringcast::access
