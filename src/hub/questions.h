// SPDX-License-Identifier: Apache-2.0
// Questions to one core or to all of them, and to other servers through the broker; and the putting together of the
// answers. Its reactor's thread only.
#pragma once

#include "base/slab.h"
#include "hub/context.h"
#include "hub/lists.h"

namespace ringcast::hub {

class Directory;
class Local;

// A core's part of an answer, to the core that asked.
void send_answer(Context& context, uint16_t to, uint64_t gather, const Answer& answer);

class Questions {
 public:
  Questions(Context& context, Directory& directory, Local& local)
      : context_(context), directory_(directory), local_(local), lists_(context, directory, local) {}

  void ask(const Query& query);
  void on_ask(const Mail& mail);
  // A question to this core that cannot be answered without the broker.
  void refuse(const Mail& mail);
  void on_answer(const Mail& mail);
  // Once a tick.
  void go_on() { lists_.go_on(); }

 private:
  struct Gather {
    ConnectionId from;
    uint32_t missing = 0;
    uint32_t limit = 0;
    Answer answer;
  };
  void send(uint16_t core, const Query& query, uint32_t gather);
  uint64_t handle_of(uint32_t gather) const;
  void answer_here(const Query& query, Answer& answer);
  bool concerns(const Query& query) const;

  Context& context_;
  Directory& directory_;
  Local& local_;
  Lists lists_;
  Slab<Gather> gathers_{1u << 24, 64};
};

}  // namespace ringcast::hub
