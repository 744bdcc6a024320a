// SPDX-License-Identifier: Apache-2.0
// A request over HTTP while it is read or its answer is outstanding; hangs off its Client meanwhile. That connection's
// core only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "auth/identity.h"
#include "base/error.h"
#include "base/ip_address.h"
#include "session/client.h"
#include "session/hooks.h"
#include "session/origin.h"
#include "session/publish_progress.h"
#include "session/routes.h"
#include "wire/http_request_parser.h"
#include "wire/url.h"

namespace ringcast::session {

struct RequestState final : Extra {
  std::unique_ptr<wire::HttpRequestParser> parser;  // from the session's pool; none while another session answers
  OriginVerdict origin = OriginVerdict::absent;
  std::string allow_origin;                // of a listed page: goes into the answer (CORS)
  std::chrono::nanoseconds body_since{0};  // when the head was complete and a body was to come
  std::string path;                        // where that of the request has escapes that mean nothing
  Routes::Match match;                     // views into the parser's head, or into `path`
  bool checked = false;                    // `match` and `identity` are set, and this client may call it
  auth::Identity identity;
  IpAddress address;                     // the client's, where limits or proxies need it
  bool judged = false;                   // the limits allow it
  uint64_t ticket = 0;                   // of the question that hooks have not answered yet; 0: none
  std::optional<HookDecision> decision;  // their answer
  std::optional<Error> denial;           // of a WebSocket's request: what is wrong with its token
  wire::Query query;
  Endpoint endpoint = Endpoint::file;  // whose answer is outstanding
  bool stream = false;                 // the answer is one of many: /stats/stream
  bool sees_rooms = false;             // the answer of /stats may name rooms
  std::string name;                    // what was asked about, for the answer
  std::string partial;                 // the first part of an answer that takes two questions
  uint64_t occupied_rooms = 0;         // and its count
  std::unique_ptr<PublishProgress> publish;
};

}  // namespace ringcast::session
