// SPDX-License-Identifier: Apache-2.0
#include "session/poll_session.h"

#include <algorithm>

#include "session/canonical.h"
#include "session/frame_length.h"
#include "session/gate.h"
#include "session/guard.h"
#include "session/http_session.h"
#include "session/request.h"
#include "session/subscription.h"
#include "wire/cursor.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"
#include "wire/poll_json.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::PauseReason;

struct PollSession::Poll final : Extra {
  explicit Poll(uint32_t bytes_max) : answer(body, bytes_max) {}

  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t find(std::string_view key) const {
    for (uint32_t i = 0; i < channels.size(); ++i) {
      if (channels[i].key == key) return i;
    }
    return kUnknown;
  }

  std::vector<Subscribed> channels;  // in order of their names
  std::vector<uint64_t> positions;   // beside channels: after what the answer holds
  uint32_t hash = 0;                 // of the names
  uint32_t outstanding = 0;          // joins
  bool at_once = false;              // a poll without a cursor asks for nothing but one
  bool full = false;                 // what comes now belongs into the next answer
  bool forced = false;               // is answered whatever it holds
  bool in_line = false;              // on_tick looks at it
  const char* error = nullptr;       // code: it cannot be answered
  // R11: notifications are asked for by time, not by position.
  bool by_time = false;
  bool since_now = false;  // nobody said since when
  uint64_t since_ms = 0;
  uint64_t newest_ms = 0;     // of what was seen
  std::string notifications;  // the answer's, separated by commas
  std::string body;
  wire::PollAnswer answer;
};

PollSession::PollSession(Gate& gate) : gate_(gate) {}

void PollSession::open(Client& client, Connection& connection, const Request& request) {
  HttpSession& http = gate_.http();
  const SessionOptions& options = gate_.options();
  const auto refuse = [&](const Error& error) {
    http.refuse(client, connection, error.code == "forbidden" ? 403 : 400, error.code, error.message);
  };
  identify(client, request);
  const bool by_time = request.route.dialect == Dialect::notifications;
  auto channels = initial_channels(request, client, options.rooms_per_stream_max);
  if (!channels) return refuse(channels.error());
  if (channels->empty()) return refuse({"missing_rooms", "a poll names its channels: rooms=general,@me"});
  const auto seconds = [](milliseconds time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  const auto timeout =
      request.query.get_uint("timeout", seconds(options.poll_timeout), 1, seconds(options.poll_timeout_max));
  if (!timeout) return refuse(timeout.error());
  const std::string_view since = request.query.get_any({"since", "last_event_id", "last_id"}).value_or("");
  uint64_t since_ms = gate_.reactor().wall_us() / 1000;
  if (by_time) {
    const auto given = request.query.get_uint("since", since_ms, 0, wire::kMessageIdMax);
    if (!given) return refuse(given.error());
    since_ms = *given;
    // Positions say nothing of times: all that history has left is looked at.
    for (Subscribed& channel : *channels) channel.has_cursor = true;
  } else if (const auto applied = apply_cursor(since, client.user(), *channels); !applied) {
    return refuse(applied.error());
  }
  if (const auto permitted = permit(gate_.guard(), client, *channels); !permitted) return refuse(permitted.error());

  auto made = std::make_unique<Poll>(options.poll_answer_max);
  Poll& poll = *made;
  poll.channels = std::move(*channels);
  std::sort(poll.channels.begin(), poll.channels.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  std::vector<std::string_view> names;
  for (const Subscribed& channel : poll.channels) names.push_back(channel.name());
  poll.hash = wire::cursor_hash(names);
  poll.positions.resize(poll.channels.size(), 0);
  poll.by_time = by_time;
  poll.since_now = since.empty();
  poll.since_ms = since_ms;
  poll.at_once = (since.empty() && !by_time) || client.head_only;

  client.kind = Kind::poll;
  client.phase = Phase::open;
  client.extra = std::move(made);
  gate_.opened(client, Transport::poll);
  gate_.reactor().arm_timer(connection, std::chrono::seconds(std::min(*timeout, gate_.guard().seconds_left(client))));
  gate_.open_at_hub(client, form_id(WireForm::poll, request.route.dialect));
  for (const Subscribed& channel : poll.channels) {
    if (gate_.hub().join(join_of(client, channel))) ++poll.outstanding;
  }
  // The directory counts every connection of a user, whatever it listens to.
  if (!client.anonymous && poll.find(client.inbox_key()) == Poll::kUnknown) {
    hub::Join join{.connection = client.id,
                   .key = client.inbox_key(),
                   .name = client.who.inbox_name(),
                   .user = client.user(),
                   .silent = true};
    if (gate_.hub().join(join)) ++poll.outstanding;
  }
}

// One request at a time: what follows waits until this one is answered.
size_t PollSession::on_bytes(Client&, Connection& connection, std::span<uint8_t>) {
  gate_.reactor().pause_reading(connection, PauseReason::answer);
  return 0;
}

void PollSession::on_peer_gone(Client& client, Connection& connection, io::CloseReason) {
  gate_.close_now(client, connection.close_cause);
}

void PollSession::on_drained(Client&, Connection&) {}

void PollSession::on_slow(Client& client, Connection&, CloseCause cause) {
  gate_.close_now(client, cause, io::CloseMode::reset);
}

void PollSession::on_closed(Client& client) {
  gate_.ended(client, Transport::poll);
}

// --- what arrives ---

void PollSession::later(Client& client, Poll& poll) {
  if (poll.in_line) return;
  poll.in_line = true;
  later_.push_back(client.id);
}

void PollSession::on_joined(Client& client, Connection&, const hub::Joined& joined) {
  auto& poll = client.extra_as<Poll>();
  RINGCAST_ASSERT(poll.outstanding > 0);
  --poll.outstanding;
  const uint32_t at = poll.find(joined.key);
  if (joined.error != hub::JoinError::none) {
    poll.error = "channels_full";
  } else if (at != Poll::kUnknown) {
    poll.positions[at] = joined.id;
    if (!joined.keeps_history) poll.error = "no_history";
    const bool gap = !joined.recovered || poll.channels[at].mismatch;
    if (gap && !poll.by_time) {
      gate_.stats().gaps.add();
      poll.answer.add_gap(hub::name_of(joined.key), joined.oldest);
    } else if (joined.replayed != 0) {
      gate_.stats().resumed.add();
    }
  }
  if (poll.outstanding == 0) later(client, poll);
}

void PollSession::add(Client& client, Poll& poll, uint32_t channel, std::string_view json, uint64_t id) {
  if (poll.full) return;
  if (!poll.answer.add_event(json)) {
    poll.full = true;
  } else if (id != 0 && channel != Poll::kUnknown) {
    poll.positions[channel] = id;
  }
  later(client, poll);
}

void PollSession::add_by_time(Client& client, Poll& poll, std::string_view canonical, std::string_view json,
                              bool replayed) {
  if (poll.full) return;
  const uint64_t at_ms = wire::timestamp_ms(wire::json_member(read_canonical(canonical).json, "timestamp"));
  // What comes live is new to who asks from now on, whatever the clocks of two cores say.
  const bool wanted = at_ms > poll.since_ms || (poll.since_now && !replayed);
  if (wanted && !poll.notifications.empty() &&
      poll.notifications.size() + json.size() > gate_.options().poll_answer_max) {
    poll.full = true;
  } else {
    poll.newest_ms = std::max(poll.newest_ms, at_ms);
    if (!wanted) return;
    if (!poll.notifications.empty()) poll.notifications += ',';
    poll.notifications += json;
  }
  later(client, poll);
}

// A later answer begins where this one ends. An inbox's times rise strictly, so what was seen ends it; where nothing
// was, time itself does not: another core's clock may be a moment behind.
void PollSession::write_notifications(const Poll& poll, std::string& body) const {
  constexpr uint64_t kClocksApartMs = 2000;
  const uint64_t nothing = poll.since_now ? poll.since_ms - std::min(poll.since_ms, kClocksApartMs) : poll.since_ms;
  body = "{\"notifications\":[" + poll.notifications + "],\"timestamp\":";
  wire::append_uint(body, std::max(nothing, poll.newest_ms));
  body += '}';
}

void PollSession::on_replay(Client& client, Connection&, std::string_view key, std::span<const Slice> canonical,
                            uint64_t first_id, uint32_t, uint64_t gap_oldest, bool) {
  auto& poll = client.extra_as<Poll>();
  if (gap_oldest != 0 && !poll.full && !poll.by_time) {
    gate_.stats().gaps.add();
    poll.answer.add_gap(hub::name_of(key), gap_oldest);
  }
  const uint32_t channel = poll.find(key);
  uint64_t id = first_id;
  for (const Slice& slice : canonical) {
    std::string_view run = slice.view();
    while (!run.empty() && !poll.full) {
      const uint32_t length = websocket_frame_length({reinterpret_cast<const uint8_t*>(run.data()), run.size()});
      text_.clear();
      const hub::Derived derived = gate_.encoder().derive(client.form, run.substr(0, length), id, text_);
      if (poll.by_time) {
        if (derived.kind != hub::Derived::Kind::nothing) add_by_time(client, poll, run.substr(0, length), text_, true);
      } else {
        add(client, poll, channel, text_, id);
      }
      ++id;
      run.remove_prefix(length);
    }
  }
  later(client, poll);
}

void PollSession::deliver(std::string_view key, const hub::Delivery& delivery) {
  for (const hub::RunEntry& entry : delivery.entries) {
    text_.clear();
    if (gate_.encoder().derive(delivery.form, entry.canonical.view(), entry.id, text_).kind ==
        hub::Derived::Kind::nothing) {
      continue;
    }
    for (const uint32_t slot : delivery.members) {
      Client& client = gate_.at(slot);
      if (client.kind != Kind::poll || client.phase != Phase::open) continue;
      auto& poll = client.extra_as<Poll>();
      if (poll.by_time) {
        add_by_time(client, poll, entry.canonical.view(), text_, false);
      } else {
        add(client, poll, poll.find(key), text_, entry.id);
      }
    }
  }
  gate_.stats().out(Transport::poll).add(delivery.entries.size() * delivery.members.size());
}

bool PollSession::send_canonical(Client& client, Connection&, std::string_view canonical) {
  auto& poll = client.extra_as<Poll>();
  if (poll.full) return false;
  text_.clear();
  if (gate_.encoder().derive(client.form, canonical, 0, text_).kind == hub::Derived::Kind::nothing) return false;
  if (poll.by_time) {
    add_by_time(client, poll, canonical, text_, false);
    return true;
  }
  add(client, poll, Poll::kUnknown, text_, 0);
  return true;
}

// --- answers ---

void PollSession::on_left(Client& client, Connection&, std::string_view, hub::LeftReason) {
  force(client);
}

void PollSession::on_kicked(Client& client, Connection&) {
  client.keep_alive = false;
  force(client);
}

void PollSession::force(Client& client) {
  auto& poll = client.extra_as<Poll>();
  poll.forced = true;
  later(client, poll);
}

void PollSession::drain(Client& client, Connection& connection) {
  client.keep_alive = false;
  auto& poll = client.extra_as<Poll>();
  poll.forced = true;
  answer(client, connection, poll);
}

void PollSession::on_timer(Client& client, Connection& connection) {
  auto& poll = client.extra_as<Poll>();
  poll.forced = true;
  answer(client, connection, poll);
}

void PollSession::on_tick() {
  for (size_t i = 0; i < later_.size(); ++i) {
    Client* client = gate_.find(later_[i]);
    if (client == nullptr || client->kind != Kind::poll) continue;
    auto& poll = client->extra_as<Poll>();
    poll.in_line = false;
    if (poll.outstanding != 0 && !poll.forced) continue;
    const bool complete = poll.full || !gate_.hub().replaying(client->id);
    if (!complete && poll.error == nullptr && !poll.forced) {
      gate_.hub().replay_next(client->id);
      continue;
    }
    if (poll.at_once || poll.forced || poll.error != nullptr || !poll.answer.empty() || !poll.notifications.empty()) {
      answer(*client, gate_.connection(*client), poll);
    }
  }
  later_.clear();
}

void PollSession::answer(Client& client, Connection& connection, Poll& poll) {
  const bool positions_known = poll.outstanding == 0;
  const char* error = poll.error;
  std::string body;
  if (poll.by_time && error == nullptr && positions_known) {
    write_notifications(poll, body);
  } else if (error == nullptr && positions_known) {
    text_.clear();
    wire::append_cursor(text_, poll.hash, poll.positions);
    poll.answer.finish(text_);
    body = std::move(poll.body);
  }
  // From here on it is an HTTP request like any other.
  gate_.close_at_hub(client, !client.clean_leave);
  gate_.ended(client, Transport::poll);
  gate_.reactor().cancel_timer(connection);
  gate_.http().take_back(client);
  HttpSession& http = gate_.http();
  if (error != nullptr && std::string_view(error) == "no_history") {
    http.refuse(client, connection, 400, error, "a room that keeps no history cannot be polled");
  } else if (error != nullptr) {
    http.refuse(client, connection, 503, error, "there are as many channels as there may be");
  } else if (!positions_known) {
    http.refuse(client, connection, 503, "try_again", "this poll could not be answered in time");
  } else {
    http.respond(client, connection, {.status = 200, .content_type = kJson, .body = body});
  }
  if (!gate_.alive(client) || connection.closing) return;
  gate_.reactor().resume_reading(connection, PauseReason::answer);
  gate_.read_on(client);
}

}  // namespace ringcast::session
