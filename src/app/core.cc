// SPDX-License-Identifier: Apache-2.0
#include "app/core.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <utility>

#include "api/foreign_requests.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/hooks.h"
#include "cluster/port.h"
#include "hub/hub.h"
#include "io/backend.h"
#include "io/descriptor_table.h"
#include "io/listener.h"
#include "reactor/reactor.h"
#include "transport/encoder.h"
#include "transport/gate.h"

namespace ringcast::app {

namespace {

class MailPost final : public hub::Post {
 public:
  explicit MailPost(reactor::Mailboxes& mailboxes) : mailboxes_(mailboxes) {}
  void send(uint16_t to, const reactor::Mail& mail) override { mailboxes_.send(to, mail); }
  uint64_t enqueued(uint16_t to) const override { return mailboxes_.enqueued_total(to); }
  uint64_t past_overflow(uint16_t to) const override { return mailboxes_.past_overflow_total(to); }

 private:
  reactor::Mailboxes& mailboxes_;
};

constexpr auto kInUsePatience = std::chrono::seconds(2);

// The machine has no such address, say no IPv6. Any other fault of a default one would leave out clients silently.
bool is_missing(const Error& error) {
  return error.code == "address_family" || error.code == "address_not_available";
}

void pin_to(uint16_t index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const int count = CPU_COUNT(&allowed);
  int wanted = index % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || wanted-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

}  // namespace

// In the order of their making; they go in the opposite order.
struct Core::Parts {
  LogThread log;
  SystemClock clock;
  reactor::Mailboxes mailboxes;
  MailPost post;
  session::Encoder encoder;
  tls::TlsBackend* tls = nullptr;  // the reactor's backend, where TLS is spoken
  std::unique_ptr<reactor::Reactor> reactor;
  std::unique_ptr<session::Gate> gate;
  std::unique_ptr<cluster::Port> broker;
  std::unique_ptr<hub::Hub> hub;

  ~Parts() { mailboxes.abandon(session::discard_mail); }
  explicit Parts(const CorePlan& plan)
      : log(plan.index), mailboxes(*plan.mesh, plan.index), post(mailboxes), encoder(encoder_options(*plan.options)) {}
};

Result<void> Core::start() {
  std::promise<Result<void>> promise;
  std::future<Result<void>> future = promise.get_future();
  thread_ =
      std::thread([this, &promise] { run([&promise](Result<void> result) { promise.set_value(std::move(result)); }); });
  Result<void> result = future.get();
  if (!result) thread_.join();
  return result;
}

Result<io::UniqueFd> Core::open(const io::SocketAddress& address, const io::ListenerOptions& options) {
  auto listener = io::open_listener(address, options);
  if (listener) socket_files_.emplace_back(address);
  return listener;
}

Result<void> Core::check_addresses() const {
  size_t possible = 0;
  Result<void> last;
  for (const io::SocketAddress& address : plan_.addresses) {
    auto checked = io::check_listener(address);
    if (checked) ++possible;
    if (!checked && !(plan_.addresses_optional && is_missing(checked.error()))) return checked;
    if (!checked) last = std::move(checked);
  }
  if (possible == 0) return last;
  for (const io::SocketAddress& address : plan_.proxy_addresses) {
    if (auto checked = io::check_listener(address); !checked) return checked;
  }
  for (const io::SocketAddress& address : plan_.tls_addresses) {
    if (auto checked = io::check_listener(address); !checked) return checked;
  }
  return plan_.admin.family() == AF_UNSPEC ? Result<void>() : io::check_listener(plan_.admin);
}

Result<void> Core::listen(io::Backend& backend, tls::TlsBackend* secure) {
  io::ListenerOptions options = listener_options(*plan_.options);
  options.alone = plan_.index == 0;  // the others join the first
  options.in_use_patience = kInUsePatience;
  Error last;
  uint16_t number = 0;
  for (io::SocketAddress address : plan_.addresses) {
    // All addresses share the port that the kernel chose for the first.
    if (address.port() == 0 && address.family() != AF_UNIX && !bound_.empty()) address.set_port(bound_.front().port());
    // A unix socket has one listener: there is no reuseport group of files.
    if (address.family() == AF_UNIX && plan_.index != 0) continue;
    auto listener = open(address, options);
    if (!listener) {
      if (!plan_.addresses_optional || !is_missing(listener.error())) {
        return tl::unexpected<Error>(std::move(listener.error()));
      }
      last = std::move(listener.error());
      continue;
    }
    bound_.push_back(io::local_address(listener->get()));
    if (plan_.index == 0 && number == 0 && options.send_buffer_bytes != 0) {
      const int got = io::send_buffer_of(listener->get());
      if (got < options.send_buffer_bytes) {
        log_warning("send_buffer_clamped",
                    {{"wanted", options.send_buffer_bytes}, {"got", got}, {"fix", "sysctl net.core.wmem_max"}});
      }
    }
    if (auto added = backend.add_listener(listener->release(), number++); !added) return added;
  }
  if (bound_.empty() && plan_.index == 0) return tl::unexpected<Error>(std::move(last));
  uint16_t proxies = session::kProxyListeners;
  for (io::SocketAddress address : plan_.proxy_addresses) {
    const uint16_t listener_number = proxies++;
    if (address.family() == AF_UNIX && plan_.index != 0) continue;
    auto listener = open(address, options);
    if (!listener) return tl::unexpected<Error>(std::move(listener.error()));
    proxy_bound_.push_back(io::local_address(listener->get()));
    if (auto added = backend.add_listener(listener->release(), listener_number); !added) return added;
  }
  if (secure != nullptr) {
    if (auto listening = listen_with_tls(*secure, options); !listening) return listening;
  }
  if (plan_.admin.family() != AF_UNSPEC && plan_.index == 0) {
    auto listener = open(plan_.admin, options);
    if (!listener) return tl::unexpected<Error>(std::move(listener.error()));
    admin_bound_ = io::local_address(listener->get());
    if (auto added = backend.add_listener(listener->release(), session::kAdminListener); !added) return added;
  }
  return {};
}

Result<void> Core::listen_with_tls(tls::TlsBackend& backend, const io::ListenerOptions& options) {
  const bool asks_all = plan_.options->tls_client_auth == config::TlsClientAuth::all;
  if (plan_.options->admin_tls) {
    backend.secure_listener(session::kAdminListener, !plan_.options->tls_client_ca.empty());
  }
  uint16_t number = session::kTlsListeners;
  for (io::SocketAddress address : plan_.tls_addresses) {
    const uint16_t listener_number = number++;
    backend.secure_listener(listener_number, asks_all);
    if (address.family() == AF_UNIX && plan_.index != 0) continue;
    auto listener = open(address, options);
    if (!listener) return tl::unexpected<Error>(std::move(listener.error()));
    tls_bound_.push_back(io::local_address(listener->get()));
    if (auto added = backend.add_listener(listener->release(), listener_number); !added) return added;
  }
  return {};
}

Result<std::unique_ptr<io::Backend>> Core::add_tls(std::unique_ptr<io::Backend> backend, Parts& parts) {
  auto secure = std::make_unique<tls::TlsBackend>(
      std::move(backend), tls_options(*plan_.options, reactor_count(*plan_.options, plan_.machine)));
  parts.tls = secure.get();
  if (auto served = secure->serve(plan_.tls, *plan_.ticket_keys); !served)
    return tl::unexpected<Error>(std::move(served.error()));
  plan_.ticket_keys.reset();  // the core's own copy forgets old ones
  return secure;
}

Result<void> Core::assemble(Parts& parts) {
  if (plan_.machine.own_tables) {
    if (auto own = io::own_descriptor_table(plan_.keep_descriptors); !own) return own;
  }
  if (plan_.options->pin_cpus) pin_to(plan_.index);
  auto backend =
      io::make_backend(plan_.engine, backend_options(*plan_.options), plan_.mesh->wake_target(plan_.index), &fallback_);
  if (!backend) return tl::unexpected<Error>(std::move(backend.error()));
  engine_ = (*backend)->name();
  features_ = (*backend)->features();
  if (plan_.tls != nullptr) backend = add_tls(*std::move(backend), parts);
  if (!backend) return tl::unexpected<Error>(std::move(backend.error()));
  if (auto listening = plan_.listens ? listen(**backend, parts.tls) : check_addresses(); !listening) return listening;

  reactor::ReactorOptions reactor = reactor_options(*plan_.options, plan_.machine);
  reactor.core = plan_.index;
  parts.reactor = std::make_unique<reactor::Reactor>(reactor, std::move(*backend), parts.mailboxes, parts.clock);
  parts.gate = std::make_unique<session::Gate>(*parts.reactor, parts.encoder, *plan_.sessions, *plan_.shared);
  hub::HubOptions hub = hub_options(*plan_.options, plan_.machine);
  hub.core = plan_.index;
  hub.key[0] = plan_.hub_key[0];
  hub.key[1] = plan_.hub_key[1];
  hub.policies = plan_.policies;
  hub.clock = &parts.clock;
  hub.mirror = plan_.mirror;
  if (const cluster::Thread* const bridge = plan_.bridge; bridge != nullptr) {
    parts.broker = std::make_unique<cluster::Port>(
        parts.post, bridge->member(), bridge->node(), *plan_.policies, bridge->stats(),
        [gate = parts.gate.get()](std::string_view name) { return gate->parse_name(name); });
    hub.broker = parts.broker.get();
  }
  const session::Hooks* const hooks = plan_.shared->hooks;
  hub.tells_occupancy = hooks != nullptr && (hooks->wants(session::HookEvent::occupied, {}) ||
                                             hooks->wants(session::HookEvent::vacated, {}));
  parts.hub = std::make_unique<hub::Hub>(hub, parts.post, parts.encoder, *parts.gate);
  parts.gate->attach(*parts.hub);
  parts.reactor->set_handler(parts.gate.get());
  plan_.shared->cores[plan_.index] =
      session::CoreView{&parts.gate->stats(), &parts.hub->stats(), &parts.reactor->stats(),
                        parts.tls == nullptr ? nullptr : &parts.tls->tls_stats()};
  return {};
}

void Core::run(std::function<void(Result<void>)> started) {
  pthread_setname_np(pthread_self(), ("reactor-" + std::to_string(plan_.index)).c_str());
  Parts parts(plan_);
  if (Result<void> result = assemble(parts); !result) return started(std::move(result));
  started({});
  serving_.wait(false, std::memory_order_acquire);
  while (!stop_.load(std::memory_order_acquire)) {
    const session::DrainPhase entered = parts.gate->drain_phase();
    parts.reactor->tick(io::Nanoseconds(-1));
    const uint32_t admin = parts.gate->admin_connections();
    connections_.store(parts.reactor->live_connections() - admin, std::memory_order_relaxed);
    admin_connections_.store(admin, std::memory_order_relaxed);
    if (parts.mailboxes.stats().overflow_depth == 0) {
      settled_.store(static_cast<int>(entered), std::memory_order_release);  // with Core::settled()
    }
    const auto phase = static_cast<session::DrainPhase>(phase_.load(std::memory_order_acquire));
    if (phase != parts.gate->drain_phase()) parts.gate->drain(phase);
    if (const Settings* settings = settings_.exchange(nullptr, std::memory_order_acq_rel); settings != nullptr) {
      parts.gate->set_options(settings->sessions);
      if (parts.tls != nullptr) {
        parts.tls->set_handshake_limits(settings->handshakes);
        // It was tried out before it was handed on: without memory for it the old ones stay.
        if (auto renewed = parts.tls->renew(settings->tls); !renewed) {
          log_error("certificates_kept", {{"why", renewed.error().message}});
        }
      }
      generation_.store(settings->generation, std::memory_order_release);  // with Server::reload()
    }
  }
}

void Core::drain(session::DrainPhase phase) {
  phase_.store(static_cast<int>(phase), std::memory_order_release);
  plan_.mesh->wake(plan_.index);
}

void Core::reload(const Settings& settings) {
  settings_.store(&settings, std::memory_order_release);
  plan_.mesh->wake(plan_.index);
}

void Core::serve() {
  serving_.store(true, std::memory_order_release);
  serving_.notify_one();
}

void Core::stop() {
  stop_.store(true, std::memory_order_release);
  serve();
  plan_.mesh->wake(plan_.index);
}

void Core::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace ringcast::app
