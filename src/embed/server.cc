// SPDX-License-Identifier: Apache-2.0
#include "ringcast/server.h"

#include <csignal>

#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "api/metrics.h"
#include "app/server.h"
#include "base/log.h"
#include "codec/native/publish_request.h"
#include "config/options.h"
#include "embed/host_hooks.h"
#include "embed/publisher_state.h"
#include "embed/task.h"

namespace ringcast {

using embed::TaskPtr;
using hub::QueryKind;

namespace {

// The settings take the way of a command line, and so its rules.
config::Options checked(const Options& options) {
  std::vector<std::string> words{"ringcast"};
  if (!options.config_file.empty()) words.insert(words.end(), {"--config", options.config_file});
  for (const auto& [name, value] : options.settings) {
    std::string flag = name == "presets" ? "--preset" : "--" + name;
    for (char& letter : flag) letter = letter == '_' ? '-' : letter;
    words.push_back(flag + "=" + value);
  }
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const char* const no_environment[] = {nullptr};
  auto invocation = config::load_options(static_cast<int>(arguments.size()), arguments.data(), no_environment);
  if (!invocation) throw StartError(invocation.error().message);
  if (invocation->action != config::Invocation::Action::run) {
    throw StartError("settings that print something belong on a command line");
  }
  return invocation->options;
}

// One log per process, as long as there is a server: the first one's settings hold.
class LogShare {
 public:
  explicit LogShare(const LogOptions& options) {
    const std::lock_guard lock(mutex_);
    if (users_ == 0) service_.emplace(options);
    ++users_;
  }
  ~LogShare() {
    const std::lock_guard lock(mutex_);
    if (--users_ == 0) service_.reset();
  }
  LogShare(const LogShare&) = delete;
  LogShare& operator=(const LogShare&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline std::optional<LogService> service_;
  static inline int users_ = 0;
};

LogOptions log_options(const config::Options& options) {
  LogOptions log;
  log.level = options.log_level;
  log.json = options.log_format == config::LogFormat::json;
  log.path = options.log_file;
  return log;
}

// The server's threads inherit the mask: signals are for threads of the host.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

struct Server::State {
  State(const config::Options& options, ringcast::Hooks host) : hooks(std::move(host), desk), server(options) {
    server.set_hooks(&hooks);
    life->limits.payload_bytes_max = static_cast<uint32_t>(options.message_size_max);
    life->topics = options.sse_broker_topics;
  }

  // With the shared publisher, under its lock.
  PublishResult send(Result<TaskPtr> task) {
    if (!task) return {PublishStatus::invalid, task.error().message};
    const std::lock_guard lock(mutex);
    if (!shared) return {PublishStatus::stopped, {}};
    return shared->send(std::move(*task), {}, true);
  }
  template <class Value, class Convert>
  std::future<Value> ask(Result<TaskPtr> task, Convert convert) {
    auto promise = std::make_shared<std::promise<Value>>();
    std::future<Value> future = promise->get_future();
    const auto refuse = [&](const std::string& why) {
      promise->set_exception(std::make_exception_ptr(std::runtime_error(why)));
    };
    if (!task) {
      refuse(task.error().message);
      return future;
    }
    (*task)->answered = [promise, convert](const hub::Answer& answer) { promise->set_value(convert(answer)); };
    if (!send(std::move(task))) refuse("the server has stopped");
    return future;
  }

  std::optional<LogShare> log;
  const std::shared_ptr<embed::AnswerDesk> desk = std::make_shared<embed::AnswerDesk>();
  embed::HostHooks hooks;
  app::Server server;
  std::shared_ptr<embed::Life> life = std::make_shared<embed::Life>();
  std::mutex mutex;
  std::unique_ptr<Publisher::State> shared;
  bool running = false;
};

Server::Server(Options options, Hooks hooks) : state_(std::make_unique<State>(checked(options), std::move(hooks))) {}

Server::~Server() {
  stop();
}

void Server::start() {
  const SignalsBlocked blocked;
  try {
    state_->log.emplace(log_options(state_->server.options()));
  } catch (const std::runtime_error& error) {
    throw StartError(error.what());
  }
  if (auto started = state_->server.start(); !started) throw StartError(started.error().message);
  state_->life->cores = state_->server.cores();
  auto producer = state_->server.attach_producer();
  if (!producer) throw StartError(producer.error().message);
  auto answers = state_->server.attach_producer();
  if (!answers) throw StartError(answers.error().message);
  state_->desk->open(*std::move(answers));
  state_->shared.reset(new Publisher::State{state_->life, std::move(*producer)});
  state_->running = true;
}

void Server::drain() {
  if (!state_->running) return;
  state_->life->stopping.store(true, std::memory_order_release);
  state_->server.drain([] { return false; });
}

void Server::stop() {
  if (!state_->running) return;
  state_->life->stopping.store(true, std::memory_order_release);
  state_->server.stop();
  state_->desk->close();
  const std::lock_guard lock(state_->mutex);
  state_->shared.reset();
  state_->running = false;
}

std::vector<std::string> Server::urls() const {
  return state_->server.urls();
}

Publisher Server::publisher() {
  auto producer = state_->server.attach_producer();
  if (!producer) throw std::runtime_error(producer.error().message);
  return Publisher(std::unique_ptr<Publisher::State>(new Publisher::State{state_->life, std::move(*producer)}));
}

PublishResult Server::publish(const Message& message) {
  return state_->send(embed::publish_task(message, state_->life->limits));
}

PublishResult Server::send_to_user(std::string_view user, std::string_view event, std::string_view data,
                                   std::string_view tenant) {
  Message message;
  message.to = user;
  message.tenant = tenant;
  return state_->send(embed::event_task(std::move(message), event, data, state_->life->limits));
}

PublishResult Server::send_to_room(std::string_view room, std::string_view event, std::string_view data,
                                   std::string_view tenant) {
  Message message;
  message.room = room;
  message.tenant = tenant;
  return state_->send(embed::event_task(std::move(message), event, data, state_->life->limits));
}

PublishResult Server::send_to_topic(std::string_view topic, std::string_view event, std::string_view data,
                                    std::string_view tenant) {
  if (!state_->life->topics) return {PublishStatus::invalid, "topics not enabled"};
  return send_to_room(topic, event, data, tenant);
}

PublishResult Server::broadcast(std::string_view event, std::string_view data, std::string_view tenant) {
  Message message;
  message.broadcast = true;
  message.tenant = tenant;
  return state_->send(embed::event_task(std::move(message), event, data, state_->life->limits));
}

std::future<bool> Server::send_to_connection(std::string_view connection, std::string_view event, std::string_view data,
                                             std::string_view tenant) {
  return state_->ask<bool>(embed::connection_task(tenant, connection, event, data, state_->life->limits),
                           [](const hub::Answer& answer) { return answer.found; });
}

PublishResult Server::emit_with_ack(std::string_view connection, std::string_view event, std::string_view data,
                                    std::chrono::milliseconds timeout, std::function<void(const Acknowledgement&)> done,
                                    std::string_view tenant) {
  if (timeout.count() < 1 || timeout.count() > codec::kAckTimeoutMaxMs) {
    return {PublishStatus::invalid, "the timeout must be 1 ms to 60 s"};
  }
  auto task = embed::connection_task(tenant, connection, event, data, state_->life->limits);
  if (task) {
    (*task)->ack_timeout_ms = static_cast<uint32_t>(timeout.count());
    (*task)->answered = [done = std::move(done)](const hub::Answer& answer) {
      Acknowledgement acknowledgement{.sent = answer.found, .acknowledged = !answer.rows.empty()};
      for (const hub::Row& row : answer.rows) {
        if (&row == &answer.rows.front()) {
          acknowledgement.arguments = row.text;
        } else {
          acknowledgement.attachments.push_back(row.text);
        }
      }
      done(acknowledgement);
    };
  }
  return state_->send(std::move(task));
}

std::future<bool> Server::is_online(std::string_view user, std::string_view tenant) {
  return state_->ask<bool>(embed::user_task(QueryKind::user, tenant, user),
                           [](const hub::Answer& answer) { return !answer.rows.empty(); });
}

std::future<UserPage> Server::online_users(std::string_view after, uint32_t limit, std::string_view tenant) {
  auto task = std::make_unique<session::ForeignTask>();
  task->kind = session::ForeignTask::Kind::query;
  task->query = QueryKind::users;
  task->tenant = tenant;
  task->after_name = after;
  task->limit = std::min<uint32_t>(std::max<uint32_t>(limit, 1), 1000);
  return state_->ask<UserPage>(std::move(task), [](const hub::Answer& answer) {
    UserPage page;
    for (const hub::Row& row : answer.rows) page.users.push_back(row.name);
    page.more = answer.more;
    return page;
  });
}

std::future<uint64_t> Server::topics(std::string_view tenant) {
  auto task = std::make_unique<session::ForeignTask>();
  task->kind = session::ForeignTask::Kind::query;
  task->query = QueryKind::busiest;
  task->tenant = tenant;
  task->limit = 0;
  return state_->ask<uint64_t>(std::move(task), [](const hub::Answer& answer) { return answer.count; });
}

std::future<uint32_t> Server::disconnect_user(std::string_view user, std::string_view tenant) {
  return state_->ask<uint32_t>(embed::user_task(QueryKind::disconnect_user, tenant, user),
                               [](const hub::Answer& answer) { return static_cast<uint32_t>(answer.count); });
}

Stats Server::stats() const {
  Stats stats;
  if (!state_->running) return stats;
  session::Totals totals;
  for (const session::CoreView& core : state_->server.shared().cores) totals.add(core);
  stats.clients = totals.clients();
  stats.users = totals.online_users;
  stats.channels = totals.channels;
  stats.messages = totals.published;
  stats.deliveries = totals.delivered;
  stats.history_messages = totals.history_messages;
  stats.history_bytes = totals.history_bytes;
  stats.cores = state_->server.cores();
  stats.running = true;
  return stats;
}

}  // namespace ringcast
