// SPDX-License-Identifier: Apache-2.0
// What is posted in the spelling of a dialect, as the publish that it means. The views live as long as those of
// parse_publish_body(): until the next text that this thread reads. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "session/dialect/dialect.h"
#include "wire/publish_request.h"

namespace ringcast::session {

std::optional<Error> read_posted(Dialect dialect, std::string_view text, const wire::JsonLimits& limits,
                                 wire::PublishBody& body);

}  // namespace ringcast::session
