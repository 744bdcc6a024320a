// SPDX-License-Identifier: Apache-2.0
#include "inlets/mirror.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "codec/json/json_writer.h"
#include "hub/types.h"

namespace ringcast::inlets {

namespace {

constexpr std::string_view kRoomPlace = "{}", kTenantPlace = hub::kMirrorTenant;
// Of each member: more than it makes while the thread wakes up. What they hold is bounded by bytes.
constexpr uint32_t kMirrorSlots = 1 << 16;
constexpr size_t kMirrorUnsentMax = 256 << 10;
constexpr size_t kMirrorSentMax = 4096;
constexpr Time kMirrorSilenceMax = std::chrono::seconds(10);
constexpr Time kMirrorSleepMax = std::chrono::seconds(1);
constexpr Time kMirrorStopMax = std::chrono::seconds(2);
constexpr Time kMirrorReportPause = std::chrono::seconds(1);

Time mirror_now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

void append_mirror_channel(std::string& out, std::string_view to, std::string_view tenant, std::string_view room) {
  while (!to.empty()) {
    if (to.starts_with(kRoomPlace)) {
      out += room;
      to.remove_prefix(kRoomPlace.size());
    } else if (to.starts_with(kTenantPlace)) {
      out += tenant;
      to.remove_prefix(kTenantPlace.size());
    } else {
      out += to.front();
      to.remove_prefix(1);
    }
  }
}

std::string mirror_pattern(std::string_view to, std::string_view match) {
  std::string out;
  append_mirror_channel(out, to, "*", match);
  return out;
}

std::string mirror_mistake(std::string_view to) {
  // Without its placeholders no brace may be left.
  std::string rest;
  append_mirror_channel(rest, to, "", "");
  if (rest.find_first_of("{}") != std::string::npos)
    return "only {}, the room's name, and {tenant} may stand in braces, as in \"room:{}\"";
  if (to.find('*') != std::string_view::npos) return "a channel has no *; {} is the room's name, as in \"room:{}\"";
  return {};
}

Mirror::Mirror(MirrorPlan plan, std::unique_ptr<CoreRings<Copy*>> copies)
    : plan_(std::move(plan)),
      copies_(std::move(copies)),
      connection_({.address = plan_.address, .name = "ringcast:mirror", .silence_max = kMirrorSilenceMax}) {
  for (uint16_t member = 0; member < plan_.members; ++member) members_.push_back(std::make_unique<Member>());
}

Result<std::unique_ptr<Mirror>> Mirror::create(MirrorPlan plan) {
  auto copies = CoreRings<Copy*>::create(plan.members, kMirrorSlots);
  if (!copies) return tl::unexpected<Error>(std::move(copies.error()));
  return std::unique_ptr<Mirror>(new Mirror(std::move(plan), *std::move(copies)));
}

Mirror::~Mirror() {
  stop();
  take();
}

void Mirror::start() {
  // A new thread has its maker's mask: of the signals none is for this one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Mirror::stop() {
  stopping_.store(true, std::memory_order_release);
  copies_->wake();
  if (thread_.joinable()) thread_.join();
}

// --- any member

void Mirror::copy(uint16_t from, std::string_view to, std::string_view key, std::string_view json) {
  auto copy = std::make_unique<Copy>();
  append_mirror_channel(copy->channel, to, hub::tenant_of(key), hub::name_of(key));
  copy->json = json;
  const size_t bytes = copy->bytes();
  const uint64_t queued = queued_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (queued <= plan_.queue_bytes_max && copies_->offer(from, copy.get())) {
    copy.release();
    return;
  }
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  members_[from]->full.add();
}

void Mirror::missed(uint16_t from) {
  members_[from]->missed.add();
}

uint64_t Mirror::full() const {
  uint64_t sum = 0;
  for (const auto& member : members_) sum += member->full.get();
  return sum;
}

uint64_t Mirror::missed_in_all() const {
  uint64_t sum = 0;
  for (const auto& member : members_) sum += member->missed.get();
  return sum;
}

uint64_t Mirror::dropped() const {
  return full() + missed_in_all() + unanswered_.get() + refused_.get();
}

// --- its thread

void Mirror::take() {
  copies_->drain([this](Copy* copy) { queue_.emplace_back(copy); });
}

void Mirror::forget_first() {
  queued_bytes_.fetch_sub(queue_.front()->bytes(), std::memory_order_relaxed);
  queue_.pop_front();
  --sent_;
}

void Mirror::answered(codec::RespValue reply) {
  if (sent_ == 0) return;
  if (reply.is(codec::RespType::error)) {
    refused_.add();
    refusal_ = reply.text();
  } else {
    published_.add();
  }
  forget_first();
}

void Mirror::lost(std::string_view why) {
  if (up_.get() != 0) {
    disconnects_.add();
    log_warning("mirror_disconnected", {{"why", why}, {"unanswered", sent_}});
  } else if (unreachable_ != why) {  // once, however often it is tried
    unreachable_ = why;
    log_warning("mirror_unreachable", {{"why", why}});
  }
  up_.set(0);
  unanswered_.add(sent_);
  while (sent_ != 0) forget_first();
}

void Mirror::work(Time now) {
  for (bool more = true; more;) {
    more = false;
    if (auto done = connection_.work(now, true); !done) return lost(done.error().message);
    if (!connection_.ready()) return;
    if (up_.get() == 0) {
      up_.set(1);
      connects_.add();
      unreachable_.clear();
      log_info("mirror_connected", {{"queued", queue_.size()}});
    }
    while (const auto reply = connection_.reply()) {
      answered(*reply);
      more = true;
    }
    while (sent_ < queue_.size() && sent_ < kMirrorSentMax && connection_.unsent() < kMirrorUnsentMax) {
      const Copy& copy = *queue_[sent_++];
      connection_.send({"PUBLISH", copy.channel, copy.json});
      more = true;
    }
    if (sent_ == 0) {
      connection_.expect_nothing();
    } else {
      connection_.expect_reply(now);
    }
  }
}

void Mirror::report(Time now) {
  const uint64_t dropped = this->dropped();
  if (dropped == reported_ || (reported_at_.count() != 0 && now - reported_at_ < kMirrorReportPause)) return;
  const std::string_view why = !refusal_.empty() ? std::string_view(refusal_)
                               : up_.get() == 0  ? std::string_view("Redis is away")
                                                 : std::string_view("more than it takes");
  log_warning("mirror_dropped", {{"messages", dropped - reported_}, {"in_all", dropped}, {"why", why}});
  refusal_.clear();
  reported_ = dropped;
  reported_at_ = now;
}

void Mirror::sleep(Time now) {
  const Time due = std::min(connection_.due(), now + kMirrorSleepMax);
  if (due <= now) return;
  std::array<pollfd, 2> waits{{{copies_->descriptor(), POLLIN, 0}, connection_.wait(true)}};
  if (!copies_->prepare_sleep()) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(due - now).count();
  ::poll(waits.data(), waits.size(), static_cast<int>(ms));
  copies_->finish_sleep();
}

void Mirror::run() {
  pthread_setname_np(pthread_self(), "mirror");
  Time stop_at = kNever;
  for (;;) {
    const bool stopping = stopping_.load(std::memory_order_acquire);
    take();
    const Time now = mirror_now();
    work(now);
    report(now);
    if (stopping) {
      if (stop_at == kNever) stop_at = now + kMirrorStopMax;
      if (queue_.empty() || up_.get() == 0 || now >= stop_at) break;
    }
    sleep(now);
  }
  if (!queue_.empty()) log_warning("mirror_stopped", {{"unpublished", queue_.size()}});
  connection_.close();
  up_.set(0);
}

// --- what became of them

void Mirror::append_metrics(std::string& out) const {
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ringcast_mirror_").append(name).append(" ").append(help);
    out.append("\n# TYPE ringcast_mirror_").append(name).append(" ").append(type).append("\n");
  };
  const auto sample = [&](std::string_view name, std::string_view labels, uint64_t value) {
    out.append("ringcast_mirror_").append(name).append(labels).append(" ");
    codec::append_uint(out, value);
    out += '\n';
  };
  family("up", "gauge", "Whether the Redis that gets copies is connected.");
  sample("up", "", up_.get());
  family("connects_total", "counter", "Connections that were made.");
  sample("connects_total", "", connects_.get());
  family("disconnects_total", "counter", "Connections that were lost.");
  sample("disconnects_total", "", disconnects_.get());
  family("published_total", "counter", "Copies that Redis has taken.");
  sample("published_total", "", published_.get());
  family("dropped_total", "counter", "Messages of which Redis got no copy, or perhaps none, by reason.");
  sample("dropped_total", "{reason=\"queue_full\"}", full());
  sample("dropped_total", "{reason=\"unanswered\"}", unanswered_.get());
  sample("dropped_total", "{reason=\"refused\"}", refused_.get());
  sample("dropped_total", "{reason=\"broker\"}", missed_in_all());
  family("queued_bytes", "gauge", "Copies that Redis has not taken yet.");
  sample("queued_bytes", "", queued_bytes_.load(std::memory_order_relaxed));
}

void Mirror::append_statistics(codec::JsonWriter& json, bool) const {
  json.begin_object().boolean("up", up_.get() != 0).uint("published_total", published_.get());
  json.uint("dropped_total", dropped());
  json.uint("queued_bytes", queued_bytes_.load(std::memory_order_relaxed)).end_object();
}

}  // namespace ringcast::inlets
