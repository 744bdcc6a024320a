// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/channel.h"

#include <algorithm>

#include "base/assert.h"

namespace ringcast::hub {

MessageLog& Channel::make_log() {
  if (more == nullptr) more = std::make_unique<More>();
  if (more->log == nullptr) more->log = std::make_unique<MessageLog>();
  return *more->log;
}

Crowd& Channel::make_crowd() {
  if (more == nullptr) more = std::make_unique<More>();
  if (more->crowd == nullptr) {
    more->crowd = std::make_unique<Crowd>();
    more->crowd->live = first.live;
    more->crowd->compressed = first.compressed;
  }
  return *more->crowd;
}

uint32_t Channel::connections() const {
  uint32_t all = 0;
  for_each_share([&](const Share& share) { all += share.live + share.silent; });
  return all;
}

Share* Channel::find(uint16_t core) {
  if (first.core == core) return &first;
  if (crowd() == nullptr) return nullptr;
  for (Share& share : crowd()->shares) {
    if (share.core == core) return &share;
  }
  return nullptr;
}

Share& Channel::share_of(uint16_t core) {
  if (Share* share = find(core); share != nullptr) return *share;
  // A core without members any more gives its place up.
  Share* place = first.unused() ? &first : nullptr;
  if (place == nullptr) {
    std::vector<Share>& shares = make_crowd().shares;
    const auto left = std::find_if(shares.begin(), shares.end(), [](const Share& share) { return share.unused(); });
    place = left == shares.end() ? &shares.emplace_back() : &*left;
  }
  *place = Share{};
  place->core = core;
  return *place;
}

void Channel::count_live(Share& share, int by, bool compressed) {
  const auto change = static_cast<uint32_t>(by);
  RINGCAST_ASSERT(by > 0 || (share.live != 0 && (!compressed || share.compressed != 0)));
  share.live += change;
  if (compressed) share.compressed += change;
  if (crowd() == nullptr) return;
  crowd()->live += change;
  if (compressed) crowd()->compressed += change;
}

void Channel::count_all_out() {
  first.live = first.compressed = 0;
  if (crowd() == nullptr) return;
  for (Share& share : crowd()->shares) share.live = share.compressed = 0;
  crowd()->live = crowd()->compressed = 0;
  if (crowd()->presence) crowd()->presence->clear();
}

}  // namespace ringcast::hub
