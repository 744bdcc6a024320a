// SPDX-License-Identifier: Apache-2.0
// Topics of Kafka as a source, read by a consumer group, which gives each partition to one node: that is its lease. An
// offset is committed when all messages before it are settled; what is not committed comes again, here or on another
// node. The library's threads fetch into a bounded queue, which is read here without waiting.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "inlets/address.h"
#include "inlets/options.h"
#include "inlets/source.h"
#include "io/unique_fd.h"

namespace ringcast::inlets {

class Kafka final : public Source {
 public:
  explicit Kafka(const InletOptions& options);
  ~Kafka() override;

  void work(Host& host, Time now, bool reads) override;
  void settled(uint64_t token) override;
  void forget() override;
  bool flushed() const override { return client_ == nullptr; }
  void append_waits(std::vector<pollfd>& waits) const override;
  Time due() const override;

 private:
  struct ClientDeleter {
    void operator()(rd_kafka_t* client) const;
  };
  struct QueueDeleter {
    void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  };
  struct MessageDeleter {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  };
  using Message = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;
  struct Place {
    int64_t offset;
    bool settled;
  };
  // Of one that is assigned to us: what is under way, as it came.
  struct Partition {
    uint64_t number;  // nobody else's, not even its own when it is assigned again
    std::string topic;
    int32_t id;
    std::deque<Place> places;
  };
  struct Token {
    uint64_t partition;
    int64_t offset;
  };

  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                           void* self);
  static void on_error(rd_kafka_t* client, int code, const char* why, void* self);
  static int on_statistics(rd_kafka_t* client, char* json, size_t size, void* self);

  [[nodiscard]] Result<void> open();
  void assigned(rd_kafka_topic_partition_list_t* partitions);
  void begin_at_the_end(rd_kafka_topic_partition_list_t* partitions);
  void revoked();
  void read_some(Host& host);
  void take(Host& host, const rd_kafka_message_t& message);
  void refused(const rd_kafka_message_t& message);
  void pause(bool pauses);
  void go_away();
  void report(Host& host);
  Partition* find(const std::string& topic, int32_t id);
  void store(const Partition& partition, int64_t offset);

  const InletOptions options_;
  const Address address_;
  io::UniqueFd wake_;
  std::unique_ptr<rd_kafka_t, ClientDeleter> client_;
  std::unique_ptr<rd_kafka_queue_t, QueueDeleter> queue_, closing_;
  std::map<std::pair<std::string, int32_t>, Partition> partitions_;
  std::unordered_map<uint64_t, std::pair<std::string, int32_t>> names_;  // of the partitions, by number
  std::unordered_map<uint64_t, Token> tokens_;
  uint64_t last_token_ = 0, last_partition_ = 0;
  Message spare_;  // came when there was no room
  bool reads_ = false, paused_ = false, up_ = false, announced_ = false;
  bool refused_ = false;  // a topic or the group: until partitions are assigned
  std::string why_;       // news of what is wrong
  Time full_since_ = kNever, retry_at_{0}, now_{0};
  std::vector<Field> fields_;
};

}  // namespace ringcast::inlets
