// SPDX-License-Identifier: Apache-2.0
#include "transport/long_poll/poll_session.h"

#include <algorithm>

#include "api/request.h"
#include "client/connection_log.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "codec/native/cursor.h"
#include "codec/native/event_json.h"
#include "codec/native/poll_json.h"
#include "compat/canonical.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/subscription.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::PauseReason;

namespace {

constexpr std::string_view kNoHistory = "a room that keeps no history cannot be polled";
constexpr std::string_view kChannelsFull = "there are as many channels as there may be";

}  // namespace

// Why a poll is answered with an error.
enum class PollSession::Refusal : uint8_t { none, no_history, channels_full, unavailable, kicked, revoked };

struct PollSession::Poll final : Extra {
  explicit Poll(uint32_t bytes_max) : answer(body, bytes_max) {}

  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t find(std::string_view key) const {
    for (uint32_t i = 0; i < channels.size(); ++i) {
      if (channels[i].key == key) return i;
    }
    return kUnknown;
  }

  // All its channels have ended, and the client has seen it.
  bool nothing_to_come() const { return resumes && ended == channels.size() && answer.empty(); }

  std::vector<Subscribed> channels;  // in order of their names
  std::vector<uint64_t> positions;   // beside channels: after what the answer holds
  uint32_t hash = 0;                 // of the names
  uint32_t outstanding = 0;          // joins
  bool resumes = false;              // it came with a cursor
  bool at_once = false;              // a poll without a cursor asks for nothing but one
  bool by_name = false;              // opened by POST: what is wrong with one channel ends nothing
  bool full = false;                 // what comes now belongs into the next answer
  bool in_line = false;              // on_tick looks at it
  uint32_t ended = 0;                // channels whose newest message was final and has been seen
  Refusal refusal = Refusal::none;
  // Notifications are asked for by time, not by position.
  bool by_time = false;
  bool since_now = false;  // nobody said since when
  uint64_t since_ms = 0;
  uint64_t newest_ms = 0;     // of what was seen
  std::string notifications;  // the answer's, separated by commas
  std::string body;
  codec::PollAnswer answer;
};

PollSession::PollSession(Gate& gate) : gate_(gate) {}

void PollSession::open(Client& client, Connection& connection, const Request& request) {
  HttpSession& http = gate_.http();
  const SessionOptions& options = gate_.options();
  const auto refuse = [&](const Error& error) {
    http.refuse(client, connection, error.code == "forbidden" ? 403 : 400, error.code, error.message);
  };
  identify(client, request);
  if (request.http.method == codec::HttpMethod::post) return open_posted(client, connection, request);
  const bool by_time = request.route.dialect == Dialect::notifications;
  auto channels = initial_channels(request, client, options, options.rooms_per_stream_max);
  if (!channels) return refuse(channels.error());
  if (channels->empty()) return refuse({"missing_rooms", "a poll names its channels: rooms=general,@me"});
  const auto seconds = [](milliseconds time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  const auto timeout =
      request.query.get_uint("timeout", seconds(options.poll_timeout), 1, seconds(options.poll_timeout_max));
  if (!timeout) return refuse(timeout.error());
  const auto since = request.query.get_any({"since", "last_event_id", "last_id"});
  bool resumes = false;
  uint64_t since_ms = 0;
  if (by_time) {
    // What is no time, or 0, means now.
    since_ms = request.query.get_uint("since", 0, 0, codec::kMessageIdMax).value_or(0);
    // Positions say nothing of times: all that history has left is looked at.
    for (Subscribed& channel : *channels) channel.has_cursor = true;
  } else if (since) {
    resumes = apply_cursor(request, *since, client.user(), *channels);
  }
  if (const auto permitted = permit(gate_.guard(), client, *channels); !permitted) return refuse(permitted.error());

  auto made = std::make_unique<Poll>(options.poll_answer_max);
  Poll& poll = *made;
  poll.channels = std::move(*channels);
  std::sort(poll.channels.begin(), poll.channels.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  std::vector<std::string_view> names;
  for (const Subscribed& channel : poll.channels) names.push_back(channel.name());
  poll.hash = codec::cursor_hash(names);
  poll.by_time = by_time;
  poll.since_now = since_ms == 0;
  poll.since_ms = poll.since_now ? gate_.reactor().wall_us() / 1000 : since_ms;
  poll.resumes = resumes;
  poll.at_once = (!resumes && !by_time) || client.head_only;
  begin(client, connection, request, std::move(made), *timeout);
}

void PollSession::open_posted(Client& client, Connection& connection, const Request& request) {
  HttpSession& http = gate_.http();
  const SessionOptions& options = gate_.options();
  auto posted = posted_channels(request, client, gate_.guard(), options);
  if (!posted) {
    const uint16_t status = posted.error().code == "forbidden" ? 403 : 400;
    return http.refuse(client, connection, status, posted.error().code, posted.error().message);
  }
  const auto seconds = [](milliseconds time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  const uint64_t timeout = posted->timeout_s.value_or(static_cast<uint32_t>(seconds(options.poll_timeout)));
  if (timeout > seconds(options.poll_timeout_max)) {
    return http.refuse(
        client, connection, 400, "bad_field",
        "\"timeout\" must be from 0 (at once) to " + std::to_string(seconds(options.poll_timeout_max)) + " seconds");
  }
  auto made = std::make_unique<Poll>(options.poll_answer_max);
  Poll& poll = *made;
  poll.channels = std::move(posted->channels);
  poll.by_name = true;
  // A channel without a position asks for one.
  poll.resumes = std::all_of(poll.channels.begin(), poll.channels.end(),
                             [](const Subscribed& channel) { return channel.has_cursor; });
  poll.at_once = timeout == 0 || !poll.resumes || !posted->refused.empty();
  for (const RefusedChannel& refused : posted->refused) {
    add_refused(client, poll, refused.name, refused.error.code, refused.error.message);
  }
  begin(client, connection, request, std::move(made), std::max<uint64_t>(timeout, 1));
}

void PollSession::add_refused(const Client& client, Poll& poll, std::string_view room, std::string_view code,
                              std::string_view message) {
  gate_.log().refused(client, 0, code, message);
  text_.clear();
  codec::append_room_error_event(text_, codec::ErrorEvent::error, room, code, message);
  poll.answer.add_notice(text_);
}

void PollSession::begin(Client& client, Connection& connection, const Request& request, std::unique_ptr<Poll> made,
                        uint64_t timeout_s) {
  Poll& poll = *made;
  poll.positions.resize(poll.channels.size(), 0);
  client.kind = Kind::poll;
  client.phase = Phase::open;
  client.extra = std::move(made);
  gate_.opened(client, TransportKind::poll);
  gate_.reactor().arm_timer(connection, std::chrono::seconds(std::min(timeout_s, gate_.guard().seconds_left(client))));
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

// A peer that has ended its side may still be reading: it is answered with what there is, and what it has sent behind
// the poll is done. Nothing is waited for in the name of one that is gone.
void PollSession::on_peer_gone(Client& client, Connection&) {
  auto& poll = client.extra_as<Poll>();
  poll.at_once = true;
  later(client, poll);
}

void PollSession::on_drained(Client&, Connection&) {}

void PollSession::on_slow(Client& client, Connection& connection, CloseCause cause) {
  gate_.log().slow(client, cause, connection.outbox.bytes());
  gate_.close_now(client, cause, io::CloseMode::reset);
}

void PollSession::on_closed(Client& client, CloseCause) {
  gate_.ended(client, TransportKind::poll);
}

// --- what arrives ---

void PollSession::later(Client& client, Poll& poll) {
  if (poll.in_line) return;
  poll.in_line = true;
  later_.push(client.id);
}

void PollSession::on_joined(Client& client, Connection&, const hub::Joined& joined) {
  auto& poll = client.extra_as<Poll>();
  RINGCAST_ASSERT(poll.outstanding > 0);
  --poll.outstanding;
  const uint32_t at = poll.find(joined.key);
  if (joined.error != hub::JoinError::none) {
    const bool full = joined.error == hub::JoinError::channels_full;
    refuse_channel(client, poll, at, full ? Refusal::channels_full : Refusal::unavailable);
  } else if (at != Poll::kUnknown && !joined.keeps_history) {
    refuse_channel(client, poll, at, Refusal::no_history);
  } else if (at != Poll::kUnknown) {
    poll.positions[at] = joined.id;
    if (joined.ended) ++poll.ended;
    const CursorFault fault = poll.channels[at].fault;
    const bool gap = !joined.recovered || fault != CursorFault::none;
    if (gap && !poll.by_time) {
      gate_.stats().gaps.add();
      poll.answer.add_gap(hub::name_of(joined.key), joined.id + 1, gap_reason(fault));
    } else if (joined.replayed != 0) {
      gate_.stats().resumed.add();
    }
  }
  if (poll.outstanding == 0) later(client, poll);
}

void PollSession::refuse_channel(const Client& client, Poll& poll, uint32_t at, Refusal refusal) {
  if (!poll.by_name || at == Poll::kUnknown) {
    poll.refusal = refusal;
    return;
  }
  const std::string_view room = poll.channels[at].name();
  if (refusal == Refusal::no_history) {
    add_refused(client, poll, room, "no_history", kNoHistory);
  } else {
    const Error& error =
        error_of(refusal == Refusal::unavailable ? hub::JoinError::unavailable : hub::JoinError::channels_full);
    add_refused(client, poll, room, error.code, error.message);
  }
  poll.positions[at] = codec::kNoPosition;
}

void PollSession::add(Client& client, Poll& poll, uint32_t channel, std::string_view json, uint64_t id) {
  if (poll.full || (channel != Poll::kUnknown && poll.positions[channel] == codec::kNoPosition)) return;
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
  const uint64_t at_ms = codec::timestamp_ms(codec::json_member(read_canonical(canonical).json, "timestamp"));
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
  codec::append_uint(body, std::max(nothing, poll.newest_ms));
  body += '}';
}

void PollSession::on_replay(Client& client, Connection&, std::string_view key, std::span<const Slice> canonical,
                            uint64_t first_id, uint32_t, uint64_t gap_oldest) {
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
  gate_.stats().out(TransportKind::poll).add(delivery.entries.size() * delivery.members.size());
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

void PollSession::on_left(Client& client, Connection&, std::string_view key, hub::LeftReason reason) {
  auto& poll = client.extra_as<Poll>();
  if (poll.by_time || poll.find(key) == Poll::kUnknown) return;
  // A final message that belongs into the next answer brings its end with it.
  if (reason == hub::LeftReason::final && poll.full) return;
  text_.clear();
  codec::append_left_event(text_, hub::name_of(key), hub::text_of(reason), {});
  poll.answer.add_notice(text_);
  later(client, poll);
}

void PollSession::on_kicked(Client& client, Connection&) {
  auto& poll = client.extra_as<Poll>();
  client.keep_alive = false;
  poll.refusal = Refusal::kicked;
  later(client, poll);
}

// One that expires ends the wait by its timer.
void PollSession::end_token(Client& client, Connection& connection, TokenEnd) {
  auto& poll = client.extra_as<Poll>();
  poll.refusal = Refusal::revoked;
  answer(client, connection, poll);
}

void PollSession::drain(Client& client, Connection& connection) {
  client.keep_alive = false;
  auto& poll = client.extra_as<Poll>();
  if (poll.outstanding != 0) {
    poll.at_once = true;  // when its joins are answered and what it missed has come
    return;
  }
  answer(client, connection, poll);
}

void PollSession::on_timer(Client& client, Connection& connection) {
  answer(client, connection, client.extra_as<Poll>());
}

void PollSession::on_tick() {
  later_.take_turns(gate_.reactor(), [this](ConnectionId id) {
    Client* client = gate_.find(id);
    if (client == nullptr || client->kind != Kind::poll) return;
    auto& poll = client->extra_as<Poll>();
    poll.in_line = false;
    if (poll.refusal != Refusal::none) {
      answer(*client, gate_.connection(*client), poll);
      return;
    }
    if (poll.outstanding != 0) return;
    if (!poll.full && gate_.hub().replaying(client->id)) {
      gate_.hub().replay_next(client->id);
      return;
    }
    if (poll.at_once || poll.nothing_to_come() || !poll.answer.empty() || !poll.notifications.empty()) {
      answer(*client, gate_.connection(*client), poll);
    }
  });
}

void PollSession::answer(Client& client, Connection& connection, Poll& poll) {
  const Refusal refusal = poll.refusal;
  const bool positions_known = poll.outstanding == 0;
  const bool ended = positions_known && poll.nothing_to_come();
  std::string body;
  if (refusal == Refusal::none && positions_known && !ended) {
    if (poll.by_time) {
      write_notifications(poll, body);
    } else if (poll.by_name) {
      std::vector<codec::ChannelPosition> positions;
      for (size_t i = 0; i < poll.channels.size(); ++i) {
        if (poll.positions[i] != codec::kNoPosition) positions.push_back({poll.channels[i].name(), poll.positions[i]});
      }
      poll.answer.finish(positions);
      body = std::move(poll.body);
    } else {
      text_.clear();
      codec::append_cursor(text_, poll.hash, poll.positions);
      poll.answer.finish(text_);
      body = std::move(poll.body);
    }
  }
  // From here on it is an HTTP request like any other.
  gate_.close_at_hub(client, !client.clean_leave);
  gate_.ended(client, TransportKind::poll);
  gate_.reactor().cancel_timer(connection);
  gate_.http().take_back(client);
  HttpSession& http = gate_.http();
  if (refusal != Refusal::none) {
    refuse(client, connection, refusal);
  } else if (!positions_known) {
    http.refuse(client, connection, 503, "try_again", "this poll could not be answered in time");
  } else if (ended) {
    http.respond(client, connection, {.status = 204});
  } else {
    http.respond(client, connection, {.status = 200, .content_type = kJson, .body = body});
  }
  if (!gate_.alive(client) || connection.closing) return;
  gate_.reactor().resume_reading(connection, PauseReason::answer);
  gate_.read_on(client);
}

void PollSession::refuse(Client& client, Connection& connection, Refusal refusal) {
  HttpSession& http = gate_.http();
  switch (refusal) {
    case Refusal::none: return;
    case Refusal::no_history: return http.refuse(client, connection, 400, "no_history", kNoHistory);
    case Refusal::channels_full: return http.refuse(client, connection, 503, "channels_full", kChannelsFull);
    case Refusal::unavailable:
      return http.refuse(client, connection, 503, unavailable_error().code, unavailable_error().message);
    case Refusal::kicked: return http.refuse(client, connection, 403, "kicked", "closed by an administrator");
    case Refusal::revoked:
      return http.refuse(client, connection, 401, "unauthorized", "the token has been revoked", {&kInvalidToken, 1});
  }
}

}  // namespace ringcast::session
