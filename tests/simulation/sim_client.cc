// SPDX-License-Identifier: Apache-2.0
#include "sim_client.h"

#include <utility>

namespace ringcast::simulation {

void SimClient::act() {
  if (retired_) return;
  if (pipe_ != nullptr) return do_something();
  pipe_ = world_.connect();
  if (pipe_ == nullptr) return;
  reading_ = true;
  on_connected();
}

bool SimClient::has_unread() const {
  return pipe_ != nullptr && (!pipe_->to_client.empty() || pipe_->server_fin || pipe_->server_reset);
}

void SimClient::read() {
  if (pipe_ == nullptr || !reading_) return;
  // What is done from within may cut the connection.
  const std::shared_ptr<Pipe> pipe = pipe_;
  if (!pipe->to_client.empty()) {
    size_t length = pipe->to_client.size();
    if (random().percent(40)) length = 1 + random().below(length);
    std::string bytes = pipe->to_client.substr(0, length);
    pipe->to_client.erase(0, length);
    world_.trace.mix(bytes);
    on_bytes({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  }
  if (pipe_ != pipe || !pipe->to_client.empty()) return;
  if (!pipe->server_fin && !pipe->server_reset) return;
  note(pipe->server_reset ? "was reset" : "reached the end");
  pipe->client_fin = true;
  pipe_ = nullptr;
  on_end();
}

void SimClient::cut(bool reset) {
  if (pipe_ == nullptr) return;
  note(reset ? "resets" : "hangs up");
  const std::shared_ptr<Pipe> pipe = std::exchange(pipe_, nullptr);
  pipe->client_fin = true;
  if (reset) {
    pipe->client_reset = true;
    pipe->to_client.clear();
  }
  pipe->window = SIZE_MAX;  // nobody reads what still comes
  on_end();
}

std::string SimClient::content(std::string_view key, uint64_t publisher, uint64_t sequence) {
  world_.ledger.made(key);
  return make_token(key, publisher, sequence) + std::string(random().below(world_.content_max + 1), 'x');
}

}  // namespace ringcast::simulation
