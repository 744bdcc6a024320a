// Forms: how a connection wants its frames, numbered for the hub. A form is a wire form spoken in a dialect; a
// connection gets one at its handshake and keeps it. Constants; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

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
  poll,  // collected, answered as JSON
};

// How things are spelled. A dialect beyond the native one is an entry here, rows below, and a case in Encoder.
enum class Dialect : uint8_t { native };

struct Form {
  WireForm wire;
  Dialect dialect;
};

// A FormId is an index into this table. Only what has members is ever encoded, so rows cost nothing.
inline constexpr Form kFormTable[] = {
    {WireForm::websocket, Dialect::native},       {WireForm::websocket_deflate, Dialect::native},
    {WireForm::websocket_raw, Dialect::native},   {WireForm::sse, Dialect::native},
    {WireForm::sse_plain, Dialect::native},       {WireForm::sse_multi, Dialect::native},
    {WireForm::sse_multi_plain, Dialect::native}, {WireForm::poll, Dialect::native},
};
inline constexpr size_t kFormCount = sizeof(kFormTable) / sizeof(kFormTable[0]);
static_assert(kFormCount <= hub::kForms);

constexpr hub::FormId form_id(WireForm wire, Dialect dialect = Dialect::native) {
  for (size_t i = 0; i < kFormCount; ++i) {
    if (kFormTable[i].wire == wire && kFormTable[i].dialect == dialect) return static_cast<hub::FormId>(i);
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
constexpr bool is_plain_sse(WireForm wire) {
  return wire == WireForm::sse_plain || wire == WireForm::sse_multi_plain;
}

}  // namespace ringcast::session
