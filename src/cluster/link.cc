// SPDX-License-Identifier: Apache-2.0
#include "cluster/link.h"

#include <algorithm>

#include "cluster/scripts.h"

namespace ringcast::cluster {

namespace {
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kBackoffMin = 100 * kMillisecond, kBackoffMax = 2000 * kMillisecond;
constexpr int64_t kGreetingMax = 5000 * kMillisecond;

// "run_id:HEX" of INFO.
std::string_view field_of(std::string_view info, std::string_view name) {
  size_t at = info.find(std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  at += name.size() + 1;
  return info.substr(at, info.find_first_of("\r\n", at) - at);
}
}  // namespace

Link::Link(const LinkOptions& options, reactor::Reactor& reactor, bool scripts)
    : options_(options), reactor_(reactor), scripts_(scripts), random_(options.seed + (scripts ? 1 : 0)) {}

reactor::Connection* Link::connection() {
  return state_ == State::idle ? nullptr : reactor_.find(connection_);
}

Result<void> Link::connect_when_due() {
  if (state_ != State::idle || reactor_.now().count() < retry_at_ns_) return {};
  backoff_ns_ = std::clamp(backoff_ns_ * 2, kBackoffMin, kBackoffMax);
  const auto jitter = static_cast<int64_t>(random_() % static_cast<uint64_t>(backoff_ns_ / 2));
  retry_at_ns_ = reactor_.now().count() + backoff_ns_ / 2 + jitter;
  auto address = options_.resolve();
  if (!address) return tl::unexpected<Error>(std::move(address.error()));
  auto id = reactor_.connect(*address, nullptr);
  if (!id) return tl::unexpected<Error>(std::move(id.error()));
  connection_ = *id;
  address_ = *address;
  state_ = State::connecting;
  age_ns_ = 0;
  out_.clear();
  parser_ = std::make_unique<codec::RespParser>(codec::RespLimits{.reply_bytes_max = options_.reply_bytes_max});
  return {};
}

void Link::greet() {
  reactor::Connection& at = *connection();
  at.unlimited_output = true;
  state_ = State::greeting;
  greeted_ = greetings_ = 0;
  run_.clear();
  const auto say = [&](std::initializer_list<std::string_view> words) {
    codec::append_resp_command(out_, static_cast<uint32_t>(words.size()));
    for (const std::string_view word : words) codec::append_resp_word(out_, word);
    ++greetings_;
  };
  if (!options_.password.empty() && options_.user.empty()) say({"AUTH", options_.password});
  if (!options_.password.empty() && !options_.user.empty()) say({"AUTH", options_.user, options_.password});
  if (options_.database != 0) say({"SELECT", std::to_string(options_.database)});
  say({"CLIENT", "SETNAME", options_.name});
  if (scripts_) {
    for (const std::string_view script : kScriptTexts) say({"SCRIPT", "LOAD", script});
  }
  say({"INFO"});
  reactor_.start_receive(at);
}

Result<void> Link::take_greeting(codec::RespValue reply) {
  if (reply.is(codec::RespType::error)) return fail("broker_refuses", std::string(reply.text()));
  ++greeted_;
  const uint32_t left = greetings_ - greeted_;
  if (scripts_ && left >= 1 && left <= kScripts) digests_[kScripts - left] = reply.text();
  if (left != 0) return {};
  run_ = field_of(reply.text(), "run_id");
  if (run_.empty()) return fail("broker_refuses", "INFO has no run_id");
  if (field_of(reply.text(), "role") != "master") return fail("broker_refuses", "it is a replica");
  if (field_of(reply.text(), "loading") == "1") return fail("broker_refuses", "it is loading its data");
  state_ = State::ready;
  backoff_ns_ = 0;
  return {};
}

void Link::close() {
  if (reactor::Connection* const at = connection(); at != nullptr && !at->dead) {
    reactor_.close(*at, reactor::CloseCause::done, io::CloseMode::reset);
  }
  state_ = State::idle;
  out_.clear();
}

void Link::pass(int64_t ns) {
  age_ns_ += ns;
}

bool Link::too_slow() const {
  return (state_ == State::connecting || state_ == State::greeting) && age_ns_ > kGreetingMax;
}

void Link::flush() {
  if (out_.empty()) return;
  if (reactor::Connection* const at = connection(); at != nullptr && !at->dead) reactor_.send_copy(*at, out_);
  out_.clear();
}

void Link::hold_back(bool held) {
  reactor::Connection* const at = connection();
  if (at == nullptr || !at->receiving) return;
  if (held) {
    reactor_.pause_reading(*at, reactor::PauseReason::credit);
  } else {
    reactor_.resume_reading(*at, reactor::PauseReason::credit);
  }
}

}  // namespace ringcast::cluster
