// SPDX-License-Identifier: Apache-2.0
// Where a member was in each room, from the offset of the last event that it got.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "transport/engine_io/socket_io_journal.h"

namespace ringcast::session {
namespace {

using Journal = SocketIoJournal;
using Positions = std::vector<uint64_t>;

std::string text_of(const SocketIoOffset& offset) {
  std::string json = "[\"event\"]";
  append_socket_io_offset(json, offset);
  return json.substr(10, json.size() - 12);
}

TEST(SocketIoOffset, IsTheLastArgument) {
  std::string json = R"(["price",{"eur":3}])";
  append_socket_io_offset(json, {.core = 3, .number = 17, .id = 1790000000000001});
  EXPECT_EQ(json, R"(["price",{"eur":3},"3.17.1790000000000001"])");
  EXPECT_EQ(parse_socket_io_offset("3.17.1790000000000001"), (SocketIoOffset{3, 17, 1790000000000001}));
  for (const char* const bad : {"", "3", "3.17", "3.17.", "3.17.1.1", "65536.1.1", "3.-1.1", "a.1.1", "3.1.1 ",
                                "3.18446744073709551615.1", "3.18446744073709551616.1"}) {
    EXPECT_EQ(parse_socket_io_offset(bad), std::nullopt) << bad;
  }
}

class SocketIoJournalTest : public testing::Test {
 protected:
  // A run of so many messages, the first of which has this id; its number.
  uint64_t run(uint32_t room, uint64_t first, uint64_t count = 1) {
    return journal.run(room, first, first + count - 1);
  }
  std::optional<Positions> positions(const Journal::Trace& trace, std::initializer_list<uint32_t> rooms,
                                     const std::string& offset, uint32_t steps = 1000) const {
    std::vector<Journal::Room> places;
    for (const uint32_t room : rooms) places.push_back(journal.cut(room));
    const auto missed = journal.find_missed(trace, places, offset, steps);
    return missed ? std::optional(missed->positions) : std::nullopt;
  }
  std::string offset(uint64_t number, uint64_t id) const { return text_of(journal.offset(number, id)); }

  Journal journal{1, HashKey::from_bytes(std::array<uint8_t, 16>{})};
  Journal::Trace trace;
};

TEST_F(SocketIoJournalTest, KnowsEachRoomFromAnEventOfOne) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  journal.join(trace, 6, "b", 20, 20);
  const uint64_t first = run(5, 11, 3);
  const uint64_t second = run(6, 21, 2);
  const uint64_t third = run(5, 14);
  EXPECT_EQ(positions(trace, {5, 6}, ""), (Positions{10, 20}));
  EXPECT_EQ(positions(trace, {5, 6}, offset(first, 12)), (Positions{12, 20}));
  EXPECT_EQ(positions(trace, {5, 6}, offset(second, 21)), (Positions{13, 21}));
  EXPECT_EQ(positions(trace, {5, 6}, offset(third, 14)), (Positions{14, 22}));
  // Of an earlier life on another core: it has got nothing here.
  EXPECT_EQ(positions(trace, {5, 6}, "0.99.77"), (Positions{10, 20}));
  EXPECT_EQ(positions(trace, {5, 6}, offset(third + 1, 1)), std::nullopt) << "was never given";
  EXPECT_EQ(positions(trace, {5, 6}, "word"), std::nullopt);
}

TEST_F(SocketIoJournalTest, RunsOfOneRoomShareANumber) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  const uint64_t number = run(5, 11);
  const uint64_t bytes = journal.bytes();
  for (uint64_t id = 12; id < 1000; ++id) EXPECT_EQ(run(5, id), number);
  EXPECT_EQ(journal.bytes(), bytes) << "one busy room takes no more";
  EXPECT_EQ(positions(trace, {5}, offset(number, 500)), (Positions{500}));
}

TEST_F(SocketIoJournalTest, AnEventWithoutAnIdIsAtTheOneBeforeIt) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  EXPECT_EQ(journal.position(5, 0), 10u);
  EXPECT_EQ(journal.position(5, 11), 10u);
  const uint64_t quiet = journal.run(5, 0, 0);
  EXPECT_EQ(positions(trace, {5}, offset(quiet, 10)), (Positions{10}));
  run(5, 11, 2);
  EXPECT_EQ(positions(trace, {5}, offset(quiet, 10)), (Positions{10}));
}

TEST_F(SocketIoJournalTest, KeepsEventsForOneAlone) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  const SocketIoOffset first = journal.keep(trace, {.json = "[1]"});
  run(5, 11);
  journal.keep(trace, {.json = "[2]", .attachments = {"x"}});
  Journal::Trace other;
  journal.open(other);
  journal.keep(other, {.json = "[3]"});
  const auto missed = journal.find_missed(trace, {journal.cut(5)}, text_of(first), 100);
  ASSERT_TRUE(missed);
  EXPECT_EQ(missed->positions, (Positions{10}));
  ASSERT_EQ(missed->events.size(), 1u);
  EXPECT_EQ(missed->events[0]->json, "[2]");
  EXPECT_EQ(journal.find_missed(trace, {journal.cut(5)}, "", 100)->events.size(), 2u);
}

TEST_F(SocketIoJournalTest, ForgetsTheOldestAndSaysSo) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  journal.join(trace, 6, "b", 20, 20);
  journal.join(trace, 7, "c", 30, 30);
  const uint64_t got = run(5, 11, 2);
  journal.set_time(100);
  for (uint64_t id = 21; id < 200; ++id) {
    run(6, id);
    run(5, id);
  }
  journal.trim(100);
  EXPECT_EQ(positions(trace, {5, 6}, offset(got, 12)), std::nullopt);
  // Nothing has come in the third room: whatever is forgotten, nothing was missed there.
  EXPECT_EQ(positions(trace, {7}, offset(got, 12)), (Positions{30}));
  EXPECT_EQ(positions(trace, {7}, ""), (Positions{30}));
  journal.set_limit(1000);
  journal.trim(0);
  EXPECT_LE(journal.bytes(), 1000u);
  // More steps than it may take.
  Journal::Trace late;
  journal.open(late);
  for (uint64_t id = 200; id < 210; ++id) {
    run(6, id);
    run(5, id);
  }
  EXPECT_NE(positions(late, {5, 6}, "", 20), std::nullopt);
  EXPECT_EQ(positions(late, {5, 6}, "", 19), std::nullopt);
}

TEST_F(SocketIoJournalTest, ARoomThatLostSomethingCannotBeGoneOnWith) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  const uint64_t before = run(5, 11);
  journal.keep(trace, {.json = "[1]"});
  journal.lose(5, 3);
  const uint64_t after = run(5, 4);
  EXPECT_EQ(positions(trace, {5}, offset(before, 11)), std::nullopt);
  EXPECT_EQ(positions(trace, {5}, offset(after, 4)), (Positions{4}));
}

TEST_F(SocketIoJournalTest, ANumberThatMeansAnotherRoomBeginsAnew) {
  journal.open(trace);
  journal.join(trace, 5, "a", 10, 10);
  const uint64_t old = run(5, 11, 50);
  journal.join(trace, 5, "b", 3, 3);
  EXPECT_EQ(positions(trace, {5}, offset(old, 60)), (Positions{3}));
  run(5, 4);
  EXPECT_EQ(positions(trace, {5}, offset(old, 60)), (Positions{3}));
  journal.trim(UINT32_MAX >> 2);
  journal.sweep([](uint32_t) { return false; });
  EXPECT_EQ(positions(trace, {5}, ""), std::nullopt) << "nothing is known of it";
}

// Members come, join, get runs, replays and events of their own, in any order; one that goes knows where it was, from
// whichever event it got last.
TEST_F(SocketIoJournalTest, AnyOrderOfEvents) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    Journal at(1, HashKey::from_bytes(std::array<uint8_t, 16>{}));
    struct Got {
      std::string offset;
      uint32_t room = kNoIndex;
      uint64_t id = 0;
      bool kept = false;
    };
    struct Member {
      Journal::Trace trace;
      std::map<uint32_t, uint64_t> joined;  // room, behind which id
      std::vector<Got> got;
    };
    constexpr uint32_t kRooms = 4;
    std::vector<Member> members(5);
    std::vector<uint64_t> newest(kRooms, 100);
    for (Member& member : members) at.open(member.trace);
    const bool forgets = seed % 3 == 0;
    for (int step = 0; step < 200; ++step) {
      Member& member = members[below(5)];
      const uint32_t room = below(kRooms);
      at.set_time(static_cast<uint32_t>(step));
      switch (below(8)) {
        case 0:
        case 1: {
          if (member.joined.contains(room)) break;
          // With a cursor, and what it missed, or not.
          const uint64_t back = below(2) * below(4);
          at.join(member.trace, room, std::to_string(room), newest[room] - back, newest[room]);
          member.joined[room] = newest[room] - back;
          for (uint64_t id = newest[room] - back + 1; id <= newest[room]; ++id) {
            member.got.push_back({text_of(at.own(member.trace, room, id)), room, id});
          }
          break;
        }
        case 2: member.got.push_back({text_of(at.keep(member.trace, {.json = "[]"})), kNoIndex, 0, true}); break;
        default: {
          // A run, some of whose events have no id.
          std::vector<uint64_t> ids;
          for (uint32_t n = 1 + below(4); n != 0; --n) ids.push_back(below(4) == 0 ? 0 : ++newest[room]);
          uint64_t first = 0, last = 0;
          for (const uint64_t id : ids) {
            if (first == 0) first = id;
            if (id != 0) last = id;
          }
          uint64_t position = at.position(room, first);
          const uint64_t number = at.run(room, first, last);
          for (const uint64_t id : ids) {
            if (id != 0) position = id;
            for (Member& each : members) {
              if (each.joined.contains(room)) each.got.push_back({text_of(at.offset(number, position)), room, id});
            }
          }
        }
      }
      if (forgets) at.trim(static_cast<uint32_t>(std::max(0, step - 30)));
      if (below(10) != 0) continue;
      const auto got = below(static_cast<uint32_t>(member.got.size()) + 1);
      std::vector<Journal::Room> rooms;
      Positions wanted;
      for (const auto& [in, id] : member.joined) {
        rooms.push_back(at.cut(in));
        wanted.push_back(id);
        for (uint32_t i = 0; i < got; ++i) {
          if (member.got[i].room == in && member.got[i].id != 0) wanted.back() = member.got[i].id;
        }
      }
      const auto kept = std::count_if(member.got.begin() + got, member.got.end(), [](const Got& g) { return g.kept; });
      const auto missed = at.find_missed(member.trace, rooms, got == 0 ? "" : member.got[got - 1].offset, 10'000);
      if (!missed) {
        ASSERT_TRUE(forgets) << "seed " << seed << " step " << step;
        continue;
      }
      ASSERT_EQ(missed->positions, wanted) << "seed " << seed << " step " << step << " got " << got;
      ASSERT_EQ(missed->events.size(), static_cast<size_t>(kept)) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace ringcast::session
