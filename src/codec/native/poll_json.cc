// SPDX-License-Identifier: Apache-2.0
#include "codec/native/poll_json.h"

#include "base/assert.h"
#include "codec/json/json_writer.h"
#include "codec/native/cursor.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kBegin = R"({"events":[)";
constexpr std::string_view kCursor = R"(],"cursor":)";
constexpr std::string_view kPositions = R"(],"positions":)";
constexpr std::string_view kGaps = R"(,"gaps":[)";
constexpr std::string_view kEnd = "]}";

// What finish() may add besides the gaps: a cursor has no character that needs an escape.
constexpr size_t kTailBytesMax = kCursor.size() + 2 + kCursorTokenBytesMax + kGaps.size() + kEnd.size();

}  // namespace

PollAnswer::PollAnswer(std::string& out, size_t bytes_max) : out_(out), begin_(out.size()), bytes_max_(bytes_max) {
  out_ += kBegin;
}

bool PollAnswer::add_event(std::string_view json) {
  const size_t size = out_.size() - begin_ + 1 + json.size() + gaps_.size() + kTailBytesMax;
  if (events_ > 0 && size > bytes_max_) return false;
  add_notice(json);
  return true;
}

void PollAnswer::add_notice(std::string_view json) {
  if (events_ > 0) out_ += ',';
  out_ += json;
  ++events_;
}

void PollAnswer::add_gap(std::string_view room, uint64_t oldest, std::string_view reason) {
  if (!gaps_.empty()) gaps_ += ',';
  JsonWriter writer(gaps_);
  writer.begin_object().string("room", room).uint("oldest", oldest);
  if (!reason.empty()) writer.string("reason", reason);
  writer.end_object();
}

void PollAnswer::finish(std::string_view cursor) {
  RINGCAST_ASSERT(cursor.size() <= kCursorTokenBytesMax);
  out_ += kCursor;
  append_json_string(out_, cursor);
  append_gaps();
}

void PollAnswer::finish(std::span<const ChannelPosition> positions) {
  out_ += kPositions;
  JsonWriter writer(out_);
  writer.begin_object();
  for (const ChannelPosition& position : positions) writer.string_key(position.channel).uint(position.id);
  writer.end_object();
  append_gaps();
}

void PollAnswer::append_gaps() {
  out_ += kGaps;
  out_ += gaps_;
  out_ += kEnd;
}

}  // namespace ringcast::codec
