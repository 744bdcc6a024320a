// SPDX-License-Identifier: Apache-2.0
// A request as handlers see it: parsed, routed, and with the visitor's names resolved.
// Lives on the stack of HttpSession while a handler is called; its views are valid during that call.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.h"
#include "base/error.h"
#include "client/hooks.h"
#include "codec/http1/http_request_parser.h"
#include "codec/http1/url.h"

namespace ringcast::session {

struct Route;

struct Request {
  const codec::HttpRequest& http;
  const Route& route;
  codec::Query query;
  std::string path;      // decoded
  std::string argument;  // decoded: what the route's `{}` matched
  access::Identity identity;
  std::optional<Error> denial;          // of a WebSocket's request: why it is to be closed at once
  bool accepts_stream = false;          // Accept names text/event-stream
  std::vector<std::string> rooms;       // that hooks have it join besides
  std::optional<HookDecision> refusal;  // of a WebSocket's request, by hooks: it is to be closed at once
};

}  // namespace ringcast::session
