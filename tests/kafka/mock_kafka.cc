// SPDX-License-Identifier: Apache-2.0
// A cluster of Kafka as librdkafka plays it, with a producer. Its first line is its address. Then each line of its
// input is a command, words between tabs, and is answered by a line:
//
//   topic NAME PARTITIONS                           ok
//   produce TOPIC PARTITION KEY BODY [NAME VALUE]   ok; queued, with a header
//   flush                                           ok; all of them are there
//   down | up                                       ok; whether connections are accepted; "down" ends those that there
//   are committed GROUP TOPIC PARTITION                 an offset; negative: none
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int kWaitMs = 30000;

void ignore_log(const rd_kafka_t*, int, const char*, const char*) {}

rd_kafka_t* make(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings) {
  char why[256] = "";
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, &ignore_log);
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) break;
  }
  rd_kafka_t* client = why[0] == '\0' ? rd_kafka_new(type, conf, why, sizeof why) : nullptr;
  if (client == nullptr) {
    std::fprintf(stderr, "mock_kafka: %s\n", why);
    std::exit(1);
  }
  return client;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c == '\t') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

std::string produce(rd_kafka_t* producer, const std::vector<std::string>& words) {
  std::vector<rd_kafka_vu_t> parts(5);
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = words[1].c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[1].u.i32 = std::atoi(words[2].c_str());
  parts[2].vtype = RD_KAFKA_VTYPE_KEY;
  parts[2].u.mem.ptr = const_cast<char*>(words[3].data());
  parts[2].u.mem.size = words[3].size();
  parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[3].u.mem.ptr = const_cast<char*>(words[4].data());
  parts[3].u.mem.size = words[4].size();
  parts[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[4].u.i = RD_KAFKA_MSG_F_COPY;
  if (words.size() > 6) {
    rd_kafka_vu_t header{};
    header.vtype = RD_KAFKA_VTYPE_HEADER;
    header.u.header.name = words[5].c_str();
    header.u.header.val = words[6].data();
    header.u.header.size = static_cast<ssize_t>(words[6].size());
    parts.push_back(header);
  }
  rd_kafka_error_t* error = rd_kafka_produceva(producer, parts.data(), parts.size());
  const std::string answer = error == nullptr ? "ok" : rd_kafka_error_string(error);
  if (error != nullptr) rd_kafka_error_destroy(error);
  rd_kafka_poll(producer, 0);
  return answer;
}

std::string committed(const std::string& address, const std::vector<std::string>& words) {
  rd_kafka_t* client = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", address}, {"group.id", words[1]}});
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, words[2].c_str(), std::atoi(words[3].c_str()));
  const rd_kafka_resp_err_t error = rd_kafka_committed(client, list, kWaitMs);
  std::string out =
      error == RD_KAFKA_RESP_ERR_NO_ERROR ? std::to_string(list->elems[0].offset) : rd_kafka_err2str(error);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(client);
  return out;
}

}  // namespace

int main() {
  rd_kafka_t* owner = make(RD_KAFKA_PRODUCER, {});
  rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(owner, 1);
  const std::string address = rd_kafka_mock_cluster_bootstraps(cluster);
  rd_kafka_t* producer = make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", address},
                                                  {"enable.idempotence", "true"},
                                                  {"queue.buffering.max.messages", "1000000"},
                                                  {"linger.ms", "1"}});
  std::cout << address << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> words = words_of(line);
    std::string answer = "ok";
    if (words[0] == "topic" && words.size() == 3) {
      rd_kafka_mock_topic_create(cluster, words[1].c_str(), std::atoi(words[2].c_str()), 1);
    } else if (words[0] == "produce" && words.size() >= 5) {
      answer = produce(producer, words);
    } else if (words[0] == "flush") {
      answer = rd_kafka_flush(producer, kWaitMs) == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok" : "not all";
    } else if (words[0] == "down" || words[0] == "up") {
      if (words[0] == "down") {
        rd_kafka_mock_broker_set_down(cluster, 1);
      } else {
        rd_kafka_mock_broker_set_up(cluster, 1);
      }
    } else if (words[0] == "committed" && words.size() == 4) {
      answer = committed(address, words);
    } else {
      answer = "unknown command";
    }
    std::cout << answer << std::endl;
  }
  rd_kafka_destroy(producer);
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(owner);
}
