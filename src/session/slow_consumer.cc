#include "session/slow_consumer.h"

#include <algorithm>

#include "session/gate.h"

namespace ringcast::session {

bool drop_oldest(Gate& gate, runtime::Connection& connection, std::vector<Lagged>& lagged) {
  struct Loss {
    uint32_t channel;
    Lagged lagged;
  };
  std::vector<Loss> losses;
  const auto may_drop = [&](uint32_t channel) {
    return gate.hub().policy_of(channel).slow == hub::SlowPolicy::drop_oldest;
  };
  const auto note = [&](const runtime::Dropped& dropped) {
    gate.stats().dropped.add(dropped.frames);
    auto at =
        std::find_if(losses.begin(), losses.end(), [&](const Loss& loss) { return loss.channel == dropped.channel; });
    if (at == losses.end()) {
      losses.push_back({dropped.channel, {.room = hub::name_of(gate.hub().key_of(dropped.channel))}});
      at = losses.end() - 1;
    }
    at->lagged.missed += dropped.frames;
    if (dropped.first_id != 0 && at->lagged.from == 0) at->lagged.from = dropped.first_id;
    if (dropped.last_id != 0) at->lagged.to = dropped.last_id;
  };
  // Down to half the limits: a reader that stays slow is told once per half, not once per message.
  const bool enough = connection.outbox.drop_oldest(connection.outbox_bytes_max / 2, connection.outbox_messages_max / 2,
                                                    connection.frame_length, may_drop, note);
  const bool below = enough || (connection.outbox.bytes() <= connection.outbox_bytes_max &&
                                connection.outbox.messages() <= connection.outbox_messages_max);
  if (!below || losses.empty()) return false;
  for (const Loss& loss : losses) lagged.push_back(loss.lagged);
  gate.stats().lagged.add(losses.size());
  return true;
}

}  // namespace ringcast::session
