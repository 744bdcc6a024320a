// SPDX-License-Identifier: Apache-2.0
#include "client/session_stats.h"

namespace ringcast::session {

std::string_view to_string(TransportKind transport) {
  switch (transport) {
    case TransportKind::websocket: return "websocket";
    case TransportKind::sse: return "sse";
    case TransportKind::poll: return "poll";
    case TransportKind::socketio: return "socketio";
    case TransportKind::count_: break;
  }
  return "";
}

std::string_view to_string(ErrorCount code) {
  switch (code) {
    case ErrorCount::bad_request: return "bad_request";
    case ErrorCount::unauthorized: return "unauthorized";
    case ErrorCount::forbidden: return "forbidden";
    case ErrorCount::not_found: return "not_found";
    case ErrorCount::method_not_allowed: return "method_not_allowed";
    case ErrorCount::too_large: return "too_large";
    case ErrorCount::timeout: return "timeout";
    case ErrorCount::full: return "full";
    case ErrorCount::draining: return "draining";
    case ErrorCount::rate_limited: return "rate_limited";
    case ErrorCount::misdirected: return "misdirected";
    case ErrorCount::unsupported: return "unsupported";
    case ErrorCount::bad_action: return "bad_action";
    case ErrorCount::protocol: return "protocol";
    case ErrorCount::other: return "other";
    case ErrorCount::count_: break;
  }
  return "";
}

std::string_view to_string(AuthFailure reason) {
  switch (reason) {
    case AuthFailure::no_credentials: return "no_credentials";
    case AuthFailure::bad_key: return "bad_key";
    case AuthFailure::bad_token: return "bad_token";
    case AuthFailure::token_expired: return "token_expired";
    case AuthFailure::token_revoked: return "token_revoked";
    case AuthFailure::token_ended: return "token_ended";
    case AuthFailure::needs_key: return "needs_key";
    case AuthFailure::count_: break;
  }
  return "";
}

AuthFailure auth_failure_of(std::string_view error_code) {
  if (error_code == "token_expired") return AuthFailure::token_expired;
  if (error_code == "token_revoked") return AuthFailure::token_revoked;
  return AuthFailure::bad_token;
}

ErrorCount error_count_of(uint16_t status) {
  switch (status) {
    case 400: return ErrorCount::bad_request;
    case 401: return ErrorCount::unauthorized;
    case 403: return ErrorCount::forbidden;
    case 404: return ErrorCount::not_found;
    case 405: return ErrorCount::method_not_allowed;
    case 408: return ErrorCount::timeout;
    case 413:
    case 414:
    case 431: return ErrorCount::too_large;
    case 421: return ErrorCount::misdirected;
    case 429: return ErrorCount::rate_limited;
    case 415:
    case 426:
    case 501:
    case 505: return ErrorCount::unsupported;
    case 503: return ErrorCount::full;
    default: return ErrorCount::other;
  }
}

ErrorCount error_count_of_close(uint16_t code) {
  switch (code) {
    case 4001: return ErrorCount::unauthorized;
    case 1013: return ErrorCount::full;
    default: return ErrorCount::forbidden;
  }
}

}  // namespace ringcast::session
