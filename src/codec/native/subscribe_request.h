// SPDX-License-Identifier: Apache-2.0
// The body of POST /events and POST /poll: which channels, and from which position in each. It takes more channels than
// a query and a cursor can, and needs no session on the server: any node can serve it. Views point into this thread's
// parsing scratch, as those of parse_publish_body().
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

struct SubscribeRequest {
  std::vector<std::string_view> rooms;  // as they were given: not checked
  std::vector<std::pair<std::string_view, uint64_t>> positions;
  std::optional<uint32_t> timeout_s;
};

// {"rooms":["general","@me"],"positions":{"general":17},"timeout":25}; `timeout` is for polls. Other fields are
// refused. Of a field that is there twice the last counts. `names_max` bounds both lists, each name of which counts as
// often as it is there. Nothing on success, else what was wrong; the request is then empty. Codes: bad_json, too_deep,
// bad_field, unknown_field, too_many_rooms.
[[nodiscard]] std::optional<Error> parse_subscribe_body(std::string_view text, const JsonLimits& limits,
                                                        size_t names_max, SubscribeRequest& request);

}  // namespace ringcast::codec
