// SPDX-License-Identifier: Apache-2.0
// A request over HTTP while it is read or its answer is outstanding; hangs off its Client meanwhile. That connection's
// core only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "access/identity.h"
#include "access/origin.h"
#include "api/publish_progress.h"
#include "base/error.h"
#include "base/ip_address.h"
#include "client/client.h"
#include "client/hooks.h"
#include "client/routes.h"
#include "codec/http1/http_request_parser.h"
#include "codec/http1/url.h"

namespace ringcast::session {

struct RequestState final : Extra {
  std::unique_ptr<codec::HttpRequestParser> parser;  // from the session's pool; none while another session answers
  access::OriginVerdict origin = access::OriginVerdict::absent;
  std::string allow_origin;                // of a listed page: goes into the answer (CORS)
  std::chrono::nanoseconds body_since{0};  // when the head was complete and a body was to come
  uint64_t held_bytes = 0;                 // of the body, that have come and the parser does not have yet (gRPC)
  bool pushes = false;                     // answered when it is accepted; takes events of other systems (gRPC)
  std::string path;                        // where that of the request has escapes that mean nothing
  Routes::Match match;                     // views into the parser's head, or into `path`
  bool checked = false;                    // `match` and `identity` are set, and this client may call it
  access::Identity identity;
  IpAddress address;                     // the client's, where limits or proxies need it
  bool judged = false;                   // the limits allow it
  uint64_t ticket = 0;                   // of the question that hooks have not answered yet; 0: none
  std::optional<HookDecision> decision;  // their answer
  std::optional<Error> denial;           // of a WebSocket's request: what is wrong with its token
  codec::Query query;
  Endpoint endpoint = Endpoint::file;  // whose answer is outstanding
  bool stream = false;                 // the answer is one of many: /stats/stream
  bool sees_rooms = false;             // the answer of /stats may name rooms
  std::string name;                    // what was asked about, for the answer
  std::string partial;                 // the first part of an answer that takes two questions
  uint64_t occupied_rooms = 0;         // and its count
  std::unique_ptr<PublishProgress> publish;
};

}  // namespace ringcast::session
