// SPDX-License-Identifier: Apache-2.0
#include "hub_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace ringcast::hub {

void TestEncoder::canonical(const MessageView& message, std::string& out) {
  out += '<' + std::to_string(message.id) + ':' + std::string(message.payload) + '>';
}

void TestEncoder::presence(const PresenceView& event, std::string& out) {
  static constexpr const char* kNames[] = {"joined", "left", "status"};
  static constexpr const char* kStatus[] = {"", " away", " busy"};
  out += '(' + std::string(kNames[static_cast<size_t>(event.kind)]) + ' ' + std::string(event.user) +
         kStatus[static_cast<size_t>(event.status)] + ')';
  members.push_back(event.members);
}

bool TestEncoder::compressed(std::string_view canonical, std::string& out) {
  if (canonical.size() < 12) return false;
  out += 'z' + std::string(canonical);
  return true;
}

Derived TestEncoder::derive(FormId, std::string_view canonical, uint64_t, std::string&) {
  return {Derived::Kind::part, 0, static_cast<uint32_t>(canonical.size()), 1};
}

std::string& TestSink::got(uint32_t slot) {
  if (got_.size() <= slot) got_.resize(slot + 1);
  return got_[slot];
}

void TestSink::deliver(const Delivery& delivery) {
  handed += delivery.members.size();
  if (!records) return;
  for (const uint32_t slot : delivery.members) {
    for (const RunPiece& piece : delivery.pieces) got(slot) += piece.slice.view();
    for (const RunEntry& entry : delivery.entries) got(slot) += entry.canonical.view();
  }
}

void TestSink::joined(ConnectionId connection, const Joined& joined) {
  std::string& text = got(connection.slot);
  if (joined.error != JoinError::none) {
    text += "{refused}";
  } else {
    text += "{joined" + std::string(joined.recovered ? "" : " gap") + (joined.reset ? " reset" : "") +
            (joined.ended ? " ended" : "") + '}';
  }
  joins.push_back(joined);
  joins.back().key = {};
}

void TestSink::replay(ConnectionId connection, std::string_view, std::span<const Slice> canonical, uint64_t first_id,
                      uint32_t count, uint64_t gap_oldest, bool more) {
  std::string& text = got(connection.slot);
  if (gap_oldest != 0) text += "{gap " + std::to_string(gap_oldest) + '}';
  const size_t before = text.size();
  for (const Slice& slice : canonical) text += slice.view();
  if (count != 0) {
    EXPECT_EQ(text.substr(before, 1 + std::to_string(first_id).size()), '<' + std::to_string(first_id));
  }
  EXPECT_EQ(std::count(text.begin() + static_cast<std::ptrdiff_t>(before), text.end(), '<'), count);
  if (more) hub_->replay_next(connection);
}

void TestSink::left(ConnectionId connection, std::string_view, LeftReason reason) {
  static constexpr const char* kNames[] = {"{left}", "{final}", "{kicked out}", "{closed}"};
  got(connection.slot) += kNames[static_cast<size_t>(reason)];
}

bool TestSink::send_canonical(ConnectionId connection, std::string_view canonical) {
  got(connection.slot) += canonical;
  return true;
}

class Cluster::TestPost final : public Post {
 public:
  TestPost(Cluster& cluster, uint16_t own) : cluster_(cluster), own_(own) {}
  void send(uint16_t to, const reactor::Mail& mail) override {
    Pair& pair = cluster_.pair(own_, to);
    ++pair.enqueued;
    reactor::Mail stamped = mail;
    stamped.from = own_;
    const bool full = to != own_ && pair.ring.size() >= cluster_.options_.ring_slots;
    (full || !pair.overflow.empty() ? pair.overflow : pair.ring).push_back(stamped);
    cluster_.overflow_peak_ = std::max<uint64_t>(cluster_.overflow_peak_, pair.overflow.size());
  }
  uint64_t enqueued(uint16_t to) const override { return cluster_.pair(own_, to).enqueued; }
  uint64_t past_overflow(uint16_t to) const override {
    const Pair& pair = cluster_.pair(own_, to);
    return pair.enqueued - pair.overflow.size();
  }

 private:
  Cluster& cluster_;
  uint16_t own_;
};

struct Cluster::Core {
  Core(Cluster& cluster, const HubOptions& options)
      : post(cluster, options.core), hub(std::make_unique<Hub>(options, post, cluster.encoder_, sink)) {
    sink.attach(*hub);
  }
  TestPost post;
  TestSink sink;
  std::unique_ptr<Hub> hub;
  bool paused = false;
};

Cluster::Cluster(const Options& options) : options_(options), pairs_(size_t{options.cores} * options.cores) {
  policies_.set_default(options.rooms);
  policies_.set_inbox(options.inbox);
  clock_.refresh();
  for (uint16_t core = 0; core < options.cores; ++core) {
    HubOptions hub = options.hub;
    hub.core = core;
    hub.cores = options.cores;
    hub.key[0] = 1;
    hub.key[1] = 2;
    hub.policies = &policies_;
    hub.clock = &clock_;
    cores_.push_back(std::make_unique<Core>(*this, hub));
  }
}

Cluster::~Cluster() {
  for (Pair& pair : pairs_) {
    for (const auto* queue : {&pair.ring, &pair.overflow}) {
      for (const reactor::Mail& mail : *queue) {
        if (mail.block != nullptr) mail.block->release();
      }
    }
  }
}

Hub& Cluster::hub(uint16_t core) {
  return *cores_[core]->hub;
}
TestSink& Cluster::sink(uint16_t core) {
  return cores_[core]->sink;
}
void Cluster::pause(uint16_t core, bool paused) {
  cores_[core]->paused = paused;
}

void Cluster::join(uint16_t core, uint32_t slot, std::string_view key, std::string_view user) {
  std::vector<std::string>& users = sink(core).users;
  if (users.size() <= slot) users.resize(slot + 1);
  users[slot] = user;
  EXPECT_TRUE(hub(core).join({.connection = {slot, 1}, .key = key, .user = user}));
}

void Cluster::join_after(uint16_t core, uint32_t slot, std::string_view key, uint64_t cursor) {
  EXPECT_TRUE(hub(core).join({.connection = {slot, 1}, .key = key, .has_cursor = true, .cursor = cursor}));
}

PublishResult Cluster::publish(uint16_t core, std::string_view key, std::string_view payload) {
  return publish(core, {.key = key, .payload = payload});
}

PublishResult Cluster::publish(uint16_t core, Publish message) {
  message.acknowledge = true;
  return hub(core).publish(message);
}

const Answer& Cluster::ask(uint16_t core, Query query) {
  const size_t before = sink(core).answers.size();
  hub(core).query(query);
  run();
  EXPECT_EQ(sink(core).answers.size(), before + 1);
  return sink(core).answers.back();
}

void Cluster::turn(uint16_t core) {
  for (uint16_t from = 0; from < options_.cores; ++from) {
    std::deque<reactor::Mail> arrived = std::exchange(pair(from, core).ring, {});
    for (const reactor::Mail& mail : arrived) hub(core).on_mail(mail);
  }
  hub(core).on_tick();
}

void Cluster::tick(uint16_t core) {
  do {
    turn(core);
  } while (!pair(core, core).ring.empty());
  hub(core).go_on();
}

bool Cluster::refill() {
  bool moved = false;
  for (Pair& pair : pairs_) {
    while (!pair.overflow.empty() && pair.ring.size() < options_.ring_slots) {
      pair.ring.push_back(pair.overflow.front());
      pair.overflow.pop_front();
      moved = true;
    }
  }
  return moved;
}

void Cluster::run() {
  for (int turn = 0; turn < 10'000; ++turn) {
    bool busy = refill();
    for (uint16_t core = 0; core < options_.cores; ++core) {
      if (cores_[core]->paused) continue;
      for (uint16_t from = 0; from < options_.cores; ++from) busy |= !pair(from, core).ring.empty();
      tick(core);
    }
    if (!busy) {
      for (const auto& core : cores_) core->hub->check();
      return;
    }
  }
  FAIL() << "the cores never come to rest";
}

void Cluster::wait(std::chrono::milliseconds time) {
  clock_.advance_ns(std::chrono::nanoseconds(time).count());
  clock_.refresh();
}

void Cluster::advance(std::chrono::milliseconds time) {
  wait(time);
  for (const auto& core : cores_) core->hub->sweep();
  run();
}

std::string Cluster::take(uint16_t core, uint32_t slot) {
  return std::exchange(sink(core).got(slot), {});
}

std::string Cluster::room_at(uint16_t core) {
  for (int i = 0;; ++i) {
    std::string key = channel_key("", "room" + std::to_string(i));
    if (hub(0).owner_of(key) == core) return key;
  }
}

}  // namespace ringcast::hub
