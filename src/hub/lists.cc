// SPDX-License-Identifier: Apache-2.0
#include "hub/lists.h"

#include <algorithm>
#include <utility>

#include "hub/local/local.h"
#include "hub/owner/directory.h"
#include "hub/questions.h"

namespace ringcast::hub {

void Lists::begin(const Query& query, uint16_t asker, uint64_t gather) {
  List list{query.kind,
            std::string(query.key),
            std::string(query.user),
            std::string(query.tenant),
            Page(std::string(query.after_name), query.limit),
            asker,
            gather,
            {},
            {}};
  if (list.kind == QueryKind::members) list.position.at = directory_.begin_members(list.key, list.room);
  if (list.kind == QueryKind::connections) list.position.at = local_.begin_connections(list.page.after());
  if (lists_.empty() && step(list)) return;
  lists_.push_back(std::move(list));
}

void Lists::go_on() {
  while (looks_ != 0 && !lists_.empty()) {
    const bool complete = step(lists_.front());
    if (!complete && lists_.size() > 1) lists_.push_back(std::move(lists_.front()));
    if (complete || lists_.size() > 1) lists_.pop_front();
  }
  looks_ = kLooksPerTick;
  // The next tick comes at once.
  if (!lists_.empty()) context_.post.send(context_.options.core, Context::mail(Kind::go_on));
}

bool Lists::step(List& list) {
  if (looks_ == 0) return false;
  const uint32_t share = std::min(looks_, kLooksAtATime);
  list.position.looks = share;
  const bool complete = look(list);
  // One that has nothing to look at is not for nothing: any number may be asked for.
  looks_ -= std::max(share - list.position.looks, 1u);
  if (complete) send(list);
  return complete;
}

bool Lists::look(List& list) {
  switch (list.kind) {
    case QueryKind::members: return directory_.look_at_members(list.room, list.position, list.page);
    case QueryKind::connections:
      return local_.look_at_connections(list.key, list.user, list.tenant, list.position, list.page);
    default: return directory_.look_at_channels(list.kind == QueryKind::users, list.tenant, list.position, list.page);
  }
}

void Lists::send(List& list) {
  Answer answer{};
  answer.kind = list.kind;
  answer.found = list.kind != QueryKind::members || list.room.index != kNoIndex;
  answer.more = list.page.more();
  const uint32_t limit = list.page.limit();
  answer.rows = list.page.take();
  if (list.kind == QueryKind::members) directory_.end_members(list.room, limit, answer);
  send_answer(context_, list.asker, list.gather, answer);
}

}  // namespace ringcast::hub
