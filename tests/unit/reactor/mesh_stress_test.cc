// SPDX-License-Identifier: Apache-2.0
// Members on threads of their own that sleep for real; made for ThreadSanitizer. A lost wake-up shows as a hang.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "reactor/mesh.h"
#include "reactor/mesh_producer.h"

namespace ringcast::reactor {
namespace {

// The fewest mails that make every path run, times a factor where the build is fast.
#ifdef RINGCAST_THREAD_SANITIZER
constexpr uint64_t kFactor = 1;
#else
constexpr uint64_t kFactor = 10;
#endif

MeshOptions tiny_rings(uint16_t members) {
  MeshOptions options;
  options.members = members;
  options.ring_slots = 8;
  options.producer_ring_slots = 8;
  options.producers_max = 8;
  return options;
}

void wait_until_woken(Mailboxes& boxes, const io::WakeTarget& target) {
  if (boxes.prepare_sleep()) {
    pollfd entry{target.fd(), POLLIN, 0};
    poll(&entry, 1, -1);
  }
  boxes.finish_sleep();
  uint64_t count = 0;
  pollfd entry{target.fd(), POLLIN, 0};
  if (poll(&entry, 1, 0) == 1) {
    EXPECT_EQ(read(target.fd(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
  }
}

// A member that sends so and so many numbered mails to each of the others and checks the numbers of theirs.
class Member {
 public:
  Member(Mesh& mesh, MemberId own, std::vector<uint64_t> quota, std::vector<uint64_t> due)
      : mesh_(mesh), boxes_(mesh, own), quota_(std::move(quota)), due_(std::move(due)), random_(own + 1u) {
    sent_.resize(quota_.size());
    received_.resize(due_.size());
  }

  Mailboxes& boxes() { return boxes_; }
  bool in_order() const { return in_order_; }
  const std::vector<uint64_t>& received() const { return received_; }
  bool received_all() const { return received_ == due_; }
  bool sent_all() const { return sent_ == quota_; }

  void drain() {
    boxes_.drain([this](const Mail& mail) { in_order_ &= mail.id == received_[mail.from]++; });
  }

  // A burst to a random member that is still to get some; false when there is none.
  bool send_burst() {
    const auto begin = static_cast<MemberId>(random_() % quota_.size());
    for (size_t i = 0; i < quota_.size(); ++i) {
      const auto to = static_cast<MemberId>((begin + i) % quota_.size());
      uint64_t burst = std::min<uint64_t>(1 + random_() % 20, quota_[to] - sent_[to]);
      if (burst == 0) continue;
      for (; burst > 0; --burst) {
        Mail mail;
        mail.id = sent_[to]++;
        boxes_.send(to, mail);
      }
      return true;
    }
    return false;
  }

  void sleep() { wait_until_woken(boxes_, mesh_.wake_target(boxes_.own())); }

  // Until `done`; sleeps when there is nothing to send or a lot of it in overflow.
  template <class Done>
  void run(Done done) {
    for (;;) {
      drain();
      bool sending = false;
      if (boxes_.stats().overflow_depth < 64) sending = send_burst();
      boxes_.publish();
      if (done()) return;
      if (!sending) sleep();
    }
  }

 private:
  Mesh& mesh_;
  Mailboxes boxes_;
  const std::vector<uint64_t> quota_;
  const std::vector<uint64_t> due_;
  std::vector<uint64_t> sent_;
  std::vector<uint64_t> received_;
  std::mt19937 random_;
  bool in_order_ = true;
};

TEST(MeshStress, FourMembersAllToAll) {
  constexpr uint16_t kMembers = 4;
  constexpr uint64_t kMails = 3000 * kFactor;
  auto mesh = std::move(*Mesh::create(tiny_rings(kMembers)));
  std::vector<std::unique_ptr<Member>> members;
  for (MemberId own = 0; own < kMembers; ++own) {
    members.push_back(std::make_unique<Member>(*mesh, own, std::vector<uint64_t>(kMembers, kMails),
                                               std::vector<uint64_t>(kMembers, kMails)));
  }
  std::vector<std::thread> threads;
  for (auto& member : members) {
    threads.emplace_back([&member = *member] {
      member.run(
          [&] { return member.received_all() && member.sent_all() && member.boxes().stats().overflow_depth == 0; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t wakeups = 0;
  for (auto& member : members) {
    EXPECT_TRUE(member->in_order());
    EXPECT_TRUE(member->received_all());
    EXPECT_EQ(member->boxes().mailbox_depth(), 0u);
    EXPECT_GT(member->boxes().stats().overflowed, 0u);
    EXPECT_EQ(member->boxes().stats().sent, kMembers * kMails);
    EXPECT_EQ(member->boxes().stats().received, kMembers * kMails);
    for (MemberId to = 0; to < kMembers; ++to) EXPECT_EQ(member->boxes().delivered_total(to), kMails);
    wakeups += member->boxes().stats().wakeups;
  }
  EXPECT_GT(wakeups, 0u);
}

// Member 3 takes nothing while every ring to it fills up; then it resumes.
TEST(MeshStress, APausedMemberHoldsNobodyUp) {
  constexpr uint16_t kMembers = 4;
  constexpr MemberId kPaused = 3;
  constexpr uint64_t kMails = 1000;
  auto mesh = std::move(*Mesh::create(tiny_rings(kMembers)));
  std::vector<std::unique_ptr<Member>> members;
  for (MemberId own = 0; own < kMembers; ++own) {
    std::vector<uint64_t> quota(kMembers, own == kPaused ? 0 : kMails);
    std::vector<uint64_t> due(kMembers, kMails);
    due[kPaused] = 0;
    members.push_back(std::make_unique<Member>(*mesh, own, quota, due));
  }
  std::atomic<int> running{kMembers - 1};
  std::vector<std::thread> threads;
  for (MemberId own = 0; own < kPaused; ++own) {
    threads.emplace_back([&, &member = *members[own]] {
      // Everything from those that run arrives, whatever waits for the one that does not.
      for (;;) {
        member.drain();
        member.send_burst();
        member.boxes().publish();
        if (!member.sent_all()) continue;
        if (member.received_all() && member.boxes().stats().overflow_depth == kMails - 8) break;
        member.sleep();
      }
      EXPECT_EQ(member.boxes().overflow_depth(kPaused), kMails - 8);
      EXPECT_EQ(member.boxes().delivered_total(kPaused), 8u);
      running.fetch_sub(1);
      running.notify_one();
      member.run([&] { return member.boxes().stats().overflow_depth == 0; });
    });
  }
  for (int left; (left = running.load()) != 0;) running.wait(left);
  Member& paused = *members[kPaused];
  EXPECT_EQ(paused.boxes().mailbox_depth(), 8u * kPaused);
  paused.run([&] { return paused.received()[0] + paused.received()[1] + paused.received()[2] == 3 * kMails; });
  for (std::thread& thread : threads) thread.join();
  for (auto& member : members) EXPECT_TRUE(member->in_order());
}

// Foreign threads come and go, block for room and credit, and reuse each other's slots.
TEST(MeshStress, ForeignThreadsBlockAndAreServed) {
  constexpr uint16_t kCores = 2;
  constexpr int kForeign = 3;
  constexpr int kRounds = 10;
  constexpr uint64_t kMails = 40 * kFactor;  // per round and core
  MeshOptions options = tiny_rings(kCores);
  options.producer_publishes_max = 6;
  options.producer_bytes_max = 300;
  auto mesh = std::move(*Mesh::create(options));
  std::atomic<bool> in_order{true};
  std::vector<std::thread> cores;
  for (MemberId own = 0; own < kCores; ++own) {
    cores.emplace_back([&, own] {
      Mailboxes boxes(*mesh, own);
      std::vector<uint64_t> next(kForeign * kRounds);
      uint64_t left = kForeign * kRounds * kMails;
      while (left != 0) {
        left -= boxes.drain([&](const Mail& mail) {
          if (mail.id != next[mail.connection]++) in_order.store(false);
          boxes.return_credit(mail.from, 1, mail.length);
        });
        boxes.publish();
        if (left != 0) wait_until_woken(boxes, mesh->wake_target(own));
      }
    });
  }
  std::vector<std::thread> foreign;
  std::atomic<uint64_t> sent{0};
  for (int thread = 0; thread < kForeign; ++thread) {
    foreign.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        Result<Producer> producer = mesh->attach_producer();
        // More slots than threads, but those left behind may still have mail under way.
        for (; !producer; producer = mesh->attach_producer()) std::this_thread::yield();
        for (uint64_t id = 0; id < kMails; ++id) {
          for (MemberId to = 0; to < kCores; ++to) {
            Mail mail;
            mail.id = id;
            mail.connection = static_cast<uint32_t>(thread * kRounds + round);
            mail.length = static_cast<uint32_t>(id % 100);
            if (producer->send(to, mail, mail.length) == SendResult::sent) sent.fetch_add(1, std::memory_order_relaxed);
          }
        }
      }
    });
  }
  for (std::thread& thread : foreign) thread.join();
  for (std::thread& thread : cores) thread.join();
  EXPECT_TRUE(in_order.load());
  EXPECT_EQ(sent.load(), kCores * kForeign * kRounds * kMails);
}

}  // namespace
}  // namespace ringcast::reactor
