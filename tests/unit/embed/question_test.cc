// SPDX-License-Identifier: Apache-2.0
// The way back of answers to hooks, without a server: a thread that answers never waits for a core.
#include "embed/question.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "client/decisions.h"

namespace ringcast::embed {
namespace {

// A reactor's thread answers questions of its own core from within a hook: it is the one that would make room.
TEST(AnswerDesk, AReactorThatAnswersDoesNotWaitForItself) {
  constexpr uint64_t kAnswers = 50;
  reactor::MeshOptions options;
  options.members = 2;
  options.producers_max = 1;
  options.producer_publishes_max = 2;
  options.wake_hook = {[](void*, reactor::MemberId) noexcept {}, nullptr};
  auto mesh = std::move(*reactor::Mesh::create(options));
  auto desk = std::make_shared<AnswerDesk>();
  desk->open(std::move(*mesh->attach_producer()));

  std::vector<std::thread> reactors;
  std::atomic<uint32_t> done{0};
  std::promise<void> all;
  for (uint16_t core = 0; core < 2; ++core) {
    reactors.emplace_back([&, core] {
      reactor::Mailboxes mailboxes(*mesh, core);
      for (uint64_t number = 1; number <= kAnswers; ++number) desk->send({core, number}, {});
      uint64_t received = 0;
      while (received < kAnswers) {
        mailboxes.drain([&](const reactor::Mail& mail) {
          ++received;
          mailboxes.return_credit(mail.from, 1, session::decision_bytes({}));
          session::discard_decision(mail);
        });
        mailboxes.publish();
        std::this_thread::yield();
      }
      if (++done == 2) all.set_value();
    });
  }
  // The old way they wait here for ever.
  ASSERT_EQ(all.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready);
  for (std::thread& reactor : reactors) reactor.join();
  mesh->stop_producers();
  desk->close();
}

// What still waits when the server stops is given back.
TEST(AnswerDesk, StopsWithAnswersThatWait) {
  reactor::MeshOptions options;
  options.producers_max = 1;
  options.producer_publishes_max = 1;
  options.wake_hook = {[](void*, reactor::MemberId) noexcept {}, nullptr};
  auto mesh = std::move(*reactor::Mesh::create(options));
  AnswerDesk desk;
  desk.open(std::move(*mesh->attach_producer()));
  for (uint64_t number = 1; number <= 10; ++number) desk.send({0, number}, {});
  mesh->stop_producers();
  desk.close();
  desk.send({0, 11}, {});  // nobody is there any more
  mesh->discard(session::discard_decision);
}

}  // namespace
}  // namespace ringcast::embed
