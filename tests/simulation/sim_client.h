// SPDX-License-Identifier: Apache-2.0
// A simulated client at the far end of a pipe: connects, is cut, reads as much as chance gives it. What it speaks is up
// to the kinds below it. One per world slot; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipe.h"
#include "world.h"

namespace ringcast::simulation {

// Connections by channel ("tenant:room") and user.
using Presences = std::map<std::string, std::map<std::string, uint32_t>>;

class SimClient {
 public:
  SimClient(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  virtual ~SimClient() = default;

  const std::string& name() const { return name_; }
  bool connected() const { return pipe_ != nullptr; }
  // Does one thing of its choice: connects when it is not connected, else acts.
  void act();
  // Takes some of what has arrived, or learns of the end.
  virtual void read();
  virtual bool has_unread() const;
  void set_reading(bool reading) { reading_ = reading; }
  // Without a goodbye: FIN or RST.
  void cut(bool reset);
  virtual void say_goodbye() { cut(false); }
  // Nothing more is done from here on.
  void retire() { retired_ = true; }
  // At rest, everything that was promised has happened.
  virtual void check_at_rest() const = 0;
  // The server has stopped: each client that it sent away had received everything. `rested`: nothing was under way
  // before.
  virtual void check_drained(bool /*rested*/) const {}
  // At rest: in which rooms it is shown.
  virtual void count_in(Presences&) const {}

 protected:
  virtual void on_connected() = 0;
  virtual void do_something() = 0;
  virtual void on_bytes(std::span<uint8_t> bytes) = 0;
  virtual void on_end() = 0;

  Random& random() { return world_.random; }
  void send(std::string_view bytes) {
    if (pipe_ != nullptr && !pipe_->client_fin) pipe_->to_server += bytes;
  }
  void note(std::string_view what) { world_.trace.note(name_ + ' ' + std::string(what)); }
  // A new message's content, of random length, that says what it is.
  std::string content(std::string_view key, uint64_t publisher, uint64_t sequence);

  World& world_;
  std::string name_;
  std::shared_ptr<Pipe> pipe_;
  bool reading_ = true;
  bool retired_ = false;
};

}  // namespace ringcast::simulation
