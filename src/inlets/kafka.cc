// SPDX-License-Identifier: Apache-2.0
#include "inlets/kafka.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace ringcast::inlets {

namespace {

constexpr Time kPauseAfter = std::chrono::seconds(1);
constexpr Time kOpenPause = std::chrono::seconds(1);
constexpr Time kStep = std::chrono::milliseconds(100);
constexpr int kAskMs = 2000;
// For how long nothing is fetched after the queue was full; older libraries know no other than a second.
constexpr std::string_view kBackoff = "fetch.queue.backoff.ms";
constexpr uint64_t kOne = 1;

void ignore_log(const rd_kafka_t*, int, const char*, const char*) {}

// Whether a member of that name has that value anywhere in the JSON.
bool has_value(std::string_view json, std::string_view name, std::string_view value) {
  for (size_t at = json.find(name); at != std::string_view::npos; at = json.find(name, at + 1)) {
    const size_t begin = json.find_first_not_of(" :", at + name.size());
    if (begin != std::string_view::npos && json.substr(begin).starts_with(value)) return true;
  }
  return false;
}

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

}  // namespace

void Kafka::ClientDeleter::operator()(rd_kafka_t* client) const {
  // Whoever wants to leave the group has done so; this must not wait for that.
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Kafka::Kafka(const InletOptions& options)
    : options_(options),
      address_(*parse_address(options.type, options.url)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Kafka::~Kafka() {
  spare_.reset();
}

Result<void> Kafka::open() {
  rd_kafka_conf_t* settings = rd_kafka_conf_new();
  std::string servers;
  for (const std::string& server : address_.servers) servers += (servers.empty() ? "" : ",") + server;
  const bool login = !address_.user.empty();
  const std::string protocol = address_.tls ? (login ? "SASL_SSL" : "SSL") : (login ? "SASL_PLAINTEXT" : "PLAINTEXT");
  std::string mechanism = options_.sasl.empty() ? "plain" : options_.sasl;
  std::transform(mechanism.begin(), mechanism.end(), mechanism.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  const uint64_t fetch_bytes = std::min<uint64_t>(options_.in_flight_size_max, 1 << 20);
  std::vector<std::pair<std::string, std::string>> rows = {
      {"bootstrap.servers", servers},
      {"client.id", "ringcast-" + options_.name},
      {"group.id", options_.group},
      {"security.protocol", protocol},
      {"auto.offset.reset", options_.from_oldest ? "earliest" : "latest"},
      {"enable.auto.offset.store", "false"},
      {"enable.auto.commit", "true"},
      {"auto.commit.interval.ms", "100"},
      {"session.timeout.ms", "10000"},
      {"heartbeat.interval.ms", "2000"},
      {"reconnect.backoff.max.ms", "2000"},
      {"topic.metadata.refresh.interval.ms", "10000"},
      {"allow.auto.create.topics", "false"},
      {"statistics.interval.ms", "1000"},
      {"fetch.message.max.bytes", std::to_string(fetch_bytes)},
      {std::string(kBackoff), "20"},
      {"queued.max.messages.kbytes", std::to_string(std::max<uint64_t>(1, options_.in_flight_size_max >> 10))},
  };
  if (login) {
    rows.emplace_back("sasl.mechanism", mechanism);
    rows.emplace_back("sasl.username", address_.user);
    rows.emplace_back("sasl.password", address_.password);
  }
  if (!options_.ca_file.empty()) rows.emplace_back("ssl.ca.location", options_.ca_file);
  if (!options_.certificate_file.empty()) {
    rows.emplace_back("ssl.certificate.location", options_.certificate_file);
    rows.emplace_back("ssl.key.location", options_.key_file);
  }
  char why[256] = "";
  for (const auto& [name, value] : rows) {
    const rd_kafka_conf_res_t done = rd_kafka_conf_set(settings, name.c_str(), value.c_str(), why, sizeof why);
    if (done == RD_KAFKA_CONF_OK || (done == RD_KAFKA_CONF_UNKNOWN && name == kBackoff)) continue;
    rd_kafka_conf_destroy(settings);
    return fail("kafka", why);
  }
  rd_kafka_conf_set_opaque(settings, this);
  rd_kafka_conf_set_log_cb(settings, &ignore_log);  // what matters comes by on_error()
  rd_kafka_conf_set_rebalance_cb(settings, &on_rebalance);
  rd_kafka_conf_set_error_cb(settings, &on_error);
  rd_kafka_conf_set_stats_cb(settings, &on_statistics);
  client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, settings, why, sizeof why));
  if (client_ == nullptr) {
    rd_kafka_conf_destroy(settings);
    return fail("kafka", why);
  }
  rd_kafka_poll_set_consumer(client_.get());
  queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  rd_kafka_queue_io_event_enable(queue_.get(), wake_.get(), &kOne, sizeof kOne);
  const List topics(rd_kafka_topic_partition_list_new(static_cast<int>(options_.from.size())));
  for (const std::string& topic : options_.from)
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(client_.get(), topics.get());
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? Result<void>() : fail("kafka", rd_kafka_err2str(error));
}

void Kafka::work(Host& host, Time now, bool reads) {
  now_ = now;
  reads_ = reads;
  uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof count));
  if (client_ == nullptr) {
    if (!reads || now < retry_at_) return;
    if (auto done = open(); !done) {
      client_.reset();
      retry_at_ = now + kOpenPause;
      return host.disconnected(done.error().message);
    }
  }
  if (!reads) {
    go_away();
  } else {
    read_some(host);
  }
  report(host);
}

void Kafka::report(Host& host) {
  if (up_ && !announced_) host.connected();
  if (!up_ && (announced_ || !why_.empty())) host.disconnected(why_.empty() ? "no broker answers" : why_);
  announced_ = up_;
  why_.clear();
}

void Kafka::read_some(Host& host) {
  for (;;) {
    const bool room = host.room() != 0 && host.room_bytes() != 0;
    if (room) {
      full_since_ = kNever;
      if (paused_) pause(false);
      if (spare_ != nullptr) {
        const Message message = std::move(spare_);
        take(host, *message);
        continue;
      }
    } else {
      // The library keeps what it has fetched, and fetches no more. But who does not ask for long is thought dead.
      full_since_ = std::min(full_since_, now_);
      if (now_ - full_since_ < kPauseAfter) return;
      if (!paused_) pause(true);
      if (spare_ != nullptr) return;
    }
    Message message(rd_kafka_consumer_poll(client_.get(), 0));
    if (message == nullptr) return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      refused(*message);
    } else if (room) {
      take(host, *message);
    } else {
      spare_ = std::move(message);
    }
  }
}

void Kafka::pause(bool pauses) {
  paused_ = pauses;
  rd_kafka_topic_partition_list_t* all = nullptr;
  if (rd_kafka_assignment(client_.get(), &all) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const List owned(all);
  static_cast<void>(pauses ? rd_kafka_pause_partitions(client_.get(), all)
                           : rd_kafka_resume_partitions(client_.get(), all));
}

Kafka::Partition* Kafka::find(const std::string& topic, int32_t id) {
  const auto found = partitions_.find({topic, id});
  return found == partitions_.end() ? nullptr : &found->second;
}

void Kafka::take(Host& host, const rd_kafka_message_t& message) {
  const std::string topic = rd_kafka_topic_name(message.rkt);
  Partition* partition = find(topic, message.partition);
  if (partition == nullptr) return;                                                             // it was taken from us
  if (!partition->places.empty() && message.offset <= partition->places.back().offset) return;  // it is under way
  partition->places.push_back({message.offset, false});
  const uint64_t token = ++last_token_;
  tokens_.emplace(token, Token{partition->number, message.offset});
  fields_.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
      fields_.push_back({name, {static_cast<const char*>(value), value == nullptr ? 0 : size}});
  }
  const std::string id = std::to_string(message.partition) + "-" + std::to_string(message.offset);
  rd_kafka_timestamp_type_t kind{};
  const auto text = [](const void* bytes, size_t size) {
    return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
  };
  host.take({.token = token,
             .channel = topic,
             .id = id,
             .stored_at = std::max<int64_t>(0, rd_kafka_message_timestamp(&message, &kind)),
             .key = text(message.key, message.key_len),
             .body = text(message.payload, message.len),
             .fields = fields_});
}

void Kafka::refused(const rd_kafka_message_t& message) {
  why_ = rd_kafka_message_errstr(&message);
  if (message.rkt != nullptr && why_.find(rd_kafka_topic_name(message.rkt)) == std::string::npos)
    why_ = std::string(rd_kafka_topic_name(message.rkt)) + ": " + why_;
  up_ = false;
  refused_ = refused_ || message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
             message.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
             message.err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

void Kafka::settled(uint64_t token) {
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return;
  const Token what = found->second;
  tokens_.erase(found);
  const auto name = names_.find(what.partition);
  if (name == names_.end()) return;  // another node has it now, or we again
  Partition& partition = partitions_.at(name->second);
  auto& places = partition.places;
  const auto place = std::lower_bound(places.begin(), places.end(), what.offset,
                                      [](const Place& each, int64_t offset) { return each.offset < offset; });
  place->settled = true;
  int64_t next = -1;
  for (; !places.empty() && places.front().settled; places.pop_front()) next = places.front().offset + 1;
  if (next >= 0) store(partition, next);
}

// The library commits it soon, and before another node gets the partition.
void Kafka::store(const Partition& partition, int64_t offset) {
  const List list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.id)->offset = offset;
  static_cast<void>(rd_kafka_offsets_store(client_.get(), list.get()));
}

void Kafka::forget() {
  tokens_.clear();
}

void Kafka::on_error(rd_kafka_t*, int code, const char* why, void* self) {
  auto& kafka = *static_cast<Kafka*>(self);
  kafka.why_ = why;
  // Others mean one broker, or are tried again.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__AUTHENTICATION) kafka.up_ = false;
}

// Whether a broker answers and the group is in order: the library has no call for that.
int Kafka::on_statistics(rd_kafka_t*, char* json, size_t size, void* self) {
  auto& kafka = *static_cast<Kafka*>(self);
  const std::string_view text(json, size);
  const bool answers = has_value(text, "\"state\"", "\"UP\"");
  if (!answers) kafka.up_ = false;
  if (answers && has_value(text, "\"join_state\"", "\"steady\"") && !kafka.refused_) kafka.up_ = true;
  return 0;
}

void Kafka::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                         void* self) {
  auto& kafka = *static_cast<Kafka*>(self);
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    kafka.assigned(partitions);
  } else {
    // What is stored is committed with it.
    kafka.revoked();
    rd_kafka_assign(client, nullptr);
  }
}

void Kafka::assigned(rd_kafka_topic_partition_list_t* partitions) {
  for (int i = 0; i < partitions->cnt; ++i) {
    const std::pair<std::string, int32_t> name(partitions->elems[i].topic, partitions->elems[i].partition);
    names_.emplace(++last_partition_, name);
    partitions_.insert_or_assign(name, Partition{last_partition_, name.first, name.second, {}});
  }
  if (!options_.from_oldest) begin_at_the_end(partitions);
  rd_kafka_assign(client_.get(), partitions);
  for (int i = 0; i < partitions->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = partitions->elems[i];
    if (each.offset >= 0) store(*find(each.topic, each.partition), each.offset);
  }
  paused_ = false;
  if (partitions->cnt != 0) refused_ = false;
  if (!refused_) up_ = true;
}

// Where a group begins is committed at once, so that a node that ends before its first message loses none. Waits, which
// only a group's first node does.
void Kafka::begin_at_the_end(rd_kafka_topic_partition_list_t* partitions) {
  const List known(rd_kafka_topic_partition_list_copy(partitions));
  if (rd_kafka_committed(client_.get(), known.get(), kAskMs) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  for (int i = 0; i < known->cnt; ++i) {
    if (known->elems[i].offset >= 0 || known->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    int64_t oldest = 0, end = 0;
    if (rd_kafka_query_watermark_offsets(client_.get(), known->elems[i].topic, known->elems[i].partition, &oldest, &end,
                                         kAskMs) == RD_KAFKA_RESP_ERR_NO_ERROR)
      partitions->elems[i].offset = end;
  }
}

void Kafka::revoked() {
  partitions_.clear();
  names_.clear();
  spare_.reset();
  full_since_ = kNever;
}

// Step by step: leaving the group takes an answer or two.
void Kafka::go_away() {
  if (closing_ == nullptr) {
    if (!tokens_.empty()) return;  // first what is under way
    spare_.reset();
    closing_.reset(rd_kafka_queue_new(client_.get()));
    rd_kafka_queue_io_event_enable(closing_.get(), wake_.get(), &kOne, sizeof kOne);
    rd_kafka_error_t* error = rd_kafka_consumer_close_queue(client_.get(), closing_.get());
    if (error != nullptr) rd_kafka_error_destroy(error);
  }
  // What was fetched and not begun is nobody's; between such messages come the calls back that leaving needs.
  while (const Message message{rd_kafka_consume_queue(closing_.get(), 0)}) {
  }
  if (rd_kafka_consumer_closed(client_.get()) == 0) return;
  partitions_.clear();
  names_.clear();
  closing_.reset();
  queue_.reset();
  client_.reset();
  up_ = false;
  why_ = "nothing is read for now";
}

void Kafka::append_waits(std::vector<pollfd>& waits) const {
  if (client_ != nullptr) waits.push_back({wake_.get(), POLLIN, 0});
}

Time Kafka::due() const {
  if (client_ == nullptr) return reads_ ? retry_at_ : kNever;
  return now_ + (!reads_ || full_since_ != kNever ? kStep : kPauseAfter);
}

}  // namespace ringcast::inlets
