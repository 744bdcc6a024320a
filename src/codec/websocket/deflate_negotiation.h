// SPDX-License-Identifier: Apache-2.0
// Negotiation of permessage-deflate (RFC 7692 section 7) in Sec-WebSocket-Extensions. A server never keeps a window
// between messages: frames are shared by all members of a channel, and an idle connection may not hold an inflater.
// Pure functions; any thread.
#pragma once

#include <string_view>

#include "codec/http1/http_message.h"

namespace ringcast::codec {

// Server: the value of Sec-WebSocket-Extensions to answer with, empty when no offer can be accepted. Offers are
// taken in order; one that is malformed, has unknown, repeated or bad parameters, or wants server_max_window_bits
// below 15 (shared frames use the full window) is passed over. Static storage.
std::string_view negotiate_deflate(const HttpHeaders& headers);

// Client: what this project's clients offer, and whether an answer fits that offer.
inline constexpr std::string_view kDeflateOffer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
enum class DeflateAnswer { none, accepted, invalid };
DeflateAnswer check_deflate_answer(const HttpHeaders& headers);

}  // namespace ringcast::codec
