#include "session/heartbeat.h"

namespace ringcast::session {

io::Nanoseconds until_beat(io::Nanoseconds now, io::Nanoseconds interval, uint32_t slot) {
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
  const auto length = static_cast<uint64_t>(interval.count());
  const auto phase = static_cast<uint64_t>(static_cast<unsigned __int128>(slot * kGoldenRatio) * length >> 64);
  const uint64_t since_phase = (static_cast<uint64_t>(now.count()) + length - phase) % length;
  return io::Nanoseconds(static_cast<int64_t>(length - since_phase));
}

void HeartbeatBytes::send(runtime::Reactor& reactor, runtime::Connection& connection, std::string_view bytes) {
  // A copy in the scratch block is good for the tick it was made in.
  if (copied_at_ != reactor.now()) {
    slice_ = reactor.copy(bytes);
    copied_at_ = reactor.now();
  }
  reactor.send(connection, {.hold = slice_.hold, .offset = slice_.offset, .length = slice_.length});
}

}  // namespace ringcast::session
