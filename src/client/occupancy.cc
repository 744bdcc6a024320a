// SPDX-License-Identifier: Apache-2.0
#include "client/occupancy.h"

#include <utility>

#include "base/erase_at.h"
#include "client/hooks.h"

namespace ringcast::session {

namespace {
// So that no tick is held up when many rooms become empty at once.
constexpr uint32_t kDueRoomsPerInterval = 1024;
}  // namespace

void Occupancy::changed(std::string_view key, bool occupied) {
  const HookEvent event = occupied ? HookEvent::occupied : HookEvent::vacated;
  const auto found = lately_empty_.find(std::string(key));
  if (found != lately_empty_.end()) {
    // It was not reported as empty.
    found.value().empty = !occupied;
    if (!occupied) found.value().due = clients_.reactor().now() + clients_.options().vacated_grace;
    return;
  }
  if (occupied) return notify(key, true);
  if (!clients_.hooks()->wants(event, hub::name_of(key))) return;
  const std::chrono::nanoseconds due = clients_.reactor().now() + clients_.options().vacated_grace;
  lately_empty_.insert({std::string(key), {due, true}});
  due_.emplace_back(due, key);
}

void Occupancy::on_interval() {
  const std::chrono::nanoseconds now = clients_.reactor().now();
  for (uint32_t n = 0; n < kDueRoomsPerInterval && !due_.empty() && due_.front().first <= now; ++n) {
    const std::string key = std::move(due_.front().second);
    due_.pop_front();
    const auto found = lately_empty_.find(key);
    if (!found->second.empty) {
      erase_at(lately_empty_, found);
    } else if (found->second.due > now) {
      due_.emplace_back(found->second.due, key);
    } else {
      erase_at(lately_empty_, found);
      notify(key, false);
    }
  }
}

void Occupancy::notify(std::string_view key, bool occupied) {
  const HookEvent event = occupied ? HookEvent::occupied : HookEvent::vacated;
  const std::string_view room = hub::name_of(key);
  if (!clients_.hooks()->wants(event, room)) return;
  HookNotice notice{.event = event, .core = clients_.core(), .time_us = clients_.reactor().wall_us()};
  notice.client.tenant = hub::tenant_of(key);
  notice.room = room;
  clients_.hooks()->notify(notice);
}

}  // namespace ringcast::session
