// SPDX-License-Identifier: Apache-2.0
// What is posted in the spelling of a dialect, as the publish that it means. The views live as long as those of
// parse_publish_body(): until the next text that this thread reads. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "codec/native/publish_request.h"
#include "compat/dialect.h"

namespace ringcast::session {

[[nodiscard]] std::optional<Error> read_posted(Dialect dialect, std::string_view text, const codec::JsonLimits& limits,
                                               codec::PublishBody& body);

}  // namespace ringcast::session
