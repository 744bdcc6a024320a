// SPDX-License-Identifier: Apache-2.0
#include "inlets/jetstream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "inlets/pattern.h"

namespace ringcast::inlets {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

constexpr uint32_t kFetchMax = 256;
constexpr int64_t kFetchMs = 250, kAnswerMs = 2000;
constexpr uint32_t kSilentFetchesMax = 20;
constexpr nanoseconds kRedeliverAfter = std::chrono::seconds(10);
constexpr milliseconds kPause(500), kSettlePause(200);

// "Consumer not found" as an error of the library's, whatever its text is.
bool is_missing(natsStatus status, jsErrCode code) {
  return status == NATS_NOT_FOUND || code == JSConsumerNotFoundErr;
}

Result<void> checked(natsStatus status) {
  return status == NATS_OK ? Result<void>() : fail("nats", nats_error(status));
}

}  // namespace

JetStream::JetStream(const InletOptions& options)
    : options_(options), address_(*parse_address(options.type, options.url)), handover_(options.in_flight_max) {}

JetStream::~JetStream() {
  handover_.close();
  if (thread_.joinable()) thread_.join();
}

void JetStream::work(Host& host, Time, bool reads) {
  // Made by the inlet's thread, whose mask of signals it inherits.
  if (reads && !thread_.joinable()) thread_ = std::thread([this] { run(); });
  handover_.report(host);
  Parcel parcel;
  while (host.room() != 0 && handover_.take(parcel)) {
    fields_.clear();
    for (const auto& [name, value] : parcel.fields) fields_.push_back({name, value});
    capture_nats(options_.from.front(), parcel.channel, captured_);
    host.take({.token = parcel.token,
               .channel = parcel.channel,
               .id = parcel.id,
               .stored_at = parcel.stored_at,
               .body = parcel.body,
               .fields = fields_,
               .captured = captured_});
  }
  handover_.want(reads, host.room(), host.room_bytes());
}

void JetStream::append_waits(std::vector<pollfd>& waits) const {
  waits.push_back({handover_.descriptor(), POLLIN, 0});
}

void JetStream::run() {
  for (;;) {
    const Handover::Order order = handover_.order();
    if (order.closed) break;
    acknowledging_.insert(acknowledging_.end(), order.settled.begin(), order.settled.end());
    // They come again as if they had been lost: to give them back would change their order.
    for (const uint64_t sequence : order.returned) held_.erase(sequence);
    if (!order.returned.empty()) {
      // Before anything newer, also when reading was stopped and begun again in between.
      ready_ = false;
      connected_at_ = steady_clock::now();
    }
    if (order.epoch != epoch_) {
      // Others get what is not acknowledged, and we begin as they do.
      epoch_ = order.epoch;
      std::erase_if(held_, [&](const auto& each) {
        return std::find(acknowledging_.begin(), acknowledging_.end(), each.first) == acknowledging_.end();
      });
      if (connection_ != nullptr) {
        disconnect();
        handover_.disconnected("nothing is read for now");
      }
    }
    if (auto done = go_on(order); !done) {
      disconnect();
      handover_.disconnected(done.error().message);
      handover_.wait(kPause);
    }
  }
  disconnect();
  nats_ReleaseThreadMemory();
}

Result<void> JetStream::go_on(const Handover::Order& order) {
  if (!order.reads && acknowledging_.empty()) {
    if (connection_ != nullptr) {
      disconnect();
      handover_.disconnected("nothing is read for now");
    }
    handover_.wait(std::chrono::seconds(1));
    return {};
  }
  if (connection_ == nullptr) {
    if (auto done = connect(); !done) return done;
  }
  if (auto done = acknowledge(); !done) return done;
  if (!order.reads) return {};
  if (subscription_ == nullptr) {
    if (auto done = find_consumer(); !done) return done;
    handover_.connected();
  }
  if (!ready_) return settle_before();
  if (natsConnection_Status(connection_.get()) != NATS_CONN_STATUS_CONNECTED)
    return fail("nats", "the connection was lost");
  if (order.grant == 0) {
    handover_.wait(kSettlePause);
    return {};
  }
  return fetch(order);
}

Result<void> JetStream::connect() {
  auto connection = connect_nats(options_, address_, false);
  if (!connection) return tl::unexpected<Error>(std::move(connection.error()));
  connection_ = *std::move(connection);
  jsCtx* context = nullptr;
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = kAnswerMs;
  auto done = checked(natsConnection_JetStream(&context, connection_.get(), &options));
  context_.reset(context);
  return done;
}

void JetStream::disconnect() {
  subscription_.reset();
  context_.reset();
  connection_.reset();
  ready_ = collects_ = false;
  collected_.clear();
  collected_bytes_ = 0;
  silent_ = 0;
}

Result<void> JetStream::find_consumer() {
  jsConsumerInfo* info = nullptr;
  jsErrCode code{};
  natsStatus status =
      js_GetConsumerInfo(&info, context_.get(), options_.stream.c_str(), options_.group.c_str(), nullptr, &code);
  if (is_missing(status, code)) {
    if (auto done = make_consumer(); !done) return done;
    status = js_GetConsumerInfo(&info, context_.get(), options_.stream.c_str(), options_.group.c_str(), nullptr, &code);
  }
  if (status != NATS_OK) return fail("nats", "stream " + options_.stream + ": " + nats_error(status));
  redelivered_after_ = nanoseconds(info->Config->AckWait);
  const bool pulls = info->Config->DeliverSubject == nullptr || *info->Config->DeliverSubject == '\0';
  const bool fits = pulls && info->Config->AckPolicy == js_AckExplicit;
  const std::string filter = info->Config->FilterSubject == nullptr ? "" : info->Config->FilterSubject;
  jsConsumerInfo_Destroy(info);
  if (!fits)
    return fail("nats", "the consumer " + options_.group +
                            " is there already, and is none that is pulled from with explicit acknowledgements");
  if (filter != options_.from.front())
    return fail("nats", "the consumer " + options_.group + " is there already, for the subject \"" + filter + "\"");
  jsSubOptions bound;
  jsSubOptions_Init(&bound);
  bound.Stream = options_.stream.c_str();
  bound.Consumer = options_.group.c_str();
  natsSubscription* made = nullptr;
  status = js_PullSubscribe(&made, context_.get(), options_.from.front().c_str(), options_.group.c_str(), nullptr,
                            &bound, &code);
  subscription_.reset(made);
  connected_at_ = steady_clock::now();
  return checked(status);
}

// Where one begins that was lost: behind what has been read, if that is known.
Result<void> JetStream::make_consumer() {
  jsErrCode code{};
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = options_.group.c_str();
  config.Description = "ringcast reads for its clients";
  config.AckPolicy = js_AckExplicit;
  config.AckWait = kRedeliverAfter.count();
  config.MaxAckPending = static_cast<int64_t>(options_.in_flight_max) + kFetchMax;
  config.FilterSubject = options_.from.front().c_str();
  config.DeliverPolicy = options_.from_oldest ? js_DeliverAll : js_DeliverNew;
  if (newest_ != 0) {
    jsStreamInfo* stream = nullptr;
    const natsStatus status = js_GetStreamInfo(&stream, context_.get(), options_.stream.c_str(), nullptr, &code);
    if (status != NATS_OK) return fail("nats", "stream " + options_.stream + ": " + nats_error(status));
    const bool anew = stream->State.LastSeq < newest_;
    jsStreamInfo_Destroy(stream);
    config.DeliverPolicy = anew ? js_DeliverAll : js_DeliverByStartSequence;
    if (!anew) config.OptStartSeq = newest_ + 1;
    if (anew) newest_ = 0;
  }
  jsConsumerInfo* made = nullptr;
  const natsStatus status = js_AddConsumer(&made, context_.get(), options_.stream.c_str(), &config, nullptr, &code);
  jsConsumerInfo_Destroy(made);
  if (status != NATS_OK)
    return fail("nats", "consumer " + options_.group + " of stream " + options_.stream + ": " + nats_error(status));
  return {};
}

// What was delivered to us or another before, and is not acknowledged, comes again, and before what is newer.
Result<void> JetStream::settle_before() {
  if (!held_.empty()) {
    handover_.wait(kSettlePause);
    return {};
  }
  auto info = consumer_info();
  if (!info) return tl::unexpected<Error>(std::move(info.error()));
  const int64_t waiting = (*info)->NumAckPending;
  ready_ = waiting == 0 || steady_clock::now() - connected_at_ > redelivered_after_ + kPause;
  collects_ = waiting != 0;
  if (!ready_) handover_.wait(kSettlePause);
  return {};
}

Result<void> JetStream::fetch(const Handover::Order& order) {
  const uint64_t fit = std::max<uint64_t>(1, order.bytes / message_bytes_);
  const uint64_t wanted = collects_ ? kFetchMax : std::min<uint64_t>({order.grant, fit, kFetchMax});
  natsMsgList list{};
  jsErrCode code{};
  const natsStatus status =
      natsSubscription_Fetch(&list, subscription_.get(), static_cast<int>(wanted), kFetchMs, &code);
  for (int i = 0; i < list.Count; ++i) pass_on(list.Msgs[i], order.epoch);
  const bool silent = list.Count == 0 && held_.empty() && !collects_;
  natsMsgList_Destroy(&list);
  if (status != NATS_OK && status != NATS_TIMEOUT) return fail("nats", nats_error(status));
  if (collects_) return pass_on_collected(order);
  silent_ = silent ? silent_ + 1 : 0;
  return silent_ < kSilentFetchesMax ? Result<void>() : check_silence();
}

// What comes again comes in any order, and what is new may come before it: the server has a time for each message, and
// looks at them when it gets to it.
Result<void> JetStream::pass_on_collected(const Handover::Order& order) {
  auto info = consumer_info();
  if (!info) return tl::unexpected<Error>(std::move(info.error()));
  const auto waiting = static_cast<uint64_t>(std::max<int64_t>(0, (*info)->NumAckPending));
  const bool full = collected_.size() >= options_.in_flight_max + kFetchMax || collected_bytes_ >= order.bytes;
  if (waiting > collected_.size() && !full) return {};
  collects_ = false;
  collected_bytes_ = 0;
  for (auto& [sequence, message] : std::exchange(collected_, {})) {
    if (!hand_over(std::move(message.parcel), std::move(message.reply))) break;
  }
  return {};
}

// Nothing has come for a while: whether there is nothing, or nobody who would give it. A server may have lost the
// consumer and not say so.
Result<void> JetStream::check_silence() {
  silent_ = 0;
  auto info = consumer_info();
  if (!info) return tl::unexpected<Error>(std::move(info.error()));
  if ((*info)->NumPending != 0) return fail("nats", "there are messages, and none is given");
  return {};
}

Result<Nats<jsConsumerInfo>> JetStream::consumer_info() {
  jsConsumerInfo* info = nullptr;
  jsErrCode code{};
  const natsStatus status =
      js_GetConsumerInfo(&info, context_.get(), options_.stream.c_str(), options_.group.c_str(), nullptr, &code);
  if (status != NATS_OK) return fail("nats", "consumer " + options_.group + ": " + nats_error(status));
  return Nats<jsConsumerInfo>(info);
}

void JetStream::pass_on(natsMsg* message, uint64_t epoch) {
  const char* reply = natsMsg_GetReply(message);
  jsMsgMetaData* about = nullptr;
  if (reply == nullptr || natsMsg_GetMetaData(&about, message) != NATS_OK) return;
  const uint64_t sequence = about->Sequence.Stream;
  const int64_t stored_at = about->Timestamp;
  jsMsgMetaData_Destroy(about);
  // It has come again while it is under way: it is acknowledged as the newest delivery.
  if (const auto found = held_.find(sequence); found != held_.end()) {
    found->second = reply;
    return;
  }
  Parcel parcel = parcel_of(message);
  parcel.token = sequence;
  parcel.id = std::to_string(sequence);
  parcel.stored_at = stored_at;
  parcel.epoch = epoch;
  message_bytes_ = std::max<uint64_t>(64, (7 * message_bytes_ + parcel.body.size()) / 8);
  if (!collects_) {
    hand_over(std::move(parcel), reply);
    return;
  }
  const uint64_t bytes = parcel.body.size();
  if (collected_.insert_or_assign(sequence, Collected{std::move(parcel), reply}).second) collected_bytes_ += bytes;
}

bool JetStream::hand_over(Parcel parcel, std::string reply) {
  const uint64_t sequence = parcel.token;
  if (!handover_.put(std::move(parcel))) return false;
  held_.emplace(sequence, std::move(reply));
  newest_ = std::max(newest_, sequence);
  return true;
}

Result<void> JetStream::acknowledge() {
  if (acknowledging_.empty()) return {};
  for (const uint64_t sequence : acknowledging_) {
    const auto found = held_.find(sequence);
    if (found == held_.end()) continue;
    constexpr std::string_view kAcknowledged = "+ACK";
    if (auto done = checked(natsConnection_Publish(connection_.get(), found->second.c_str(), kAcknowledged.data(),
                                                   static_cast<int>(kAcknowledged.size())));
        !done)
      return done;
  }
  // Answered: the server has them. Else they are sent again.
  if (auto done = checked(natsConnection_FlushTimeout(connection_.get(), kAnswerMs)); !done) return done;
  for (const uint64_t sequence : acknowledging_) held_.erase(sequence);
  handover_.acknowledged(acknowledging_.size());
  acknowledging_.clear();
  return {};
}

}  // namespace ringcast::inlets
