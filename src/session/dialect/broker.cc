// R5: an SSE broker. The data is the bare payload, the event its publisher's; besides, heartbeat, error and close.

#include "session/dialect/dialect.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (event.type == "problem" || event.type == "close") {
    out.name = event.type == "problem" ? "error" : event.type;
    out.data = event.json;
    return true;
  }
  // Of the server's own events none else has a payload.
  if (!append_bare_payload(out.data, event)) return false;
  out.name = event.type == "direct" ? wire::kDefaultEventType : event.type;
  return true;
}

bool beat(const Beat& beat, Spelled& out) {
  wire::JsonWriter(out.data)
      .begin_object()
      .string("type", "periodic")
      .uint("timestamp", beat.wall_us / 1000)
      .end_object();
  return true;
}

}  // namespace

const DialectTable kBroker{
    .name = "broker", .show = show, .read = nullptr, .beat = beat, .user_parameter = "user_id", .nobody = {}};

}  // namespace ringcast::session
