// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <algorithm>
#include <utility>

namespace ringcast::simulation {

namespace {
// Every core has at most this many blocks that it writes to, whatever is open: payloads, ephemeral and compressed
// bytes of its hub, scratch and heartbeats of its reactor and sessions.
constexpr int64_t kWritersPerCore = 12;
}  // namespace

World::World(uint64_t seed, bool verbose) : random(seed), trace(verbose) {
  tenants = static_cast<uint32_t>(random.between(1, 2));
  rooms = static_cast<uint32_t>(random.between(1, 3));
  users = static_cast<uint32_t>(random.between(1, 4));
  window = random.percent(30) ? random.between(300, 1500) : random.between(1500, 20000);
  content_max = static_cast<uint32_t>(random.percent(25) ? 400 : 40);
  deflate = random.percent(15);
  faults.delay = static_cast<uint32_t>(random.below(50));
  faults.split = static_cast<uint32_t>(random.below(60));
  faults.short_write = static_cast<uint32_t>(random.below(60));

  echo = seed % 8 == 5;  // not drawn, so that the other seeds keep their course
  http2 = seed % 4 == 2;

  policies_.set_default(draw_policy());
  hub::RoomPolicy inbox = draw_policy();
  inbox.presence = false;
  policies_.set_inbox(inbox);
  policies_.add("r1", draw_policy());
  if (random.percent(40)) {
    hub::RoomPolicy counted = draw_policy();
    counted.first_id = 1;
    keeps_rooms = random.percent(50);
    if (keeps_rooms) counted.empty_ttl = std::chrono::seconds(300);
    policies_.add("r0", counted);
    for (uint32_t i = 0; i < tenants; ++i) ledger.counts_from_one('t' + std::to_string(i) + ":r0");
  }

  sessions_.outbox_bytes_max = static_cast<uint32_t>(random.between(1000, 8000));
  sessions_.outbox_messages_max = static_cast<uint32_t>(random.between(4, 40));
  sessions_.rooms_per_websocket_max = 4;
  sessions_.deflate = deflate;
  sessions_.deflate_from = 64;
  sessions_.heartbeat_interval = session::milliseconds(3000);
  sessions_.heartbeat_timeout = session::milliseconds(1000);
  sessions_.close_timeout = kCloseTimeout;
  sessions_.drain_period = session::milliseconds(1000);

  hub_options_.key[0] = random.next();
  hub_options_.key[1] = random.next();
  hub_options_.channels_max = 64;
  hub_options_.history_bytes_max = random.percent(25) ? random.between(2000, 6000) : 1 << 20;
  hub_options_.idempotency_keys_max = 1000;
  hub_options_.credit_publishes = static_cast<uint32_t>(random.between(2, 8));
  hub_options_.credit_bytes = random.between(500, 4000);
  hub_options_.replay_chunk = static_cast<uint32_t>(random.between(200, 800));

  reactor_options_.connections_max = 64;
  reactor_options_.carried_max = http2 ? 64 : 0;
  reactor_options_.checks_frames = true;
  reactor_options_.outbox_bytes_max = sessions_.outbox_bytes_max;
  reactor_options_.outbox_messages_max = sessions_.outbox_messages_max;
  reactor_options_.unread_bytes_max = random.percent(20) ? random.between(4000, 20000) : UINT64_MAX;

  shared_.name_key = HashKey{random.next(), random.next()};
  shared_.routes = &routes_;
  shared_.engine = "sim";
  const auto count = static_cast<uint16_t>(random.between(1, 4));
  mesh_options_.members = count;
  mesh_options_.producers_max = 1;
  mesh_options_.ring_slots = 4u << random.below(3);
  mesh_options_.wake_hook = {[](void* context, reactor::MemberId member) noexcept {
                               static_cast<World*>(context)->cores_[member]->asleep = false;
                             },
                             this};
  assemble(count);
}

hub::RoomPolicy World::draw_policy() {
  hub::RoomPolicy policy;
  policy.history_messages = static_cast<uint32_t>(random.percent(5) ? 0 : random.between(3, 40));
  policy.history_bytes = random.percent(25) ? random.between(600, 3000) : 1 << 20;
  policy.history_ttl = std::chrono::seconds(random.percent(25) ? random.between(1, 5) : 20);
  policy.empty_ttl = std::chrono::seconds(random.between(1, 3));
  policy.slow = random.percent(50) ? hub::SlowPolicy::drop_oldest : hub::SlowPolicy::disconnect;
  policy.presence = random.percent(80);
  policy.presence_events_max = random.percent(20) ? 2 : 1000;
  policy.presence_interval = std::chrono::milliseconds(policy.history_messages % 3 * 120);  // of the draws there are
  policy.leave_grace = std::chrono::milliseconds(random.percent(30) ? 0 : 600);
  policy.poll_leave_grace = std::chrono::milliseconds(900);
  return policy;
}

void World::assemble(uint16_t count) {
  mesh_ = std::move(*reactor::Mesh::create(mesh_options_));
  shared_.cores.resize(count);
  hub_options_.cores = count;
  hub_options_.policies = &policies_;
  session::EncoderOptions encoder;
  encoder.deflate = deflate;
  encoder.deflate_from = 64;
  for (uint16_t index = 0; index < count; ++index) {
    cores_.push_back(std::make_unique<Core>(*mesh_, index, encoder));
    Core& core = *cores_.back();
    core.clock.refresh();
    auto backend = std::make_unique<SimBackend>(random, faults, core.clock);
    core.backend = backend.get();
    reactor_options_.core = index;
    core.reactor = std::make_unique<reactor::Reactor>(reactor_options_, std::move(backend), core.mailboxes, core.clock);
    core.gate = std::make_unique<session::Gate>(*core.reactor, core.encoder, sessions_, shared_);
    hub_options_.core = index;
    hub_options_.clock = &core.clock;
    core.hub = std::make_unique<hub::Hub>(hub_options_, core.post, core.encoder, *core.gate);
    core.gate->attach(*core.hub);
    core.reactor->set_handler(core.gate.get());
    shared_.cores[index] = session::CoreView{&core.gate->stats(), &core.hub->stats(), &core.reactor->stats()};
  }
}

World::~World() {
  // What is still under way holds references to blocks.
  const auto drop = [](const reactor::Mail& mail) {
    if (mail.block != nullptr) mail.block->release();
  };
  for (const auto& core : cores_) core->mailboxes.abandon(drop);
  for (const auto& core : cores_) core->mailboxes.drain(drop);
}

std::shared_ptr<Pipe> World::connect() {
  auto pipe = std::make_shared<Pipe>();
  pipe->window = window;
  return cores_[random.below(cores_.size())]->backend->arrive(pipe) ? pipe : nullptr;
}

bool World::runnable(uint16_t index) const {
  const Core& core = *cores_[index];
  return !core.asleep || core.backend->ready() || core.clock.ahead().monotonic_ns >= core.sleeps_until_ns;
}

void World::tick(uint16_t index) {
  Core& core = *cores_[index];
  core.asleep = false;
  const session::DrainPhase entered = core.gate->drain_phase();
  try {
    // Now and then a look without sleeping, as with --spin.
    core.reactor->tick(io::Nanoseconds(core.notified || random.percent(10) ? 0 : -1));
  } catch (const WouldSleep& sleep) {
    core.asleep = true;
    core.sleeps_until_ns = sleep.until_ns;
    return;
  }
  core.notified = phase_ != entered || core.mailboxes.stats().overflow_depth != 0;
  if (!core.notified) core.settled = entered;
  if (phase_ != core.gate->drain_phase()) core.gate->drain(phase_);
}

void World::enter(session::DrainPhase phase) {
  trace.note("-- drain " + std::to_string(static_cast<int>(phase)));
  phase_ = phase;
  for (const auto& core : cores_) {
    core->notified = true;
    core->asleep = false;
  }
}

bool World::settled() const {
  return std::all_of(cores_.begin(), cores_.end(), [&](const auto& core) { return core->settled >= phase_; });
}

bool World::has_presence(std::string_view room) const {
  return policies_[policies_.match(room)].presence;
}

bool World::tells_presence(std::string_view room) const {
  const hub::RoomPolicy& policy = policies_[policies_.match(room)];
  return policy.presence && policy.presence_events_max >= 1000;
}

void World::advance(int64_t ns) {
  passed += std::chrono::nanoseconds(ns);
  for (const auto& core : cores_) core->clock.advance_ns(ns);
}

void World::step_wall(int64_t us) {
  for (const auto& core : cores_) core->clock.step_wall_us(us);
}

void World::check() const {
  for (const auto& core : cores_) core->hub->check();
}

void World::check_at_rest() const {
  check();
  for (const auto& core : cores_) {
    const std::string name = "core " + std::to_string(core->mailboxes.own());
    if (!core->hub->credit_all_back()) violated("credit", name + " lacks some of its credit");
    if (core->mailboxes.mailbox_depth() != 0) violated("mail", name + " sleeps with mail in its boxes");
    if (core->mailboxes.stats().overflow_depth != 0) violated("mail", name + " sleeps with mail in its overflow");
    if (core->mailboxes.stats().overflow_peak > 4096)
      violated("mail", name + " had more mail waiting than credit allows");
    if (core->hub->stats().history_bytes.load() > hub_options_.history_bytes_max) {
      violated("memory", name + " keeps more history than it may");
    }
  }
}

void World::check_empty() const {
  for (const auto& core : cores_) {
    const std::string name = "core " + std::to_string(core->mailboxes.own()) + ": ";
    const hub::HubStats& stats = core->hub->stats();
    const auto zero = [&](std::string_view what, uint64_t value) {
      if (value != 0) violated("conserved", name + std::to_string(value) + " " + std::string(what));
    };
    zero("connections", core->reactor->open_connections());
    zero("memberships", stats.memberships.load());
    zero("users online", stats.online_users.load());
    zero("messages kept", stats.history_messages.load());
    zero("bytes kept", stats.history_bytes.load());
    zero("channels", stats.channels.load());
    zero("bytes unread", core->reactor->stats().queued_bytes.load());
  }
  if (Block::live_blocks() > kWritersPerCore * cores()) {
    violated("leak", std::to_string(Block::live_blocks()) + " blocks alive with nothing open");
  }
}

std::string World::describe() const {
  return std::to_string(cores()) + " cores, " + std::to_string(tenants) + " tenants, " + std::to_string(rooms) +
         " rooms, " + std::to_string(users) + " users, rings of " + std::to_string(mesh_options_.ring_slots) +
         ", credit " + std::to_string(hub_options_.credit_publishes) + ", window " + std::to_string(window);
}

}  // namespace ringcast::simulation
