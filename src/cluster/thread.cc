// SPDX-License-Identifier: Apache-2.0
#include "cluster/thread.h"

#include <pthread.h>

#include <future>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "hub/protocol.h"
#include "io/descriptor_table.h"
#include "tls/tls_backend.h"

namespace ringcast::cluster {

namespace {
constexpr uint32_t kConnectionsMax = 16;
}

Thread::~Thread() {
  stop();
}

Result<void> Thread::start() {
  std::promise<Result<void>> promise;
  std::future<Result<void>> future = promise.get_future();
  thread_ =
      std::thread([this, &promise] { run([&promise](Result<void> result) { promise.set_value(std::move(result)); }); });
  Result<void> result = future.get();
  if (!result) thread_.join();
  return result;
}

void Thread::run(const std::function<void(Result<void>)>& started) {
  pthread_setname_np(pthread_self(), "bridge");
  const LogThread log(plan_.member);
  SystemClock clock;
  reactor::Mailboxes mailboxes(*plan_.mesh, plan_.member);
  if (plan_.own_table) {
    if (auto own = io::own_descriptor_table(plan_.keep_descriptors); !own) return started(std::move(own));
  }
  auto backend = io::make_backend(plan_.engine, plan_.backend, plan_.mesh->wake_target(plan_.member));
  if (!backend) return started(tl::unexpected<Error>(std::move(backend.error())));
  std::unique_ptr<tls::ClientContext> client;  // outlives the connections
  if (plan_.tls) {
    auto context = tls::ClientContext::create(*plan_.tls);
    if (!context) return started(tl::unexpected<Error>(std::move(context.error())));
    client = *std::move(context);
    auto secure = std::make_unique<tls::TlsBackend>(*std::move(backend), tls::TlsOptions());
    secure->connect_with(*client);
    *backend = std::move(secure);
  }
  {
    reactor::ReactorOptions options;
    options.core = plan_.member;
    options.connections_max = kConnectionsMax;
    reactor::Reactor loop(options, std::move(*backend), mailboxes, clock);
    Bridge bridge(plan_.bridge, loop, stats_);
    loop.set_handler(&bridge);
    started({});
    while (!stop_.load(std::memory_order_acquire)) loop.tick(io::Nanoseconds(-1));
  }
  mailboxes.abandon(hub::discard_mail);
}

void Thread::stop() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  plan_.mesh->wake(plan_.member);
  thread_.join();
}

}  // namespace ringcast::cluster
