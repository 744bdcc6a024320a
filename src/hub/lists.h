// SPDX-License-Identifier: Apache-2.0
// Lists of rooms, users, connections and members, for which all that a core has must be looked at: a bounded number of
// looks a tick, shared by the lists that are asked for. One per hub; its reactor's thread only.
//
// What is there all the time while a list is put together is on it once; what comes or goes meanwhile may be on it or
// not.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/slab.h"
#include "hub/context.h"
#include "hub/page.h"

namespace ringcast::hub {

class Directory;
class Local;

// Where a list has come to.
struct ListPosition {
  uint32_t at = 0;     // of channels and connections: the next to be looked at; of members: those that remain
  uint32_t looks = 0;  // how many more may be looked at now
};

class Lists {
 public:
  Lists(Context& context, Directory& directory, Local& local)
      : context_(context), directory_(directory), local_(local) {}

  static bool is_list(QueryKind kind) {
    return kind == QueryKind::rooms || kind == QueryKind::users || kind == QueryKind::connections ||
           kind == QueryKind::members;
  }
  // The answer goes to the core `asker` for its `gather`: at once when there is little to look at.
  void begin(const Query& query, uint16_t asker, uint64_t gather);
  // Once a tick, after the last begin() of it.
  void go_on();

 private:
  // A look costs about as much as a message to one member. A list gets a part of a tick's looks at a time, so that
  // short ones do not wait for long ones.
  static constexpr uint32_t kLooksPerTick = 2048;
  static constexpr uint32_t kLooksAtATime = 256;
  struct List {
    QueryKind kind;
    std::string key, user, tenant;
    Page page;
    uint16_t asker;
    uint64_t gather;
    SlabHandle room;  // of members
    ListPosition position;
  };
  // Whether the list is complete, and has been sent.
  bool step(List& list);
  bool look(List& list);
  void send(List& list);

  Context& context_;
  Directory& directory_;
  Local& local_;
  std::deque<List> lists_;
  uint32_t looks_ = kLooksPerTick;  // left of this tick
};

}  // namespace ringcast::hub
