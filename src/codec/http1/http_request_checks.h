// SPDX-License-Identifier: Apache-2.0
// What makes a well-formed head ambiguous or unanswerable: target, Host, body framing, Expect (RFC 9112 sections 3, 6).
// Used by the request parser alone; pure functions over its views.
#pragma once

#include <string_view>

#include "codec/http1/http_message.h"
#include "codec/http1/http_request_parser.h"

namespace ringcast::codec {

// Method, target and version of a request line without its line end. `method_name` is the token as sent.
bool read_request_line(std::string_view line, HttpRequest& request, std::string_view& method_name, HttpError& error);

// Each fills what it is about in `request`, whose headers are already there, or says in `error` why it cannot.
bool read_target_and_host(HttpRequest& request, HttpError& error);
bool read_body_framing(HttpRequest& request, HttpError& error);
bool read_connection(HttpRequest& request, HttpError& error);

// 1*DIGIT, saturated at the largest uint64_t; false for anything else.
bool parse_content_length(std::string_view text, uint64_t& value);

enum class TransferCoding { chunked, bad, unsupported };
// All Transfer-Encoding fields together. `chunked` only for that coding alone, once.
TransferCoding read_transfer_coding(const HttpHeaders& headers);

}  // namespace ringcast::codec
