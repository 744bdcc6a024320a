// SPDX-License-Identifier: Apache-2.0
#include "reactor/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "reactor/mesh_producer.h"

namespace ringcast::reactor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A mesh whose members all live on the test's thread; wake-ups are only noted.
class TestMesh {
 public:
  explicit TestMesh(MeshOptions options) {
    options.wake_hook = {
        [](void* self, MemberId member) noexcept { static_cast<TestMesh*>(self)->woken_.push_back(member); }, this};
    mesh_ = std::move(*Mesh::create(options));
    for (MemberId member = 0; member < options.members; ++member) {
      boxes_.push_back(std::make_unique<Mailboxes>(*mesh_, member));
    }
  }

  Mesh& mesh() { return *mesh_; }
  Mailboxes& operator[](size_t member) { return *boxes_[member]; }
  std::vector<MemberId> take_woken() { return std::exchange(woken_, {}); }
  void send(MemberId from, MemberId to, uint64_t id) {
    Mail mail;
    mail.id = id;
    (*boxes_[from]).send(to, mail);
  }
  std::vector<uint64_t> drain(MemberId member) {
    std::vector<uint64_t> ids;
    boxes_[member]->drain([&](const Mail& mail) { ids.push_back(mail.id); });
    return ids;
  }

 private:
  std::vector<MemberId> woken_;
  std::unique_ptr<Mesh> mesh_;
  std::vector<std::unique_ptr<Mailboxes>> boxes_;
};

MeshOptions small(uint16_t members, uint32_t ring_slots) {
  MeshOptions options;
  options.members = members;
  options.ring_slots = ring_slots;
  options.producers_max = 2;
  options.producer_ring_slots = 4;
  return options;
}

TEST(Mesh, MailArrivesAfterPublishWithItsSender) {
  TestMesh mesh(small(3, 8));
  mesh.send(2, 1, 10);
  mesh.send(0, 1, 20);
  EXPECT_THAT(mesh.drain(1), IsEmpty());
  mesh[2].publish();
  mesh[0].publish();
  EXPECT_EQ(mesh[1].mailbox_depth(), 2u);
  std::vector<std::pair<MemberId, uint64_t>> got;
  mesh[1].drain([&](const Mail& mail) { got.emplace_back(mail.from, mail.id); });
  EXPECT_THAT(got, ElementsAre(std::pair{MemberId{0}, 20u}, std::pair{MemberId{2}, 10u}));
  EXPECT_EQ(mesh[1].mailbox_depth(), 0u);
  EXPECT_THAT(mesh.drain(0), IsEmpty());
  EXPECT_THAT(mesh.take_woken(), IsEmpty());  // nobody slept
}

TEST(Mesh, MailToOneselfComesWithTheNextDrain) {
  TestMesh mesh(small(2, 8));
  mesh.send(0, 0, 1);
  EXPECT_EQ(mesh[0].delivered_total(0), 1u);
  EXPECT_FALSE(mesh[0].prepare_sleep());
  int taken = 0;
  mesh[0].drain([&](const Mail& mail) {
    ++taken;
    EXPECT_EQ(mail.from, 0);
    if (mail.id < 3) mesh.send(0, 0, mail.id + 1);
  });
  EXPECT_EQ(taken, 1);
  EXPECT_THAT(mesh.drain(0), ElementsAre(2));
  EXPECT_THAT(mesh.drain(0), IsEmpty());
}

TEST(Mesh, WhatDoesNotFitWaitsInOrderAndIsCounted) {
  TestMesh mesh(small(2, 4));
  for (uint64_t id = 0; id < 10; ++id) mesh.send(0, 1, id);
  EXPECT_EQ(mesh[0].enqueued_total(1), 10u);
  EXPECT_EQ(mesh[0].delivered_total(1), 4u);  // a full ring is published before the end of the tick
  EXPECT_EQ(mesh[0].overflow_depth(1), 6u);
  mesh[0].publish();
  EXPECT_EQ(mesh[0].delivered_total(1), 4u);
  EXPECT_THAT(mesh.drain(1), ElementsAre(0, 1, 2, 3));
  mesh.send(0, 1, 10);  // there is room in the ring now, but it is not this one's turn
  EXPECT_EQ(mesh[0].overflow_depth(1), 7u);
  mesh[0].publish();
  EXPECT_EQ(mesh[0].delivered_total(1), 8u);
  EXPECT_THAT(mesh.drain(1), ElementsAre(4, 5, 6, 7));
  mesh[0].publish();
  EXPECT_THAT(mesh.drain(1), ElementsAre(8, 9, 10));
  const MailboxStats& stats = mesh[0].stats();
  EXPECT_EQ(stats.sent, 11u);
  EXPECT_EQ(stats.overflowed, 7u);
  EXPECT_EQ(stats.overflow_depth, 0u);
  EXPECT_EQ(stats.overflow_peak, 7u);
  EXPECT_EQ(mesh[1].stats().received, 11u);
}

TEST(Mesh, OneFullRingDoesNotHoldUpAnother) {
  TestMesh mesh(small(3, 2));
  for (uint64_t id = 0; id < 5; ++id) {
    mesh.send(0, 1, id);
    mesh.send(0, 2, id);
    mesh[0].publish();
    EXPECT_THAT(mesh.drain(2), ElementsAre(id));
  }
  EXPECT_EQ(mesh[0].overflow_depth(1), 3u);
  EXPECT_EQ(mesh[0].overflow_depth(2), 0u);
}

TEST(Mesh, OnlySleepersAreWokenAndOnlyOnce) {
  TestMesh mesh(small(3, 8));
  EXPECT_TRUE(mesh[2].prepare_sleep());
  mesh.send(0, 1, 1);
  mesh.send(0, 2, 1);
  mesh[0].publish();
  EXPECT_THAT(mesh.take_woken(), ElementsAre(2));
  mesh.send(1, 2, 1);
  mesh[1].publish();
  EXPECT_THAT(mesh.take_woken(), IsEmpty());  // it is being woken already
  EXPECT_EQ(mesh[0].stats().wakeups, 1u);
  EXPECT_EQ(mesh[1].stats().wakeups, 0u);
  mesh[2].finish_sleep();
  EXPECT_FALSE(mesh[2].prepare_sleep());  // the mail is still there
  mesh.drain(2);
  EXPECT_TRUE(mesh[2].prepare_sleep());
  mesh[2].finish_sleep();
  mesh.send(0, 2, 2);
  mesh[0].publish();
  EXPECT_THAT(mesh.take_woken(), IsEmpty());
}

TEST(Mesh, ASleeperWithOverflowIsWokenByRoom) {
  TestMesh mesh(small(2, 2));
  for (uint64_t id = 0; id < 3; ++id) mesh.send(0, 1, id);
  mesh[0].publish();
  EXPECT_TRUE(mesh[0].prepare_sleep());
  mesh.drain(1);
  EXPECT_THAT(mesh.take_woken(), ElementsAre(0));
  mesh[0].finish_sleep();
  EXPECT_FALSE(mesh[0].prepare_sleep());  // overflow, and room for it
  mesh[0].publish();
  EXPECT_TRUE(mesh[0].prepare_sleep());
  mesh.drain(1);
  EXPECT_THAT(mesh.take_woken(), ElementsAre(0));  // surplus: the sleep that did not take place has left its flag
  mesh[0].finish_sleep();
  mesh.send(0, 1, 3);
  mesh[0].publish();
  EXPECT_TRUE(mesh[0].prepare_sleep());
  mesh.drain(1);
  EXPECT_THAT(mesh.take_woken(), IsEmpty());  // it waits for nothing now
}

TEST(Mesh, AFullRingWakesItsSleepingReceiverBeforeTheTickEnds) {
  TestMesh mesh(small(2, 4));
  EXPECT_TRUE(mesh[1].prepare_sleep());
  for (uint64_t id = 0; id < 5; ++id) mesh.send(0, 1, id);
  EXPECT_THAT(mesh.take_woken(), ElementsAre(1));
  EXPECT_THAT(mesh.drain(1), ElementsAre(0, 1, 2, 3));
}

TEST(Mesh, AbandonHandsOutWhatNeverReachedARing) {
  TestMesh mesh(small(2, 2));
  for (uint64_t id = 0; id < 5; ++id) mesh.send(0, 1, id);
  mesh.send(0, 0, 9);
  mesh.send(1, 0, 7);  // staged, not published
  std::vector<uint64_t> left;
  for (MemberId member : {0, 1}) {
    mesh[member].abandon([&](const Mail& mail) { left.push_back(mail.id); });
  }
  EXPECT_THAT(left, ElementsAre(9, 2, 3, 4));
  EXPECT_THAT(mesh.drain(1), ElementsAre(0, 1));
  EXPECT_THAT(mesh.drain(0), ElementsAre(7));
}

// Random sends, publishes, drains and sleeps of three members, with a deque per pair as the model.
TEST(Mesh, RandomOperationsKeepEveryPairsOrder) {
  TestMesh mesh(small(3, 4));
  std::deque<uint64_t> model[3][3];
  std::mt19937 random(11);
  uint64_t next = 0;
  for (int step = 0; step < 50000; ++step) {
    const auto member = static_cast<MemberId>(random() % 3);
    switch (random() % 4) {
      case 0:
        for (uint32_t burst = random() % 7; burst > 0; --burst) {
          const auto to = static_cast<MemberId>(random() % 3);
          mesh.send(member, to, next);
          model[member][to].push_back(next++);
        }
        break;
      case 1: mesh[member].publish(); break;
      case 2:
        mesh[member].drain([&](const Mail& mail) {
          auto& queue = model[mail.from][member];
          ASSERT_FALSE(queue.empty());
          ASSERT_EQ(mail.id, queue.front());
          queue.pop_front();
        });
        break;
      case 3:
        mesh[member].publish();
        if (mesh[member].prepare_sleep()) {
          for (MemberId from = 0; from < 3; ++from) {
            // Nothing published for it; what it is owed has not left its senders.
            ASSERT_EQ(
                mesh[from].delivered_total(member) - (mesh[from].enqueued_total(member) - model[from][member].size()),
                0u);
          }
        }
        mesh[member].finish_sleep();
        break;
    }
    for (MemberId from = 0; from < 3; ++from) {
      for (MemberId to = 0; to < 3; ++to) {
        const uint64_t in_flight = mesh[from].enqueued_total(to) - mesh[from].delivered_total(to);
        ASSERT_GE(in_flight, mesh[from].overflow_depth(to));
        ASSERT_LE(in_flight, model[from][to].size());
      }
    }
  }
}

TEST(MeshProducer, TakesCreditAndGetsItBack) {
  MeshOptions options = small(1, 8);
  options.producer_publishes_max = 3;
  options.producer_bytes_max = 100;
  TestMesh mesh(options);
  Result<Producer> producer = mesh.mesh().attach_producer();
  ASSERT_TRUE(producer);
  EXPECT_TRUE(mesh[0].prepare_sleep());
  EXPECT_EQ(producer->try_send(0, Mail{}, 60), SendResult::sent);
  EXPECT_THAT(mesh.take_woken(), ElementsAre(0));
  mesh[0].finish_sleep();
  EXPECT_EQ(producer->try_send(0, Mail{}, 60), SendResult::would_block);  // bytes
  EXPECT_EQ(producer->try_send(0, Mail{}, 40), SendResult::sent);
  EXPECT_EQ(producer->try_send(0, Mail{}, 0), SendResult::sent);
  EXPECT_EQ(producer->try_send(0, Mail{}, 0), SendResult::would_block);  // publishes
  EXPECT_EQ(producer->send(0, Mail{}, 0, std::chrono::nanoseconds(1)), SendResult::timed_out);
  mesh[0].drain([&](const Mail& mail) {
    EXPECT_EQ(mail.from, producer->id());
    mesh[0].return_credit(mail.from, 1, 33);
  });
  mesh[0].publish();
  EXPECT_EQ(producer->in_flight(0).publishes, 0u);
  EXPECT_EQ(producer->in_flight(0).bytes, 1u);
  EXPECT_EQ(producer->try_send(0, Mail{}, 5000), SendResult::sent);  // larger than all credit: alone
  EXPECT_EQ(producer->try_send(0, Mail{}, 1), SendResult::would_block);
}

TEST(MeshProducer, ARingWithoutRoomBlocksBeforeCreditDoes) {
  TestMesh mesh(small(1, 8));
  Producer producer = std::move(*mesh.mesh().attach_producer());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(producer.try_send(0, Mail{}, 1), SendResult::sent);
  EXPECT_EQ(producer.try_send(0, Mail{}, 1), SendResult::would_block);
  EXPECT_EQ(producer.in_flight(0).publishes, 4u);
  mesh[0].drain([](const Mail&) {});
  EXPECT_EQ(producer.try_send(0, Mail{}, 1), SendResult::sent);
}

TEST(MeshProducer, SlotsServeTheNextThreadOnceTheirRingsAreEmpty) {
  TestMesh mesh(small(2, 8));
  MemberId first_id = 0;
  {
    Producer first = std::move(*mesh.mesh().attach_producer());
    Producer second = std::move(*mesh.mesh().attach_producer());
    EXPECT_EQ(mesh.mesh().attach_producer().error().code, "too_many_producers");
    first_id = first.id();
    EXPECT_EQ(first.try_send(1, Mail{}, 10), SendResult::sent);
    EXPECT_EQ(second.try_send(1, Mail{}, 10), SendResult::sent);
  }
  EXPECT_FALSE(mesh.mesh().attach_producer());  // both have left mail behind
  mesh[1].drain([&](const Mail& mail) {
    if (mail.from != first_id) mesh[1].return_credit(mail.from, 1, 10);
  });
  mesh[1].publish();
  Producer third = std::move(*mesh.mesh().attach_producer());
  EXPECT_EQ(third.id(), first_id);
  EXPECT_EQ(third.in_flight(1).bytes, 10u);  // inherited: the core still owes it
  Producer fourth = std::move(*mesh.mesh().attach_producer());
  EXPECT_EQ(fourth.in_flight(1).bytes, 0u);
}

TEST(MeshProducer, BlockedThreadsReturnWhenTheMeshStops) {
  TestMesh mesh(small(1, 8));
  Producer producer = std::move(*mesh.mesh().attach_producer());
  while (producer.try_send(0, Mail{}, 1) == SendResult::sent) {
  }
  SendResult result = SendResult::sent;
  std::thread blocked([&] { result = producer.send(0, Mail{}, 1); });
  mesh.mesh().stop_producers();
  blocked.join();
  EXPECT_EQ(result, SendResult::stopped);
  EXPECT_EQ(producer.try_send(0, Mail{}, 1), SendResult::stopped);
}

}  // namespace
}  // namespace ringcast::reactor
