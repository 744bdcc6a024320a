// SPDX-License-Identifier: Apache-2.0
// Forms: how a connection wants its frames, numbered for the hub. A form is a wire form spoken in a dialect; a
// connection gets one at its handshake and keeps it. Constants; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compat/dialect.h"
#include "hub/types.h"

namespace ringcast::session {

enum class WireForm : uint8_t {
  websocket,          // the canonical bytes as they are
  websocket_deflate,  // text frames from `deflate_from` on are compressed (RFC 7692)
  websocket_raw,      // of a binary pair only the binary frame (?binary=raw)
  sse,                // one event, one HTTP/1.1 chunk
  sse_plain,          // HTTP/1.0, until close
  sse_multi,          // several channels: a chunk that all share, then the connection's own cursor line
  sse_multi_plain,
  poll,       // collected, answered as JSON
  socket_io,  // events of Socket.IO, over polls or a WebSocket
};

struct Form {
  WireForm wire;
  Dialect dialect;
};

// A FormId is an index into this table. Only what has members is ever encoded, so rows cost nothing.
inline constexpr Form kFormTable[] = {
    {WireForm::websocket, Dialect::native},
    {WireForm::websocket_deflate, Dialect::native},
    {WireForm::websocket_raw, Dialect::native},
    {WireForm::sse, Dialect::native},
    {WireForm::sse_plain, Dialect::native},
    {WireForm::sse_multi, Dialect::native},
    {WireForm::sse_multi_plain, Dialect::native},
    {WireForm::poll, Dialect::native},
    {WireForm::sse, Dialect::order_status},
    {WireForm::sse_plain, Dialect::order_status},
    {WireForm::sse_multi, Dialect::order_status},
    {WireForm::sse_multi_plain, Dialect::order_status},
    {WireForm::sse, Dialect::broker},
    {WireForm::sse_plain, Dialect::broker},
    {WireForm::sse_multi, Dialect::broker},
    {WireForm::sse_multi_plain, Dialect::broker},
    {WireForm::sse, Dialect::gateway},
    {WireForm::sse_plain, Dialect::gateway},
    {WireForm::sse_multi, Dialect::gateway},
    {WireForm::sse_multi_plain, Dialect::gateway},
    {WireForm::sse, Dialect::chat_room},
    {WireForm::sse_plain, Dialect::chat_room},
    {WireForm::sse_multi, Dialect::chat_room},
    {WireForm::sse_multi_plain, Dialect::chat_room},
    {WireForm::websocket, Dialect::token_hub},
    {WireForm::websocket, Dialect::chat_hub},
    {WireForm::poll, Dialect::notifications},
    {WireForm::socket_io, Dialect::socket_io},
};
inline constexpr size_t kFormCount = sizeof(kFormTable) / sizeof(kFormTable[0]);
static_assert(kFormCount < hub::kForms);  // the last one is the hub's own

// These differ in what the session itself says: their frames are everybody's.
constexpr Dialect frames_of(Dialect dialect) {
  return dialect == Dialect::feed || dialect == Dialect::room_chat ? Dialect::native : dialect;
}

constexpr hub::FormId form_id(WireForm wire, Dialect dialect = Dialect::native) {
  for (size_t i = 0; i < kFormCount; ++i) {
    if (kFormTable[i].wire == wire && kFormTable[i].dialect == frames_of(dialect)) return static_cast<hub::FormId>(i);
  }
  return static_cast<hub::FormId>(kFormCount);
}
constexpr Form form_of(hub::FormId id) {
  return kFormTable[id];
}

constexpr bool is_websocket(WireForm wire) {
  return wire <= WireForm::websocket_raw;
}
constexpr bool is_multi_sse(WireForm wire) {
  return wire == WireForm::sse_multi || wire == WireForm::sse_multi_plain;
}
// Needs messages singly, because each connection gets its own.
constexpr bool has_entries(WireForm wire) {
  return is_multi_sse(wire) || wire == WireForm::poll || wire == WireForm::socket_io;
}
constexpr bool is_plain_sse(WireForm wire) {
  return wire == WireForm::sse_plain || wire == WireForm::sse_multi_plain;
}

}  // namespace ringcast::session
