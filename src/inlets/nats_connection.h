// SPDX-License-Identifier: Apache-2.0
// What both types of NATS need of its C library: a connection as an inlet's settings say, and what an error means.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

#include "base/error.h"
#include "inlets/address.h"
#include "inlets/handover.h"
#include "inlets/options.h"

namespace ringcast::inlets {

struct NatsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  void operator()(jsConsumerInfo* info) const { jsConsumerInfo_Destroy(info); }
};
template <class T>
using Nats = std::unique_ptr<T, NatsDeleter>;

// Waits for the server. `reconnects`: the library connects again by itself.
[[nodiscard]] Result<Nats<natsConnection>> connect_nats(const InletOptions& options, const Address& address,
                                                        bool reconnects);
// As the calling thread's last call says it.
std::string nats_error(natsStatus status);
// Subject, body and headers.
Parcel parcel_of(natsMsg* message);

}  // namespace ringcast::inlets
