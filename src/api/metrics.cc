// SPDX-License-Identifier: Apache-2.0
#include "api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <span>

#include "base/block.h"
#include "client/hooks.h"
#include "client/session_options.h"
#include "client/shared.h"
#include "codec/json/json_writer.h"
#include "tls/stats.h"

namespace ringcast::session {

using reactor::CloseCause;

namespace {

uint64_t read(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}
uint64_t read(const Counter& counter) {
  return counter.get();
}
uint64_t read(uint64_t value) {
  return value;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP ringcast_";
    out_ += name;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ringcast_";
    out_ += name;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }
  // Labels without braces; values of ours need no escaping.
  void sample(std::string_view labels, uint64_t value) {
    begin(labels);
    codec::append_uint(out_, value);
    out_ += '\n';
  }
  void sample_seconds(std::string_view labels, uint64_t nanoseconds) {
    begin(labels);
    fmt::format_to(std::back_inserter(out_), "{}\n", static_cast<double>(nanoseconds) / 1e9);
  }
  // Buckets at powers of two up to 2^`highest`, values divided by `scale`.
  void sample(std::string_view labels, const BucketHistogram& from, size_t highest, double scale) {
    uint64_t seen = 0;
    for (size_t i = 0; i < BucketHistogram::kBuckets; ++i) {
      seen += from.bucket(i);
      if (i > highest) continue;
      fmt::format_to(std::back_inserter(out_), "ringcast_{}_bucket{{{},le=\"{}\"}} {}\n", name_, labels,
                     static_cast<double>(uint64_t{1} << i) / scale, seen);
    }
    fmt::format_to(std::back_inserter(out_),
                   "ringcast_{0}_bucket{{{1},le=\"+Inf\"}} {2}\nringcast_{0}_count{{{1}}} {2}\n", name_, labels, seen);
    fmt::format_to(std::back_inserter(out_), "ringcast_{}_sum{{{}}} {}\n", name_, labels,
                   static_cast<double>(from.sum()) / scale);
  }

 private:
  void begin(std::string_view labels) {
    out_ += "ringcast_";
    out_ += name_;
    if (!labels.empty()) {
      out_ += '{';
      out_ += labels;
      out_ += '}';
    }
    out_ += ' ';
  }

  std::string& out_;
  std::string_view name_;
};

std::string core_label(size_t core) {
  return "core=\"" + std::to_string(core) + '"';
}

std::string label(size_t core, std::string_view name, std::string_view value) {
  return core_label(core) + ',' + std::string(name) + "=\"" + std::string(value) + '"';
}

template <class Get>
void histogram(Writer& writer, const Shared& shared, std::string_view name, std::string_view help, size_t highest,
               double scale, Get get) {
  writer.family(name, "histogram", help);
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    writer.sample(core_label(i), get(shared.cores[i]), highest, scale);
  }
}

void append_histograms(Writer& writer, const Shared& shared) {
  histogram(
      writer, shared, "delivery_seconds", "From taking a publish to having sent it, on each core; a sample.", 23, 1e6,
      [](const CoreView& core) -> auto& { return core.hub->delivery_us; });
  histogram(
      writer, shared, "send_bytes", "What one send carried.", 20, 1,
      [](const CoreView& core) -> auto& { return core.reactor->send_bytes; });
  histogram(
      writer, shared, "send_messages", "Messages that one send carried whole.", 8, 1,
      [](const CoreView& core) -> auto& { return core.reactor->send_frames; });
  histogram(
      writer, shared, "queue_messages", "Messages that waited for a connection when it was sent to.", 14, 1,
      [](const CoreView& core) -> auto& { return core.reactor->queued_frames; });
  histogram(
      writer, shared, "flush_connections", "Connections that one flush sent to.", 8, 1,
      [](const CoreView& core) -> auto& { return core.reactor->flush_connections; });
  histogram(
      writer, shared, "mailbox_mails", "Mails that a core found waiting, when it found any.", 16, 1,
      [](const CoreView& core) -> auto& { return core.reactor->mailbox_mails; });
  histogram(
      writer, shared, "lag_seconds", "How late the event loop came to what it does ten times a second.", 23, 1e6,
      [](const CoreView& core) -> auto& { return core.reactor->lag_us; });
  writer.family("client_seconds", "histogram", "How long WebSockets and streams lasted, and polls waited.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t t = 0; t < static_cast<size_t>(TransportKind::count_); ++t) {
      writer.sample(label(i, "transport", to_string(static_cast<TransportKind>(t))),
                    shared.cores[i].sessions->lasted[t], 23, 10);
    }
  }
}

// The Prometheus text format escapes these three in the value of a label.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

template <class Get>
void per_core(Writer& writer, const Shared& shared, std::string_view name, std::string_view type, std::string_view help,
              Get get) {
  writer.family(name, type, help);
  for (size_t i = 0; i < shared.cores.size(); ++i) writer.sample(core_label(i), read(get(shared.cores[i])));
}

template <class Get>
void per_transport(Writer& writer, const Shared& shared, std::string_view name, std::string_view type,
                   std::string_view help, Get get) {
  writer.family(name, type, help);
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t t = 0; t < static_cast<size_t>(TransportKind::count_); ++t) {
      writer.sample(label(i, "transport", to_string(static_cast<TransportKind>(t))),
                    get(*shared.cores[i].sessions)[t].get());
    }
  }
}

void append_connections(Writer& writer, const Shared& shared) {
  per_transport(
      writer, shared, "clients", "gauge", "Open WebSockets and streams, and waiting polls.",
      [](const SessionStats& stats) -> auto& { return stats.open; });
  writer.family("clients_by_dialect", "gauge", "Open WebSockets and streams, and waiting polls, by what they speak.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t d = 0; d < kDialects; ++d) {
      writer.sample(label(i, "dialect", table_of(static_cast<Dialect>(d)).name),
                    shared.cores[i].sessions->spoken[d].get());
    }
  }
  per_transport(
      writer, shared, "clients_opened_total", "counter", "WebSockets, streams and polls that were opened.",
      [](const SessionStats& stats) -> auto& { return stats.opened; });
  writer.family("clients_closed_total", "counter", "WebSockets and streams that ended, by reason.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (const TransportKind transport : {TransportKind::websocket, TransportKind::sse, TransportKind::socketio}) {
      const std::string labels = label(i, "transport", to_string(transport)) + ",reason=\"";
      for (size_t cause = 0; cause < static_cast<size_t>(CloseCause::count_); ++cause) {
        writer.sample(labels + std::string(to_string(static_cast<CloseCause>(cause))) + '"',
                      shared.cores[i].sessions->closed[static_cast<size_t>(transport)][cause].get());
      }
    }
  }
  per_transport(
      writer, shared, "events_sent_total", "counter", "Messages queued for clients.",
      [](const SessionStats& stats) -> auto& { return stats.events_out; });
  per_core(
      writer, shared, "socketio_sessions", "gauge", "Open sessions of Engine.IO.",
      [](const CoreView& core) -> auto& { return core.sessions->socketio_sessions; });
  per_core(
      writer, shared, "socketio_away", "gauge", "Clients of Socket.IO that are gone and may come back.",
      [](const CoreView& core) -> auto& { return core.sessions->socketio_away; });
  per_core(
      writer, shared, "http2_connections", "gauge", "Open connections that speak HTTP/2.",
      [](const CoreView& core) -> auto& { return core.sessions->http2_connections; });
  per_core(
      writer, shared, "http2_memory_bytes", "gauge", "Memory of nghttp2 for all connections.",
      [](const CoreView& core) -> auto& { return core.sessions->http2_memory; });
  per_core(
      writer, shared, "http2_streams", "gauge", "Open streams of HTTP/2.",
      [](const CoreView& core) -> auto& { return core.reactor->carried; });
  per_core(
      writer, shared, "http2_streams_opened_total", "counter", "Streams of HTTP/2, one for each request.",
      [](const CoreView& core) -> auto& { return core.reactor->carried_ever; });
  writer.family("http2_streams_closed_total", "counter", "Streams of HTTP/2 that ended, by reason.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t cause = 0; cause < static_cast<size_t>(CloseCause::count_); ++cause) {
      writer.sample(label(i, "reason", to_string(static_cast<CloseCause>(cause))),
                    read(shared.cores[i].reactor->carried_by_cause[cause]));
    }
  }
  writer.family("http2_given_up_total", "counter", "Connections of HTTP/2 closed for what they sent, by reason.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t fault = 1; fault < static_cast<size_t>(codec::Http2Fault::count_); ++fault) {
      writer.sample(label(i, "reason", to_string(static_cast<codec::Http2Fault>(fault))),
                    shared.cores[i].sessions->http2_faults[fault].get());
    }
  }
  writer.family("grpc_calls_total", "counter", "Calls of gRPC, by the status of their answer.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t status = 0; status < static_cast<size_t>(codec::GrpcStatus::count_); ++status) {
      writer.sample(label(i, "status", to_string(static_cast<codec::GrpcStatus>(status))),
                    shared.cores[i].sessions->grpc_calls[status].get());
    }
  }
  per_core(
      writer, shared, "connections", "gauge", "Open sockets.",
      [](const CoreView& core) -> auto& { return core.reactor->open; });
  per_core(
      writer, shared, "connections_accepted_total", "counter", "Sockets accepted.",
      [](const CoreView& core) -> auto& { return core.reactor->accepted; });
  writer.family("connections_closed_total", "counter", "Sockets closed, by reason.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t cause = 0; cause < static_cast<size_t>(CloseCause::count_); ++cause) {
      writer.sample(label(i, "reason", to_string(static_cast<CloseCause>(cause))),
                    read(shared.cores[i].reactor->closed_by_cause[cause]));
    }
  }
  per_core(
      writer, shared, "connections_over_limit_total", "counter", "Connections refused for a limit.",
      [](const CoreView& core) -> auto& { return core.sessions->over_limit; });
  per_core(
      writer, shared, "proxy_errors_total", "counter",
      "Connections refused because of a missing or malformed PROXY header, or a proxy that is not trusted.",
      [](const CoreView& core) -> auto& { return core.sessions->proxy_errors; });
  writer.family("rate_limited_total", "counter", "What was refused for a limit, by whose and of what.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t scope = 0; scope < access::kScopes; ++scope) {
      for (size_t charge = 0; charge < access::kCharges; ++charge) {
        const std::string labels = label(i, "scope", to_string(static_cast<access::Scope>(scope))) + ",what=\"" +
                                   std::string(to_string(static_cast<access::Charge>(charge))) + '"';
        writer.sample(labels, shared.cores[i].sessions->rate_limited[scope][charge].get());
      }
    }
  }
}

void append_http(Writer& writer, const Shared& shared) {
  writer.family("http_requests_total", "counter", "Requests answered, by class of status.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t status = 1; status <= 5; ++status) {
      writer.sample(label(i, "status", std::to_string(status) + "xx"),
                    shared.cores[i].sessions->requests[status].get());
    }
  }
  writer.family("errors_total", "counter", "Errors sent to clients, by code.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t code = 0; code < static_cast<size_t>(ErrorCount::count_); ++code) {
      writer.sample(label(i, "code", to_string(static_cast<ErrorCount>(code))),
                    shared.cores[i].sessions->errors[code].get());
    }
  }
  writer.family("auth_failures_total", "counter", "Why clients were not let in, or not kept.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    for (size_t reason = 0; reason < static_cast<size_t>(AuthFailure::count_); ++reason) {
      writer.sample(label(i, "reason", to_string(static_cast<AuthFailure>(reason))),
                    shared.cores[i].sessions->auth_failures[reason].get());
    }
  }
}

void append_sessions(Writer& writer, const Shared& shared) {
  constexpr struct {
    std::string_view name;
    std::string_view help;
    Counter SessionStats::*counter;
  } kCounters[] = {
      {"upgrades_total", "WebSocket handshakes done.", &SessionStats::upgrades},
      {"publishes_total", "Publishes asked for by clients and servers.", &SessionStats::messages_in},
      {"publish_bytes_total", "Bytes of their payloads.", &SessionStats::message_bytes_in},
      {"actions_total", "WebSocket text messages.", &SessionStats::actions},
      {"socketio_sessions_opened_total", "Sessions of Engine.IO that began.", &SessionStats::socketio_sessions_ever},
      {"socketio_refused_total", "Handshakes of Engine.IO refused for a limit.", &SessionStats::socketio_refused},
      {"socketio_upgrades_total", "Sessions that went from polling to a WebSocket.", &SessionStats::socketio_upgrades},
      {"socketio_recovered_total", "Clients of Socket.IO that came back to what they had.",
       &SessionStats::socketio_recovered},
      {"socketio_unrecovered_total", "Clients of Socket.IO that wanted to come back and began anew.",
       &SessionStats::socketio_unrecovered},
      {"socketio_messages_total", "Messages of Engine.IO from clients.", &SessionStats::socketio_in},
      {"http2_connections_total", "Connections that spoke HTTP/2.", &SessionStats::http2_connections_ever},
      {"http2_refused_total", "Streams of HTTP/2 refused for http2_streams_total.", &SessionStats::http2_refused},
      {"echoed_total", "Messages sent back by /echo.", &SessionStats::echoed},
      {"reconnects_total", "WebSockets and streams that came with a cursor.", &SessionStats::reconnects},
      {"resumed_total", "Joins with a cursor that lost nothing.", &SessionStats::resumed},
      {"gaps_total", "Joins and replays that were answered with a gap.", &SessionStats::gaps},
      {"replayed_total", "Messages sent from history.", &SessionStats::replayed},
      {"dropped_total", "Messages dropped from the outboxes of slow clients.", &SessionStats::dropped},
      {"lagged_total", "lagged events sent.", &SessionStats::lagged},
      {"slow_closed_total", "Slow clients disconnected.", &SessionStats::slow_closed},
      {"heartbeats_total", "Heartbeats sent.", &SessionStats::heartbeats},
      {"heartbeat_timeouts_total", "Clients closed for silence.", &SessionStats::heartbeat_timeouts},
      {"publisher_stalls_total", "Waits of publishers for credit.", &SessionStats::stalls},
      {"kicked_total", "Clients closed by an administrator.", &SessionStats::kicked},
  };
  for (const auto& [name, help, counter] : kCounters) {
    per_core(writer, shared, name, "counter", help,
             [counter = counter](const CoreView& core) { return (core.sessions->*counter).get(); });
  }
}

void append_cluster(Writer& writer, const hub::BrokerStats& broker) {
  writer.family("broker_up", "gauge", "Whether the broker can be reached.");
  writer.sample({}, broker.up.load(std::memory_order_relaxed) ? 1 : 0);
  constexpr struct {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::atomic<uint64_t> hub::BrokerStats::*value;
  } kValues[] = {
      {"broker_losses_total", "counter", "How often the broker was lost.", &hub::BrokerStats::losses},
      {"broker_ordered_total", "counter", "Publishes of this node that the broker gave an id.",
       &hub::BrokerStats::ordered},
      {"broker_refused_total", "counter", "Publishes that were not sent to it.", &hub::BrokerStats::refused},
      {"broker_unknown_total", "counter", "Publishes that were sent to it, and whose outcome is not known.",
       &hub::BrokerStats::unknown},
      {"broker_queued_bytes", "gauge", "Bytes of publishes without an outcome.", &hub::BrokerStats::queued_bytes},
      {"broker_channels", "gauge", "Channels that this node has open at the broker.", &hub::BrokerStats::channels},
      {"broker_syncs_total", "counter", "Comparisons of a channel's position with the broker's.",
       &hub::BrokerStats::syncs},
      {"broker_holes_total", "counter", "Messages that did not follow the one before.", &hub::BrokerStats::holes},
      {"broker_parked_total", "counter", "Messages that waited for what was missing before them.",
       &hub::BrokerStats::parked},
      {"broker_gaps_total", "counter", "Holes that the broker's history did not fill.", &hub::BrokerStats::gaps},
      {"broker_unreadable_total", "counter", "Messages of a form that is not known here.",
       &hub::BrokerStats::unreadable},
      {"broker_nodes", "gauge", "Nodes that keep their lease at the broker.", &hub::BrokerStats::nodes},
      {"broker_leases_lost_total", "counter", "Leases that this node lost; it entered its users again.",
       &hub::BrokerStats::leases_lost},
      {"broker_snapshots_total", "counter", "Readings of who is in a channel on all nodes.",
       &hub::BrokerStats::snapshots},
      {"broker_revocations", "gauge", "Revocations of tokens that all nodes know.", &hub::BrokerStats::revocations},
      {"broker_probe_microseconds", "gauge", "Round trip of the last probe through the broker.",
       &hub::BrokerStats::probe_us},
  };
  for (const auto& [name, type, help, value] : kValues) {
    writer.family(name, type, help);
    writer.sample({}, (broker.*value).load(std::memory_order_relaxed));
  }
}

void append_hub(Writer& writer, const Shared& shared) {
  constexpr struct {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::atomic<uint64_t> hub::HubStats::*counter;
  } kCounters[] = {
      {"channels", "gauge", "Channels that this core owns.", &hub::HubStats::channels},
      {"history_messages", "gauge", "Messages kept.", &hub::HubStats::history_messages},
      {"history_bytes", "gauge", "Bytes kept in history.", &hub::HubStats::history_bytes},
      {"memberships", "gauge", "Memberships of this core's connections.", &hub::HubStats::memberships},
      {"online_users", "gauge", "Users online, counted at their owner core.", &hub::HubStats::online_users},
      {"messages_total", "counter", "Messages that were given an id or sent as ephemeral.", &hub::HubStats::published},
      {"deliveries_total", "counter", "Messages handed to members.", &hub::HubStats::delivered},
      {"joins_total", "counter", "Joins of rooms, inboxes and broadcast.", &hub::HubStats::joins},
      {"leaves_total", "counter", "Leaves of them, by whatever way.", &hub::HubStats::leaves},
      {"duplicates_total", "counter", "Publishes whose idempotency key was known.", &hub::HubStats::duplicates},
      {"no_credit_total", "counter", "Publishes that had to wait for credit.", &hub::HubStats::no_credit},
      {"evicted_channels_total", "counter", "Channels given up.", &hub::HubStats::evicted_channels},
      {"evicted_messages_total", "counter", "Messages that history has let go.", &hub::HubStats::evicted_messages},
  };
  for (const auto& [name, type, help, counter] : kCounters) {
    per_core(writer, shared, name, type, help, [counter = counter](const CoreView& core) {
      return (core.hub->*counter).load(std::memory_order_relaxed);
    });
  }
}

void append_reactors(Writer& writer, const Shared& shared) {
  constexpr struct {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::atomic<uint64_t> reactor::ReactorStats::*counter;
  } kCounters[] = {
      {"ticks_total", "counter", "Turns of the event loop.", &reactor::ReactorStats::ticks},
      {"received_bytes_total", "counter", "Bytes received.", &reactor::ReactorStats::bytes_in},
      {"sent_bytes_total", "counter", "Bytes sent.", &reactor::ReactorStats::bytes_out},
      {"flushes_total", "counter", "Batches of sends.", &reactor::ReactorStats::flushes},
      {"flushed_connections_total", "counter", "Sends that they were made of.",
       &reactor::ReactorStats::flushed_connections},
      {"unread_bytes", "gauge", "Bytes that wait for slow readers.", &reactor::ReactorStats::queued_bytes},
      {"mail_sent_total", "counter", "Mails to cores.", &reactor::ReactorStats::mail_sent},
      {"mail_overflowed_total", "counter", "Mails that found the ring full.", &reactor::ReactorStats::mail_overflowed},
      {"mail_waiting", "gauge", "Mails that wait for room in a ring.", &reactor::ReactorStats::mail_depth},
      {"mail_wakeups_total", "counter", "Sleeping cores woken by mail.", &reactor::ReactorStats::mail_wakeups},
      {"engine_waits_total", "counter", "Waits for events.", &reactor::ReactorStats::waits},
      {"engine_syscalls_total", "counter", "System calls of the engine.", &reactor::ReactorStats::syscalls},
      {"engine_sends_total", "counter", "Sends asked of the engine.", &reactor::ReactorStats::sends},
      {"engine_short_sends_total", "counter", "Sends that the kernel did not take whole.",
       &reactor::ReactorStats::short_sends},
      {"engine_receives_total", "counter", "Buffers received.", &reactor::ReactorStats::receives},
      {"engine_buffers_exhausted_total", "counter", "Times that no receive buffer was free.",
       &reactor::ReactorStats::buffers_exhausted},
      {"engine_multishot_rearmed_total", "counter", "Multishot requests that ended and were armed again.",
       &reactor::ReactorStats::multishot_rearmed},
      {"engine_cq_overflows_total", "counter", "Overflows of the completion queue.",
       &reactor::ReactorStats::cq_overflows},
      {"engine_sq_full_total", "counter", "Times that the submission queue was full.", &reactor::ReactorStats::sq_full},
      {"engine_accept_emfile_total", "counter", "Clients refused because no descriptor was free.",
       &reactor::ReactorStats::accept_emfile},
      {"engine_wakeups_total", "counter", "Waits ended by another core.", &reactor::ReactorStats::wakeups},
  };
  for (const auto& [name, type, help, counter] : kCounters) {
    per_core(writer, shared, name, type, help, [counter = counter](const CoreView& core) {
      return (core.reactor->*counter).load(std::memory_order_relaxed);
    });
  }
}

}  // namespace

void Totals::add(const CoreView& core) {
  for (size_t i = 0; i < static_cast<size_t>(TransportKind::count_); ++i) open[i] += core.sessions->open[i].get();
  resumed += core.sessions->resumed.get();
  gaps += core.sessions->gaps.get();
  slow_closed += core.sessions->slow_closed.get();
  for (const Counter& count : core.sessions->errors) errors += count.get();
  http2_connections += core.sessions->http2_connections.get();
  http2_streams += read(core.reactor->carried);
  http2_streams_ever += read(core.reactor->carried_ever);
  online_users += read(core.hub->online_users);
  channels += read(core.hub->channels);
  memberships += read(core.hub->memberships);
  history_messages += read(core.hub->history_messages);
  history_bytes += read(core.hub->history_bytes);
  published += read(core.hub->published);
  delivered += read(core.hub->delivered);
  sockets += read(core.reactor->open);
  bytes_in += read(core.reactor->bytes_in);
  bytes_out += read(core.reactor->bytes_out);
  queued_bytes += read(core.reactor->queued_bytes);
  ticks += read(core.reactor->ticks);
}

uint64_t Totals::clients() const {
  uint64_t sum = 0;
  for (const uint64_t count : open) sum += count;
  return sum;
}

namespace {

void append_broker(std::string& out, const Shared& shared) {
  constexpr auto kSse = static_cast<size_t>(TransportKind::sse);
  uint64_t open = 0, opened = 0, sent = 0, dropped = 0;
  for (const CoreView& core : shared.cores) {
    open += core.sessions->open[kSse].get();
    opened += core.sessions->opened[kSse].get();
    sent += core.sessions->events_out[kSse].get();
    dropped += core.sessions->dropped.get();
  }
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
    out.append(type).append("\n").append(name).append(" ");
    codec::append_uint(out, value);
    out += '\n';
  };
  family("sse_active_connections_total", "untyped", "SSE streams open.", open);
  family("sse_messages_sent_total", "counter", "Messages queued for SSE streams.", sent);
  family("sse_messages_dropped_total", "counter", "Messages dropped from the outboxes of slow clients.", dropped);
  family("sse_client_connect_total", "counter", "SSE streams opened.", opened);
  family("sse_client_disconnect_total", "counter", "SSE streams ended.", opened - std::min(opened, open));
}

void append_tls(Writer& writer, const Shared& shared, std::span<const CertificateView> certificates) {
  if (shared.cores.empty() || shared.cores.front().tls == nullptr) return;
  writer.family("tls_handshakes_total", "counter", "TLS handshakes, by outcome.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    const tls::TlsStats& stats = *shared.cores[i].tls;
    constexpr std::string_view kNames[tls::kVersions] = {"1.2", "1.3"};
    for (size_t version = 0; version < tls::kVersions; ++version) {
      const std::string labels = label(i, "version", kNames[version]) + ",outcome=\"";
      writer.sample(labels + "full\"", read(stats.full[version]));
      writer.sample(labels + "resumed\"", read(stats.resumed[version]));
    }
    const auto ended = [&](std::string_view outcome, const std::atomic<uint64_t>& counter) {
      writer.sample(label(i, "version", "none") + ",outcome=\"" + std::string(outcome) + '"', read(counter));
    };
    ended("failed", stats.failed);
    ended("timed_out", stats.timed_out);
    ended("aborted", stats.aborted);
    ended("plain_http", stats.plain_http);
  }
  constexpr struct {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::atomic<uint64_t> tls::TlsStats::*counter;
  } kCounters[] = {
      {"tls_connections", "gauge", "Connections past their TLS handshake.", &tls::TlsStats::open},
      {"tls_handshakes", "gauge", "TLS handshakes under way.", &tls::TlsStats::in_flight},
      {"tls_handshakes_waiting", "gauge", "TLS handshakes that wait for their turn.", &tls::TlsStats::waiting},
      {"tls_handshakes_delayed_total", "counter", "TLS handshakes that had to wait for their turn.",
       &tls::TlsStats::delayed},
      {"tls_broken_total", "counter", "Connections that failed in TLS after their handshake.", &tls::TlsStats::broken},
      {"tls_unsent_bytes", "gauge", "Encrypted bytes that wait for slow readers.", &tls::TlsStats::waiting_bytes},
  };
  for (const auto& [name, type, help, counter] : kCounters) {
    per_core(writer, shared, name, type, help,
             [counter = counter](const CoreView& core) { return read(core.tls->*counter); });
  }
  writer.family("tls_certificate_expiry_seconds", "gauge", "When a certificate expires, in seconds since 1970.");
  for (size_t i = 0; i < certificates.size(); ++i) {
    writer.sample("number=\"" + std::to_string(i + 1) + "\",name=\"" + escaped(certificates[i].name) + '"',
                  static_cast<uint64_t>(certificates[i].not_after));
  }
}

}  // namespace

void append_metrics(std::string& out, const Shared& shared, const SessionOptions& options, uint64_t wall_us,
                    int drain_phase) {
  Writer writer(out);
  writer.family("info", "gauge", "Version and engine.");
  writer.sample("version=\"" + shared.version + "\",io=\"" + shared.engine + "\"", 1);
  writer.family("engine_info", "gauge", "The engine of each core, and why it is not io_uring where that was tried.");
  for (size_t i = 0; i < shared.engines.size(); ++i) {
    const EngineView& engine = shared.engines[i];
    writer.sample(label(i, "io", engine.name) + ",fallback=\"" + escaped(engine.fallback) + '"', 1);
  }
  writer.family("engine_feature", "gauge", "What each core's engine uses of the kernel.");
  for (size_t i = 0; i < shared.engines.size(); ++i) {
    std::string_view left = shared.engines[i].features;
    while (!left.empty()) {
      const size_t end = std::min(left.find(','), left.size());
      writer.sample(label(i, "feature", left.substr(0, end)), 1);
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  writer.family("uptime_seconds", "gauge", "Since the start.");
  writer.sample({}, wall_us > shared.started_wall_us ? (wall_us - shared.started_wall_us) / 1'000'000 : 0);
  writer.family("draining", "gauge", "0 while running, then the phase of the drain.");
  writer.sample({}, static_cast<uint64_t>(drain_phase));
  if (shared.broker != nullptr) append_cluster(writer, *shared.broker);
  writer.family("frame_blocks", "gauge", "Blocks of frame memory alive in the process.");
  writer.sample({}, static_cast<uint64_t>(Block::live_blocks()));
  writer.family("frame_bytes", "gauge", "Their bytes.");
  writer.sample({}, static_cast<uint64_t>(Block::live_bytes()));
  writer.family("resident_bytes", "gauge", "Memory of the process that lies in RAM; 0 where that is not known.");
  writer.sample({}, shared.resident_bytes == nullptr ? 0 : shared.resident_bytes());
  writer.family("cpu_seconds_total", "counter", "Processor time of each core's thread.");
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    writer.sample_seconds(core_label(i), shared.cores[i].sessions->cpu_ns.get());
  }
  append_connections(writer, shared);
  append_http(writer, shared);
  append_sessions(writer, shared);
  append_hub(writer, shared);
  append_reactors(writer, shared);
  append_tls(writer, shared, options.certificates);
  append_histograms(writer, shared);
  if (options.broker_metrics) append_broker(out, shared);
  if (shared.hooks != nullptr) shared.hooks->append_metrics(out);
  if (shared.inlets != nullptr) shared.inlets->append_metrics(out);
  if (shared.mirror != nullptr) shared.mirror->append_metrics(out);
}

}  // namespace ringcast::session
