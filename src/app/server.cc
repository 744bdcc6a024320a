// SPDX-License-Identifier: Apache-2.0
#include "app/server.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "api/foreign_requests.h"
#include "app/page.h"
#include "app/usage.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/token_policy.h"
#include "io/descriptor_table.h"

namespace ringcast::app {

namespace {

std::string url_of(const io::SocketAddress& address) {
  return address.family() == AF_UNIX ? address.to_string() : "http://" + address.to_string();
}

// Whether a log could be appended to it; it is not created, as the check may run as another user.
Result<void> check_log_file(const std::string& path) {
  if (path.empty() || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return {};
    errno = EISDIR;
  } else if (errno == ENOENT) {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (::faccessat(AT_FDCWD, directory.empty() ? "." : directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  }
  return fail_errno("log_file: cannot append to " + path, errno);
}

// One of another node. Kinds of a later release are none of ours.
bool add_revocation(access::Authority& authority, std::string_view name, uint64_t issued_until_s) {
  if (name.starts_with('i')) return authority.revoke_id(name.substr(1));
  if (!name.starts_with('u')) return true;
  return authority.revoke_user(hub::tenant_of(name.substr(1)), hub::name_of(name.substr(1)), issued_until_s);
}

}  // namespace

Server::Server(config::Options options) : options_(std::move(options)), policies_(room_policies(options_)) {}

Server::~Server() {
  stop();
}

Result<void> Server::check() {
  if (auto writable = check_log_file(options_.log_file); !writable) return writable;
  auto assembled = assemble(false);
  stop();
  return assembled;
}

Result<void> Server::start() {
  if (auto assembled = assemble(true); !assembled) return assembled;
  // Any core answers for all of them, so none does before all are there.
  if (mirror_ != nullptr) mirror_->start();
  for (const auto& core : cores_) core->serve();
  sampler_.start(*history_);
  if (inlets_ == nullptr) return {};
  return inlets_->start([this] { return attach_producer(); });
}

Result<void> Server::assemble(bool listens) {
  auto raised = io::raise_descriptor_limit();
  machine_ = Machine::here();
  if (!raised) {
    log_warning("descriptor_limit_kept", {{"why", raised.error().message}, {"descriptors", machine_.descriptors}});
  }
  if (!machine_.own_tables) {
    log_warning("shared_descriptor_table", {{"why", "unshare(CLONE_FILES) is refused, as containers may"},
                                            {"descriptors_of_all_reactors", machine_.descriptors}});
  }
  auto addresses = config::listen_addresses(options_);
  if (!addresses) return tl::unexpected<Error>(std::move(addresses.error()));

  if (options_.page) {
    for (const PageFile& file : built_in_page()) {
      // Pages of web_root take the place of ours; the client that they load is still there.
      if (!options_.web_root.empty() && !file.name.starts_with("client/")) continue;
      files_.add("/" + std::string(file.name), file.name, std::string(file.body));
    }
  }
  const auto add_directory = [this](std::string_view key, const std::string& path, std::string_view prefix) {
    auto added = files_.add_directory(path, prefix);
    if (!added) added.error().message.insert(0, std::string(key) + ": ");
    return added;
  };
  if (!options_.static_dir.empty()) {
    if (auto added = add_directory("static_dir", options_.static_dir, "/static/"); !added) return added;
    if (options_.static_prefix == "/") {
      if (auto added = add_directory("static_dir", options_.static_dir, "/"); !added) return added;
    }
  }
  if (options_.page && !options_.web_root.empty()) {
    if (auto added = add_directory("web_root", options_.web_root, "/"); !added) return added;
  }
  if (!options_.socketio_client_dir.empty()) {
    if (auto added = add_directory("socketio_client_dir", options_.socketio_client_dir, "/socket.io/"); !added)
      return added;
  }
  routes_ = std::make_unique<session::Routes>(route_options(options_));
  authority_ = std::make_unique<access::Authority>(options_.revocations_max);
  auto policy = config::token_policy(options_, *authority_);
  if (!policy) return tl::unexpected<Error>(std::move(policy.error()));
  authority_->set_policy(*std::move(policy));
  if (config::is_url(options_.jwks)) {
    access::JwksOptions source{.url = options_.jwks, .ca_file = options_.jwks_ca_file};
    source.refresh = std::chrono::duration_cast<std::chrono::milliseconds>(options_.jwks_refresh);
    source.least_between = std::min(source.least_between, source.refresh);
    jwks_ = std::make_unique<access::JwksSource>(std::move(source), *authority_);
    authority_->set_fetching([this] { jwks_->request(); });
    jwks_->start();
  }
  auto tls = load_tls(options_);
  if (!tls) return tl::unexpected<Error>(std::move(tls.error()));
  tls_ = *std::move(tls);
  add_settings();

  const uint16_t count = reactor_count(options_, machine_);
  shared_.name_key = HashKey::random();
  shared_.routes = routes_.get();
  shared_.files = files_.empty() ? nullptr : &files_;
  shared_.version = RINGCAST_VERSION;
  shared_.started_wall_us = static_cast<uint64_t>(SystemClock::system_now().wall_us);
  shared_.cpu_ns = thread_cpu_ns;
  shared_.resident_bytes = resident_bytes;
  shared_.cores.resize(count);
  history_ = std::make_unique<session::StatisticsHistory>(shared_);
  shared_.history = history_.get();

  // Wake descriptors are made before any reactor has a table of its own, and stay open in each.
  auto mesh = reactor::Mesh::create(mesh_options(options_, machine_));
  if (!mesh) return tl::unexpected<Error>(std::move(mesh.error()));
  mesh_ = std::move(*mesh);

  if (!options_.webhooks.empty()) {
    hooks::SenderOptions sender{.endpoints = options_.webhooks, .cores = count};
    sender.payload_max = static_cast<uint32_t>(options_.message_size_max);
    auto webhooks = hooks::Webhooks::create(std::move(sender), shared_.hooks);
    if (!webhooks) return tl::unexpected<Error>(std::move(webhooks.error()));
    auto producer = mesh_->attach_producer();
    if (!producer) return tl::unexpected<Error>(std::move(producer.error()));
    webhooks_ = *std::move(webhooks);
    webhooks_->start(*std::move(producer));
    shared_.hooks = webhooks_.get();
  }

  CorePlan plan;
  plan.options = &options_;
  plan.machine = machine_;
  plan.mesh = mesh_.get();
  plan.shared = &shared_;
  plan.sessions = &settings_.back()->sessions;
  plan.policies = &policies_;
  const HashKey hub_key = HashKey::random();
  plan.hub_key[0] = hub_key.low;
  plan.hub_key[1] = hub_key.high;
  plan.addresses = *addresses;
  plan.addresses_optional = options_.listen.empty();
  auto proxy_addresses = config::proxy_listen_addresses(options_);
  if (!proxy_addresses) return tl::unexpected<Error>(std::move(proxy_addresses.error()));
  plan.proxy_addresses = *proxy_addresses;
  auto tls_addresses = config::tls_listen_addresses(options_);
  if (!tls_addresses) return tl::unexpected<Error>(std::move(tls_addresses.error()));
  plan.tls_addresses = *tls_addresses;
  plan.tls = tls_;
  if (tls_ != nullptr) plan.ticket_keys = tls::RotatingTicketKeys::random(std::time(nullptr));
  plan.engine = options_.io;
  plan.listens = listens;
  if (!options_.admin_listen.empty()) {
    auto admin = io::SocketAddress::parse(options_.admin_listen);
    if (!admin) return tl::unexpected<Error>(std::move(admin.error()));
    plan.admin = *admin;
  }
  for (uint16_t member = 0; member < mesh_->members(); ++member) {
    plan.keep_descriptors.push_back(mesh_->wake_target(member).fd());
  }
  if (webhooks_ != nullptr) plan.keep_descriptors.push_back(webhooks_->wake_descriptor());
  if (!options_.inlets.empty()) {
    inlets::InletsPlan inlets_plan = app::inlets_plan(options_, count);
    inlets_plan.authority = authority_.get();
    auto inlets = inlets::Inlets::create(std::move(inlets_plan));
    if (!inlets) return tl::unexpected<Error>(std::move(inlets.error()));
    inlets_ = *std::move(inlets);
    shared_.inlets = inlets_.get();
    for (const int descriptor : inlets_->wake_descriptors()) plan.keep_descriptors.push_back(descriptor);
  }

  if (options_.has_mirror()) {
    auto mirror = inlets::Mirror::create(mirror_plan(options_, static_cast<uint16_t>(count + 1)));  // and the bridge
    if (!mirror) return tl::unexpected<Error>(std::move(mirror.error()));
    mirror_ = *std::move(mirror);
    shared_.mirror = mirror_.get();
    plan.mirror = mirror_.get();
    plan.keep_descriptors.push_back(mirror_->wake_descriptor());
  }

  if (!options_.broker.empty()) {
    cluster::ThreadPlan bridge{.bridge = bridge_options(options_), .mesh = mesh_.get(), .member = count};
    bridge.bridge.policies = &policies_;
    bridge.bridge.cores = count;
    if (mirror_ != nullptr) {
      encoder_ = std::make_unique<session::Encoder>(encoder_options(options_));
      bridge.bridge.mirror = mirror_.get();
      bridge.bridge.encoder = encoder_.get();
    }
    const session::ConnectionNames names(shared_.name_key);
    bridge.bridge.names.name_of = [names](const hub::Address& address) {
      std::string name;
      names.append(name, address);
      return name;
    };
    authority_->set_complete(false);
    bridge.bridge.revocations.complete = [this] { authority_->set_complete(true); };
    bridge.bridge.revocations.add = [this](std::string_view name, uint64_t issued_until_s) {
      return add_revocation(*authority_, name, issued_until_s);
    };
    bridge.bridge.names.address_of = [names](std::string_view name) { return names.parse(name); };
    bridge.engine = options_.io;
    bridge.backend = backend_options(options_);
    bridge.own_table = machine_.own_tables;
    bridge.keep_descriptors = plan.keep_descriptors;
    auto secure = broker_tls(options_);
    if (!secure) return tl::unexpected<Error>(std::move(secure.error()));
    bridge.tls = *std::move(secure);
    bridge_ = std::make_unique<cluster::Thread>(std::move(bridge));
    plan.bridge = bridge_.get();
    shared_.broker = &bridge_->stats();
    if (auto started = listens ? bridge_->start() : Result<void>(); !started) return started;
  }

  for (uint16_t core = 0; core < count; ++core) {
    plan.index = core;
    cores_.push_back(std::make_unique<Core>(plan));
    if (auto started = cores_.back()->start(); !started) {
      cores_.pop_back();
      stop();
      return started;
    }
    // The first one finds the port and the addresses that work; the others join it there.
    if (core == 0 && listens) {
      plan.addresses = cores_[0]->bound();
      plan.proxy_addresses = cores_[0]->proxy_bound();
      plan.tls_addresses = cores_[0]->tls_bound();
      plan.addresses_optional = false;
      shared_.engine = cores_[0]->engine();
    }
    shared_.engines.push_back({cores_.back()->engine(), cores_.back()->fallback(), cores_.back()->features()});
  }
  return {};
}

std::vector<std::string> Server::urls() const {
  std::vector<std::string> urls;
  for (const io::SocketAddress& address : cores_[0]->bound()) urls.push_back(url_of(address));
  for (const io::SocketAddress& address : cores_[0]->proxy_bound()) {
    urls.push_back(url_of(address) + " with the PROXY protocol");
  }
  const auto secure_url_of = [](const io::SocketAddress& address) {
    return address.family() == AF_UNIX ? url_of(address) + " with TLS" : "https://" + address.to_string();
  };
  for (const io::SocketAddress& address : cores_[0]->tls_bound()) urls.push_back(secure_url_of(address));
  if (const io::SocketAddress& admin = cores_[0]->admin_bound(); admin.family() != AF_UNSPEC) {
    urls.push_back((options_.admin_tls ? secure_url_of(admin) : url_of(admin)) + " for the server calls");
  }
  return urls;
}

std::string Server::engine() const {
  return shared_.engine;
}

std::string Server::fallback() const {
  for (const session::EngineView& engine : shared_.engines) {
    if (!engine.fallback.empty()) return engine.fallback;
  }
  return {};
}

Result<std::shared_ptr<const tls::Material>> Server::load_tls(const config::Options& options) {
  auto material = tls_material(options);
  if (!material || *material == nullptr) return material;
  for (const auto& certificate : (*material)->certificates) {
    if (certificate->not_after - std::time(nullptr) > tls::kExpiresSoonSeconds) continue;
    log_warning("certificate_expires_soon",
                {{"file", certificate->file}, {"on", tls::format_date(certificate->not_after)}});
  }
  return material;
}

const Settings& Server::add_settings() {
  const uint64_t generation = settings_.empty() ? 0 : settings_.back()->generation + 1;
  settings_.push_back(std::make_unique<Settings>(Settings{generation, session_options(options_, machine_)}));
  Settings& settings = *settings_.back();
  settings.sessions.authority = authority_.get();
  settings.handshakes = handshake_limits(options_, reactor_count(options_, machine_));
  settings.tls = tls_;
  if (tls_ == nullptr) return settings;
  for (const auto& certificate : tls_->certificates) {
    settings.sessions.certificates.push_back({certificate->subject, certificate->not_after});
  }
  return settings;
}

// Those before the oldest that a core reads. What a core is about to take over is newer.
void Server::forget_old_settings() {
  uint64_t oldest = settings_.back()->generation;
  for (const auto& core : cores_) oldest = std::min(oldest, core->generation());
  std::erase_if(settings_, [&](const auto& settings) { return settings->generation < oldest; });
}

Result<std::vector<std::string>> Server::reload(const config::Options& options) {
  const config::OptionsChange change = config::diff_reloadable(options_, options);
  config::Options merged = config::apply_reloadable(options_, options);
  auto policy = config::token_policy(merged, *authority_);
  if (!policy) return tl::unexpected<Error>(std::move(policy.error()));
  auto tls = load_tls(merged);
  if (!tls) return tl::unexpected<Error>(std::move(tls.error()));
  tls_ = *std::move(tls);
  options_ = std::move(merged);
  authority_->set_policy(*std::move(policy));
  forget_old_settings();
  const Settings& settings = add_settings();
  for (const auto& core : cores_) core->reload(settings);
  return change.needs_restart;
}

void Server::enter(session::DrainPhase phase) {
  for (const auto& core : cores_) core->drain(phase);
}

bool Server::is_settled(session::DrainPhase phase) const {
  return std::all_of(cores_.begin(), cores_.end(), [&](const auto& core) { return core->settled() >= phase; });
}

bool Server::is_empty(session::DrainPhase phase) const {
  for (const auto& core : cores_) {
    if (core->settled() < phase || core->connections() != 0) return false;
    if (phase == session::DrainPhase::admin && core->admin_connections() != 0) return false;
  }
  return true;
}

void Server::stop() {
  sampler_.stop();
  if (mesh_ != nullptr) mesh_->stop_producers();
  if (inlets_ != nullptr) inlets_->stop();
  for (const auto& core : cores_) core->stop();
  for (const auto& core : cores_) core->join();
  if (webhooks_ != nullptr) webhooks_->stop();
  if (bridge_ != nullptr) bridge_->stop();
  if (mirror_ != nullptr) mirror_->stop();  // with what these have published
  if (mesh_ != nullptr) mesh_->discard(session::discard_mail);
  cores_.clear();
}

}  // namespace ringcast::app
