// SPDX-License-Identifier: Apache-2.0
// How tokens and key sets are read: what they may nest, and room for any string in them.
#pragma once

#include "codec/json/json_reader.h"

namespace ringcast::codec {

inline constexpr JsonLimits kTokenJsonLimits{.depth_max = 16, .payload_bytes_max = UINT32_MAX, .batch_items_max = 0};

}  // namespace ringcast::codec
