// SPDX-License-Identifier: Apache-2.0
#include "hooks/event.h"

namespace ringcast::hooks {

std::string_view to_string(Event event) {
  switch (event) {
    case Event::connect: return "connect";
    case Event::disconnect: return "disconnect";
    case Event::join: return "join";
    case Event::leave: return "leave";
    case Event::occupied: return "occupied";
    case Event::vacated: return "vacated";
    case Event::publish: return "publish";
    case Event::event: return "event";
  }
  return "";
}

std::optional<Event> event_from(std::string_view name) {
  for (const Event event : {Event::connect, Event::disconnect, Event::join, Event::leave, Event::occupied,
                            Event::vacated, Event::publish, Event::event}) {
    if (to_string(event) == name) return event;
  }
  return std::nullopt;
}

}  // namespace ringcast::hooks
