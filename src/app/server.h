// SPDX-License-Identifier: Apache-2.0
// The server as a whole: mesh, cores, what they share, and its life: start, reload, drain, stop. The main thread's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "access/authority.h"
#include "access/jwks_source.h"
#include "api/static_files.h"
#include "api/statistics_history.h"
#include "app/core.h"
#include "app/sampler.h"
#include "base/error.h"
#include "client/routes.h"
#include "hooks/webhooks.h"
#include "inlets/inlets.h"
#include "inlets/mirror.h"
#include "reactor/mesh_producer.h"

namespace ringcast::app {

class Server {
 public:
  explicit Server(config::Options options);
  ~Server();

  // Returns when every core listens. The error is one line.
  [[nodiscard]] Result<void> start();
  // Everything that start() does, short of listening: the error is the one that it would end with. Nothing runs then.
  [[nodiscard]] Result<void> check();
  // "http://127.0.0.1:3000" for each address, and unix sockets as "unix:/path".
  std::vector<std::string> urls() const;
  std::string engine() const;    // "uring" or "epoll"
  std::string fallback() const;  // why io_uring is not used although it was not refused; empty: nothing of the kind
  uint16_t cores() const { return static_cast<uint16_t>(cores_.size()); }

  // Takes what can change while running; the names of settings that wait for a restart come back. On an error (a key's
  // file cannot be read, say) nothing has changed.
  [[nodiscard]] Result<std::vector<std::string>> reload(const config::Options& options);
  const config::Options& options() const { return options_; }
  size_t settings_kept() const { return settings_.size(); }  // for tests

  // The way of SIGTERM. `hurry()` is asked now and then: true skips what is left of the waiting.
  template <class Hurry>
  void drain(Hurry hurry) {
    enter(session::DrainPhase::unready);
    wait(options_.drain_delay, hurry, [] { return false; });
    // Inlets first: what they have taken is published and acknowledged while all still works.
    if (inlets_ != nullptr) inlets_->drain();
    wait(std::chrono::seconds(5), hurry, [this] { return inlets_ == nullptr || inlets_->drained(); });
    // Once every core refuses and has sent on what it took before, the owners publish it; once they have, it lies
    // before every core that delivers it. No client is sent away before that.
    for (const session::DrainPhase phase : {session::DrainPhase::refusing, session::DrainPhase::delivering}) {
      enter(phase);
      wait(std::chrono::seconds(1), hurry, [&] { return is_settled(phase); });
    }
    enter(session::DrainPhase::notifying);
    wait(options_.drain_period + options_.close_timeout, hurry,
         [this] { return is_empty(session::DrainPhase::notifying); });
    const auto never = [] { return false; };
    enter(session::DrainPhase::finishing);
    wait(std::chrono::seconds(1), never, [this] { return is_empty(session::DrainPhase::finishing); });
    enter(session::DrainPhase::admin);
    wait(std::chrono::seconds(1), never, [this] { return is_empty(session::DrainPhase::admin); });
  }
  // Every connection is closed. Foreign threads that wait for credit return; their Producers may outlive this call, but
  // not the server.
  void stop();

  // A foreign thread's way to the cores; see reactor::Producer. Any thread.
  [[nodiscard]] Result<reactor::Producer> attach_producer() { return mesh_->attach_producer(); }
  const session::Shared& shared() const { return shared_; }
  // Before start(); outlives this.
  void set_hooks(session::Hooks* hooks) { shared_.hooks = hooks; }

 private:
  [[nodiscard]] Result<void> assemble(bool listens);
  // For a reactor's gates: settings with what they share.
  const Settings& add_settings();
  // The certificates and keys of these settings; those that will soon be out of date are named in the log.
  [[nodiscard]] Result<std::shared_ptr<const tls::Material>> load_tls(const config::Options& options);
  void forget_old_settings();
  void enter(session::DrainPhase phase);
  bool is_settled(session::DrainPhase phase) const;
  // Every core is in `phase`, and nobody is connected any more of whom it takes leave.
  bool is_empty(session::DrainPhase phase) const;
  // Until `period` is over, somebody is in a hurry, or it is done.
  template <class Hurry, class Done>
  void wait(config::Duration period, Hurry hurry, Done done) {
    const auto end = std::chrono::steady_clock::now() + period;
    while (std::chrono::steady_clock::now() < end && !done() && !hurry()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  config::Options options_;
  Machine machine_;
  hub::RoomPolicies policies_;
  session::Shared shared_;
  std::unique_ptr<access::Authority> authority_;
  std::unique_ptr<access::JwksSource> jwks_;   // none: no URL is set
  std::unique_ptr<inlets::Mirror> mirror_;     // none: no room has one
  std::unique_ptr<session::Encoder> encoder_;  // of the bridge's copies
  std::unique_ptr<cluster::Thread> bridge_;    // none: there is no broker
  std::unique_ptr<hooks::Webhooks> webhooks_;  // none: no section asks for them
  std::unique_ptr<inlets::Inlets> inlets_;     // none: no section asks for them
  std::unique_ptr<session::Routes> routes_;
  session::StaticFiles files_;
  std::shared_ptr<const tls::Material> tls_;         // none: nothing speaks TLS
  std::vector<std::unique_ptr<Settings>> settings_;  // of the last reloads: a core may still read those before
  std::unique_ptr<reactor::Mesh> mesh_;
  std::unique_ptr<session::StatisticsHistory> history_;
  std::vector<std::unique_ptr<Core>> cores_;
  Sampler sampler_;  // reads what the cores count
};

}  // namespace ringcast::app
