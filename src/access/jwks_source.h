// SPDX-License-Identifier: Apache-2.0
// Fetches a JSON Web Key Set from an http(s) URL, again and again, on a thread of its own, and gives the keys to the
// Authority. Made and destroyed by the main thread; request() from any thread. What cannot be fetched or read is
// logged, and the keys from before stay.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "access/authority.h"

namespace ringcast::access {

struct JwksOptions {
  std::string url;
  std::string ca_file;  // certificates that https is held against; empty: the system's
  std::chrono::milliseconds refresh{300'000};
  std::chrono::milliseconds timeout{10'000};       // of one attempt
  std::chrono::milliseconds least_between{5'000};  // attempts that tokens ask for
};

// The usable keys of a set. Keys for something else are left out silently, those that cannot be used (too short, a
// missing member, an algorithm of another kind) with a warning; an error when these are all that there is.
[[nodiscard]] Result<Keys> keys_of_jwks(std::string_view text);

class JwksSource {
 public:
  JwksSource(JwksOptions options, Authority& authority);
  ~JwksSource();
  JwksSource(const JwksSource&) = delete;
  JwksSource& operator=(const JwksSource&) = delete;

  // Starts the thread and returns when the first attempt is over, whatever came of it.
  void start();
  // Somebody showed a token of an unknown key: fetched soon, and not more often than least_between. Never waits.
  void request();

 private:
  void run();
  [[nodiscard]] Result<Keys> fetch() const;

  const JwksOptions options_;
  Authority& authority_;
  std::atomic<bool> asked_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stopping_{false};
  bool tried_ = false;
  std::thread thread_;
};

}  // namespace ringcast::access
