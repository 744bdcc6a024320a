// SPDX-License-Identifier: Apache-2.0
// The same as hub_cost for what the sessions of one core keep.
#include <string>

#include "client/decisions.h"
#include "client/online_lists.h"
#include "lone_core.h"
#include "reactor/unread_ranking.h"
#include "scenarios.h"
#include "transport/websocket/held_messages.h"

namespace {

using namespace ringcast;
using namespace ringcast::session;

constexpr uint32_t kSteps = 1000;

// Somebody comes to a room with a list of who is online, and goes.
void online_list(uint32_t members) {
  LoneCore core;
  OnlineLists lists(core.gate());
  for (uint32_t slot = 0; slot < members; ++slot) lists.enter({slot, 1}, "\nroom");
  ringcast_measured([&] {
    for (uint32_t i = 0; i < kSteps; ++i) {
      lists.enter({members, 1}, "\nroom");
      lists.leave({members, 1});
    }
  });
}

// Credit comes: one message waits for it, others for decisions.
void credit(uint32_t undecided) {
  HeldMessages held;
  for (uint32_t slot = 0; slot < undecided; ++slot) held.add({slot, 1}, "\nroom", 0);
  held.set_state(held.add({undecided, 1}, "\nroom", 0), HeldLine::State::allowed);
  ringcast_measured([&] {
    for (uint32_t i = 0; i < kSteps; ++i) {
      for (size_t owner = 0; owner < held.owners_end(); ++owner) {
        HeldLine* const line = held.first_allowed(owner);
        held.set_state(*line, HeldLine::State::asking);
        held.set_state(*line, HeldLine::State::allowed);
      }
    }
  });
}

// A reader falls behind and catches up; one that stays behind is all that is left of many.
void unread(uint32_t others) {
  reactor::UnreadRanking ranking;
  for (uint32_t slot = 0; slot < others; ++slot) ranking.update(slot, 0, 100);
  for (uint32_t slot = 1; slot < others; ++slot) ranking.update(slot, 100, 0);
  ringcast_measured([&] {
    for (uint32_t i = 0; i < kSteps; ++i) {
      ranking.update(1, 0, 100);
      ranking.update(1, 100, 0);
    }
  });
}

// The time of many questions to hooks is over at once.
void questions(uint32_t asked) {
  LoneCore core;
  Decisions decisions(core.gate(), core.gate());
  for (uint32_t i = 0; i < asked; ++i) decisions.open(Decisions::About::connect, {i, 1});
  core.advance(core.gate().options().decision_timeout + reactor::kTimerTick);
  ringcast_measured([&] { decisions.on_interval(); });
}

const Scenario kScenarios[] = {
    {"leave-of-a-room-with-an-online-list", [] { online_list(10); }, [] { online_list(10'000); }},
    {"credit-while-many-wait-for-decisions", [] { credit(10); }, [] { credit(10'000); }},
    {"interval-in-which-many-questions-end", [] { questions(2'000); }, [] { questions(100'000); }},
    {"slow-reader-after-many-others", [] { unread(10); }, [] { unread(100'000); }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_scenario(kScenarios, argc, argv);
}
