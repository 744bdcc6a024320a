// SPDX-License-Identifier: Apache-2.0
// Where frames end inside a run: asked by an outbox only when a connection is slow. One function per wire form.
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "compat/form.h"
#include "reactor/outbox.h"

namespace ringcast::session {

// A binary pair (text frame, then binary frame) counts as one frame.
uint32_t websocket_frame_length(std::span<const uint8_t> bytes);
// ?binary=raw: binary frames stand alone.
uint32_t websocket_single_frame_length(std::span<const uint8_t> bytes);
uint32_t sse_chunk_length(std::span<const uint8_t> bytes);
uint32_t sse_event_length(std::span<const uint8_t> bytes);

reactor::FrameLength frame_length_of(WireForm wire);

}  // namespace ringcast::session
