// SPDX-License-Identifier: Apache-2.0
// Nodes of a cluster over a model of Redis with faults, everything drawn from a seed. What must hold: an id of a
// channel means one message for ever; each node gets a channel's messages in order, without a hole and none twice;
// when all is well again each node has everything, without a further message; a gap is there only where Redis lost
// something; and each node then knows who is in a channel at the others, and what any of them has revoked.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/log.h"
#include "node.h"

namespace ringcast::simulation {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int kSteps = 700;
constexpr int kQuietSteps = 4000;

class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed), redis_([this](auto channel, auto id, auto record) { ordered(channel, id, record); }) {
    // Faults of which kinds there are.
    loses_ = random_.percent(50);
    cuts_ = random_.percent(70);
    stands_still_ = random_.percent(40);
    purges_ = random_.percent(20);
    freezes_ = random_.percent(50);
    hub::RoomPolicy policy;
    short_ = random_.percent(25);
    if (short_) policy.history_messages = static_cast<uint32_t>(random_.below(6));
    policies_.set_default(policy);
    redis_.set_time(wall_us_);
    for (uint16_t n = 0; n < 3; ++n) {
      nodes_.push_back(std::make_unique<Node>(n, seed, redis_, random_, policies_, verdict_, ledger_));
    }
  }

  Verdict run() {
    for (int step = 0; step < kSteps && verdict_.fine(); ++step) {
      advance(static_cast<int64_t>(random_.below(60)) * kMs);
      // Faults begin when ids of the clock lie behind that of a replica.
      if (step > 300 && random_.percent(4)) fault();
      if (random_.percent(20)) redis_.replicate();
      act();
      move(false);
    }
    heal();
    return verdict_;
  }

 private:
  void ordered(std::string_view key, uint64_t id, std::string_view record) {
    const std::string channel(hub::name_of(key));
    const std::string content = content_of(record);
    const auto [at, is_new] = ledger_[channel].emplace(id, content);
    if (!is_new && at->second != content)
      verdict_.broken("reused", channel + ": " + std::to_string(id) + " is given to " + at->second + " and " + content);
  }

  void advance(int64_t ns) {
    wall_us_ += static_cast<uint64_t>(ns / 1000);
    redis_.set_time(wall_us_);
    for (const auto& node : nodes_) node->advance(ns);
    if (still_ms_ > 0) {
      still_ms_ -= ns / kMs;
      if (still_ms_ <= 0) redis_.answers = true;
      lost_at_us_ = wall_us_;
    }
  }

  void move(bool all) {
    for (const auto& node : nodes_) {
      if (all || random_.percent(80)) node->network().carry(all);
      if (all || random_.percent(80)) node->tick();
    }
  }

  std::string channel() { return "r" + std::to_string(random_.below(4)); }

  void act() {
    Node& node = *nodes_[random_.below(nodes_.size())];
    const std::string name = channel();
    if (node.frozen()) return;
    if (random_.percent(10)) {
      if (!node.wants(name)) {
        node.open(name);
      } else if (node.is_open(name) && random_.percent(30)) {
        node.close(name);
      }
    }
    if (purges_ && random_.percent(2)) node.purge(name);
    if (node.wants(name) && node.is_open(name) && random_.percent(30)) {
      const std::string user = "u" + std::to_string(random_.below(5));
      node.attend(name, user, node.here(name).contains(user) && random_.percent(60) ? -1 : 1);
    }
    if (random_.percent(3)) {
      revoked_.insert("i" + std::to_string(revoked_.size()));
      node.revoke("i" + std::to_string(revoked_.size() - 1));
    }
    for (uint64_t n = random_.below(3); n != 0; --n) {
      said_.push_back({channel(), "m" + std::to_string(said_.size())});
      nodes_[random_.below(nodes_.size())]->publish(said_.back());
    }
  }

  void fault() {
    switch (random_.below(6)) {
      case 5:
        if (freezes_) {
          nodes_[random_.below(nodes_.size())]->freeze(static_cast<int64_t>(random_.between(1000, 40'000)) * kMs);
        }
        return;
      case 0:
      case 1:
        if (cuts_) nodes_[random_.below(nodes_.size())]->network().cut(random_);
        return;
      case 2:
        if (!stands_still_) return;
        redis_.answers = false;
        still_ms_ = static_cast<int64_t>(random_.between(100, 12'000));
        return;
      case 3:
        if (!loses()) return;
        return redis_.fail_over();
      default:
        if (!loses()) return;
        return random_.percent(50) ? redis_.flush() : redis_.restart_empty();
    }
  }

  // No faster than a replica can be found dead, and not while old commands wait: the clocks that ids come from have
  // gone on by then.
  bool loses() {
    if (!loses_ || wall_us_ < lost_at_us_ + 5'000'000) return false;
    lost_ = true;
    lost_at_us_ = wall_us_;
    return true;
  }

  // All is well: everybody gets everything, and nobody publishes any more.
  void heal() {
    redis_.answers = true;
    still_ms_ = 0;
    for (const auto& node : nodes_) node->freeze(0);
    if (!verdict_.fine()) return;
    if (lost_) {
      // Who has missed nothing hears of a break with the next message.
      for (int n = 0; n < 4; ++n) {
        said_.push_back({"r" + std::to_string(n), "last" + std::to_string(n)});
        last_words_ = true;
      }
    }
    for (int step = 0; step < kQuietSteps; ++step) {
      if (last_words_ && step == 200) {
        for (size_t n = said_.size() - 4; n < said_.size(); ++n) nodes_[0]->publish(said_[n]);
      }
      advance(50 * kMs);
      move(true);
      if (!verdict_.fine()) return;
      if (step > 250 && step % 50 == 0 && complete(nullptr)) break;
    }
    std::string why;
    if (!complete(&why)) return verdict_.broken("incomplete", why);
    if (!lost_ && !short_ && !purges_) {
      for (const auto& node : nodes_) {
        if (node->gaps() != 0) verdict_.broken("gap", "nothing was lost, and there is a gap");
      }
    }
    for (const Said& said : said_) {
      if (said.error == hub::PublishError::none && ledger_[said.channel].at(said.id) != said.content)
        verdict_.broken("settled", said.content + " has not the id that was said");
    }
  }

  bool complete(std::string* why) {
    const auto no = [&](const std::string& text) {
      if (why != nullptr) *why = text;
      return false;
    };
    for (const Said& said : said_) {
      if (!said.settled) return no(said.content + " has no outcome");
    }
    for (const auto& node : nodes_) {
      if (!node->stats().up) return no("a node has no connection");
      if (!node->complete() || node->revoked() != revoked_) {
        return no("a node knows " + std::to_string(node->revoked().size()) + " of " + std::to_string(revoked_.size()) +
                  " revocations");
      }
      if (node->unanswered() != 0) return no("a revocation has no outcome");
      for (int n = 0; n < 4; ++n) {
        const std::string name = "r" + std::to_string(n);
        if (!node->wants(name)) continue;
        if (!node->is_open(name)) return no(name + " is not open");
        const uint64_t position = redis_.position(node->key_of(name));
        if (position != 0 && node->position(name) != position)
          return no(name + ": a node is at " + std::to_string(node->position(name)) + ", Redis at " +
                    std::to_string(position));
        Node::Users there;
        uint32_t live = 0;
        for (const auto& other : nodes_) {
          if (other == node || !other->wants(name)) continue;
          for (const auto& [user, connections] : other->here(name)) there[user] += connections;
          live += other->live_here(name);
        }
        const auto list = [](const Node::Users& users) {
          std::string out;
          for (const auto& [user, connections] : users) out += ' ' + user + '*' + std::to_string(connections);
          return out;
        };
        if (node->there(name) != there || node->live_there(name) != live) {
          return no(name + ": a node has" + list(node->there(name)) + ", " + std::to_string(node->live_there(name)) +
                    ", and there are" + list(there) + ", " + std::to_string(live) +
                    "; Redis:" + redis_.who(node->key_of(name)));
        }
      }
    }
    return true;
  }

  Random random_;
  Verdict verdict_;
  std::map<std::string, std::map<uint64_t, std::string>> ledger_;
  RedisModel redis_;
  hub::RoomPolicies policies_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<Said> said_;
  std::set<std::string> revoked_;
  uint64_t wall_us_ = 1'700'000'000'000'000;
  uint64_t lost_at_us_ = 0;
  int64_t still_ms_ = 0;
  bool last_words_ = false;
  bool loses_ = false, cuts_ = false, stands_still_ = false, short_ = false, purges_ = false, freezes_ = false,
       lost_ = false;
};

}  // namespace
}  // namespace ringcast::simulation

int main(int argc, char** argv) {
  uint64_t first = 1, seeds = 1000;
  std::string expected;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) first = std::strtoull(argv[i + 1], nullptr, 10), seeds = 1;
    if (std::strcmp(argv[i], "--first") == 0) first = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seeds") == 0) seeds = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--expect") == 0) expected = argv[i + 1];
  }
  const ringcast::LogService log({.level = ringcast::LogLevel::off});
  uint64_t broken = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const ringcast::simulation::Verdict verdict = ringcast::simulation::World(seed).run();
    if (verdict.fine()) continue;
    ++broken;
    const bool is_expected = expected.find(verdict.kind) != std::string::npos && !expected.empty();
    std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed), verdict.kind.c_str(),
                verdict.what.c_str());
    if (is_expected) return 0;
    if (broken == 5) break;
  }
  std::printf("%llu of %llu seeds broke an invariant\n", static_cast<unsigned long long>(broken),
              static_cast<unsigned long long>(seeds));
  return expected.empty() ? broken != 0 : 1;
}
