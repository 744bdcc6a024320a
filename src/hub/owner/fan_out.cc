// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/fan_out.h"

namespace ringcast::hub {

namespace {
constexpr int64_t kMeasureIntervalNs = 1'000'000;
}  // namespace

void FanOut::send(const Channel& channel, const Slice& canonical, uint64_t id, uint8_t flags, const Address& exclude) {
  Slice small;
  if (channel.compressed() != 0) {
    compressed_bytes_.clear();
    if (context_.encoder.compressed(canonical.view(), compressed_bytes_)) small = compressed_.append(compressed_bytes_);
  }
  send(channel, canonical, small.hold == nullptr ? nullptr : &small, id, flags, exclude);
}

void FanOut::send_presence(const Channel& channel, std::string_view canonical) {
  if (channel.live() == 0) return;
  send(channel, ephemeral_.append(canonical), nullptr, 0, flag::kMayWait, {});
}

void FanOut::send_ephemeral(const Channel& channel, std::string_view canonical, const Address& exclude) {
  if (channel.live() == 0) return;
  send(channel, ephemeral_.append(canonical), nullptr, 0, 0, exclude);
}

void FanOut::send(const Channel& channel, const Slice& canonical, const Slice* compressed, uint64_t id, uint8_t flags,
                  const Address& exclude) {
  if (channel.live() == 0) return;
  channel.for_each_share([&](const Share& share) {
    if (share.live == 0) return;
    Mail mail = Context::mail(Kind::deliver);
    mail.flags = flags;
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.id = id;
    Context::attach(mail, canonical);
    if (exclude.core == share.core) {
      mail.flags |= flag::kExclude;
      mail.membership = exclude.core;
      mail.connection = exclude.connection.slot;
      mail.generation = exclude.connection.generation;
    }
    if (compressed != nullptr && share.compressed != 0) {
      mail.flags |= flag::kCompressed;
      compressed->hold->block()->add_references(1);
      mail.value = reinterpret_cast<uint64_t>(compressed->hold->block());
      mail.extra = static_cast<uint64_t>(compressed->offset) << 32 | compressed->length;
    }
    context_.post.send(share.core, mail);
  });
}

void FanOut::measure(const Channel& channel, uint64_t since_ns) {
  const int64_t now = context_.options.clock->monotonic_ns();
  if (channel.live() == 0 || now < next_measure_ns_) return;
  next_measure_ns_ = now + kMeasureIntervalNs;
  channel.for_each_share([&](const Share& share) {
    if (share.live == 0) return;
    Mail mail = Context::mail(Kind::measure);
    mail.value = since_ns;
    context_.post.send(share.core, mail);
  });
}

}  // namespace ringcast::hub
