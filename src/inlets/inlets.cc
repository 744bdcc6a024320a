// SPDX-License-Identifier: Apache-2.0
#include "inlets/inlets.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/core_rings.h"
#include "codec/json/json_writer.h"
#include "inlets/inlet.h"
#include "inlets/lease.h"
#include "inlets/redis_pubsub.h"
#include "inlets/redis_stream.h"

#if RINGCAST_WITH_NATS
#include "inlets/jetstream.h"
#include "inlets/nats_core.h"
#endif
#if RINGCAST_WITH_KAFKA
#include "inlets/kafka.h"
#endif

namespace ringcast::inlets {

using session::ForeignTask;

namespace {

constexpr Time kPublishWait = std::chrono::milliseconds(20);
constexpr Time kSleepMax = std::chrono::seconds(1);
constexpr Time kSilenceMax = std::chrono::seconds(10);

Time now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

// What became of a task, from the core that had it. Owns the task.
struct Outcome {
  ForeignTask* task;
  uint32_t place;
  bool duplicate;
  hub::PublishError error;
};

bool needs_lease(const InletOptions& options) {
  switch (options.type) {
    case Type::redis_pubsub: return options.scope == Scope::once;
    case Type::redis_stream:
    case Type::jetstream: return true;
    case Type::nats:   // a queue group
    case Type::kafka:  // a consumer group
      return false;
  }
  return false;
}

// Each node delivers to its own clients.
bool is_local(const InletOptions& options, const InletsPlan& plan) {
  return plan.broker && !keeps_messages(options.type) && options.scope == Scope::local;
}

RedisConnection::Options connection_of(const cluster::BrokerAddress& address, const std::string& name,
                                       const MappingLimits& limits) {
  RedisConnection::Options out{.address = address, .name = "ringcast:" + name, .silence_max = kSilenceMax};
  out.reply_bytes_max = std::max<size_t>(16 << 20, 4 * limits.body_bytes_max);
  return out;
}

std::unique_ptr<Source> make_source(const InletOptions& options, const InletsPlan& plan) {
  switch (options.type) {
    case Type::redis_pubsub:
    case Type::redis_stream: {
      const auto address = options.url.empty() ? *plan.broker : *cluster::parse_broker(options.url);
      auto connection = connection_of(address, options.name, plan.limits);
      if (options.type == Type::redis_pubsub) return std::make_unique<RedisPubSub>(options, std::move(connection));
      return std::make_unique<RedisStream>(options, connection);
    }
#if RINGCAST_WITH_NATS
    case Type::nats: return std::make_unique<NatsCore>(options, is_local(options, plan) ? "" : options.group);
    case Type::jetstream: return std::make_unique<JetStream>(options);
#endif
#if RINGCAST_WITH_KAFKA
    case Type::kafka: return std::make_unique<Kafka>(options);
#endif
    default: break;
  }
  return nullptr;
}

}  // namespace

class Inlets::Runner {
 public:
  Runner(const InletOptions& options, const InletsPlan& plan, Mapping mapping,
         std::unique_ptr<CoreRings<Outcome>> outcomes);
  ~Runner();

  int wake_descriptor() const { return outcomes_->descriptor(); }
  void start(reactor::Producer producer);
  void drain();
  bool drained() const { return done_.load(std::memory_order_acquire); }
  void stop();
  const InletOptions& options() const { return options_; }
  const InletStats& stats() const { return stats_; }

 private:
  enum class Stage : uint8_t { running, draining, stopping };

  bool publish(std::unique_ptr<ForeignTask>& task, uint32_t place);
  void settle();
  void run();
  void sleep(Time now);
  std::shared_ptr<const access::Grant> rights();

  const InletOptions options_;
  const uint16_t cores_;
  const access::Authority* const authority_;
  const std::unique_ptr<CoreRings<Outcome>> outcomes_;
  InletStats stats_;
  std::unique_ptr<Source> source_;
  std::optional<Lease> lease_;
  Inlet inlet_;
  std::optional<reactor::Producer> producer_;
  uint64_t generation_ = 0;
  std::shared_ptr<const access::Grant> grant_;
  std::vector<pollfd> waits_;
  std::atomic<Stage> stage_{Stage::running};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

Inlets::Runner::Runner(const InletOptions& options, const InletsPlan& plan, Mapping mapping,
                       std::unique_ptr<CoreRings<Outcome>> outcomes)
    : options_(options),
      cores_(plan.cores),
      authority_(plan.authority),
      outcomes_(std::move(outcomes)),
      source_(make_source(options, plan)),
      inlet_(
          options_,
          {.messages = plan.messages,
           .bytes = plan.bytes,
           .one_at_a_time = plan.broker && options.ordered,
           .local = is_local(options, plan)},
          std::move(mapping), *source_,
          [this](std::unique_ptr<ForeignTask>& task, uint32_t place) { return publish(task, place); },
          [this] { return rights(); }, stats_) {
  if (plan.broker && needs_lease(options)) {
    lease_.emplace(connection_of(*plan.broker, options.name, plan.limits), plan.prefix + ":inlet:" + options.name,
                   plan.node, plan.lease);
  }
}

Inlets::Runner::~Runner() {
  stop();
  outcomes_->drain([](Outcome outcome) { delete outcome.task; });
}

void Inlets::Runner::start(reactor::Producer producer) {
  producer_.emplace(std::move(producer));
  // A new thread has its maker's mask: of the signals none is for this one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Inlets::Runner::drain() {
  if (!thread_.joinable()) done_.store(true, std::memory_order_release);
  stage_.store(Stage::draining, std::memory_order_release);
  outcomes_->wake();
}

void Inlets::Runner::stop() {
  stage_.store(Stage::stopping, std::memory_order_release);
  outcomes_->wake();
  if (thread_.joinable()) thread_.join();
  producer_.reset();
}

std::shared_ptr<const access::Grant> Inlets::Runner::rights() {
  if (authority_ == nullptr) return nullptr;
  // Read before the policy: what changes in between is seen again.
  const uint64_t generation = authority_->generation();
  if (generation != generation_) {
    grant_ = authority_->policy()->grant_of_key(options_.name);
    generation_ = generation;
  }
  return grant_;
}

bool Inlets::Runner::publish(std::unique_ptr<ForeignTask>& task, uint32_t place) {
  // The same core for the same channel, so that its messages keep their order.
  const auto core = static_cast<uint16_t>(std::hash<std::string>{}(task->key) % cores_);
  task->published = [this, place, core](std::unique_ptr<ForeignTask> back, const hub::Published& published) {
    const bool offered = outcomes_->offer(core, {back.release(), place, published.duplicate, published.error});
    RINGCAST_ASSERT(offered);  // there are as many slots as messages under way
  };
  const uint32_t bytes = task->bytes();
  const reactor::Mail mail = session::foreign_mail(std::move(task));
  if (producer_->send(core, mail, bytes, kPublishWait) == reactor::SendResult::sent) return true;
  task.reset(reinterpret_cast<ForeignTask*>(mail.value));
  return false;
}

void Inlets::Runner::settle() {
  outcomes_->drain([this](Outcome outcome) {
    inlet_.settled(outcome.place, std::unique_ptr<ForeignTask>(outcome.task),
                   {.error = outcome.error, .duplicate = outcome.duplicate});
  });
}

void Inlets::Runner::run() {
  pthread_setname_np(pthread_self(), ("in:" + options_.name).substr(0, 15).c_str());
  bool held = false;
  for (;;) {
    settle();
    const Stage stage = stage_.load(std::memory_order_acquire);
    if (stage == Stage::stopping) break;
    const Time at = now();
    const bool draining = stage == Stage::draining;
    bool reads = !draining;
    if (lease_) {
      lease_->work(at, !draining || !inlet_.idle());
      const bool holds = lease_->held(at);
      if (held && !holds) inlet_.forget();  // the node that has it now gets them too
      held = holds;
      reads = reads && holds;
    }
    stats_.leads.set(reads ? 1 : 0);
    inlet_.step(at, reads);
    if (draining && inlet_.idle() && (!lease_ || lease_->given_back())) break;
    sleep(at);
  }
  done_.store(true, std::memory_order_release);
}

void Inlets::Runner::sleep(Time at) {
  Time due = std::min(inlet_.due(), at + kSleepMax);
  if (lease_) due = std::min(due, lease_->due(at));
  if (due <= at) return;
  waits_.assign(1, {outcomes_->descriptor(), POLLIN, 0});
  source_->append_waits(waits_);
  if (lease_) lease_->append_waits(waits_);
  if (!outcomes_->prepare_sleep()) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(due - at).count();
  ::poll(waits_.data(), waits_.size(), static_cast<int>(ms));
  outcomes_->finish_sleep();
}

Inlets::Inlets() = default;
Inlets::~Inlets() = default;

Result<std::unique_ptr<Inlets>> Inlets::create(InletsPlan plan) {
  std::unique_ptr<Inlets> inlets(new Inlets);
  for (const InletOptions& options : plan.inlets) {
    if (const std::string_view why = not_built(options.type); !why.empty())
      return fail("not_built", "inlet \"" + options.name + "\": " + std::string(why));
    auto mapping = Mapping::create(options, plan.limits);
    if (!mapping) return fail(mapping.error().code, "inlet \"" + options.name + "\": " + mapping.error().message);
    auto outcomes = CoreRings<Outcome>::create(plan.cores, std::bit_ceil(options.in_flight_max));
    if (!outcomes) return tl::unexpected<Error>(std::move(outcomes.error()));
    inlets->runners_.push_back(std::make_unique<Runner>(options, plan, *std::move(mapping), *std::move(outcomes)));
  }
  return inlets;
}

std::vector<int> Inlets::wake_descriptors() const {
  std::vector<int> out;
  for (const auto& runner : runners_) out.push_back(runner->wake_descriptor());
  return out;
}

Result<void> Inlets::start(const std::function<Result<reactor::Producer>()>& attach) {
  for (const auto& runner : runners_) {
    auto producer = attach();
    if (!producer) return tl::unexpected<Error>(std::move(producer.error()));
    runner->start(*std::move(producer));
  }
  return {};
}

void Inlets::drain() {
  for (const auto& runner : runners_) runner->drain();
}

bool Inlets::drained() const {
  return std::all_of(runners_.begin(), runners_.end(), [](const auto& runner) { return runner->drained(); });
}

void Inlets::stop() {
  for (const auto& runner : runners_) runner->stop();
}

void Inlets::append_metrics(std::string& out) const {
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ringcast_inlet_").append(name).append(" ").append(help);
    out.append("\n# TYPE ringcast_inlet_").append(name).append(" ").append(type).append("\n");
  };
  const auto sample = [&](std::string_view name, const Runner& of, std::string_view more, uint64_t value) {
    out.append("ringcast_inlet_").append(name).append("{inlet=\"").append(of.options().name).append("\"");
    out.append(more).append("} ");
    codec::append_uint(out, value);
    out += '\n';
  };
  using Counter = InletStats::Counter;
  struct Row {
    std::string_view name, type, help;
    Counter InletStats::*value;
  };
  static constexpr Row kRows[] = {
      {"up", "gauge", "Whether the other system is connected.", &InletStats::up},
      {"reads", "gauge", "Whether this node may read there: with a lease one node at a time.", &InletStats::leads},
      {"connects_total", "counter", "Connections that were made.", &InletStats::connects},
      {"disconnects_total", "counter", "Connections that were lost.", &InletStats::disconnects},
      {"received_total", "counter", "Messages that have come.", &InletStats::received},
      {"received_bytes_total", "counter", "Bytes of their bodies.", &InletStats::received_bytes},
      {"published_total", "counter", "Messages that were published.", &InletStats::published},
      {"duplicates_total", "counter", "Of them, those whose idempotency key was known.", &InletStats::duplicates},
      {"dead_letters_total", "counter", "Messages that could not be published and went to the dead-letter room.",
       &InletStats::dead_letters},
      {"retries_total", "counter", "Publishes that were refused for now.", &InletStats::retries},
      {"held_back_total", "counter", "How often reading stopped because too much was in flight.",
       &InletStats::held_back},
      {"missed_total", "counter",
       "Messages that were lost because they came too fast, or because the broker was lost before it answered.",
       &InletStats::missed},
      {"in_flight", "gauge", "Messages that are not settled.", &InletStats::in_flight},
      {"in_flight_bytes", "gauge", "Their bytes.", &InletStats::in_flight_bytes},
  };
  for (const Row& row : kRows) {
    family(row.name, row.type, row.help);
    for (const auto& runner : runners_) sample(row.name, *runner, {}, (runner->stats().*row.value).get());
  }
  family("unmapped_total", "counter", "Messages that cannot be published, by reason.");
  for (const auto& runner : runners_) {
    for (size_t i = 0; i < kReasons; ++i) {
      const std::string reason = ",reason=\"" + std::string(to_string(static_cast<Reason>(i))) + "\"";
      sample("unmapped_total", *runner, reason, runner->stats().unmapped[i].get());
    }
  }
}

void Inlets::append_statistics(codec::JsonWriter& json, bool names) const {
  json.begin_array();
  for (const auto& runner : runners_) {
    const InletStats& stats = runner->stats();
    uint64_t unmapped = 0;
    for (const auto& count : stats.unmapped) unmapped += count.get();
    json.begin_object();
    if (names) json.string("name", runner->options().name);
    json.boolean("up", stats.up.get() != 0).boolean("reads", stats.leads.get() != 0);
    json.uint("received_total", stats.received.get()).uint("published_total", stats.published.get());
    json.uint("unmapped_total", unmapped).uint("in_flight", stats.in_flight.get()).end_object();
  }
  json.end_array();
}

}  // namespace ringcast::inlets
