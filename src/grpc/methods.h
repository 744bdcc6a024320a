// SPDX-License-Identifier: Apache-2.0
// The methods of gRPC that are served, each as the request of the REST API that it stands for: a message becomes a
// target and a body of JSON, the answer's JSON becomes a message. Pure functions over the messages of proto/; without
// protobuf in the build there are no methods. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::grpc {

struct RestRequest {
  std::string target;  // path and query, escaped
  std::string body;    // JSON
};

struct Method {
  std::string_view path;  // "/ringcast.v1.Ringcast/Rooms"
  std::string_view verb;  // of HTTP
  // Whatever the message says, it goes to POST /messages; that has a body, and the others have none.
  bool publishes = false;
  // It is answered when it has been accepted, and takes the events of other systems.
  bool pushes = false;
  // Codes of errors: bad_message, missing_field, bad_json, too_deep; batch_too_large; not_found.
  Result<RestRequest> (*ask)(std::string_view message);
  // Appends the message for what the REST API has answered with 2xx.
  void (*answer)(std::string& out, std::string_view json);
  // Appends the message for a refusal that is an answer all the same; null: there is none.
  bool (*answer_refusal)(std::string& out, uint16_t status) = nullptr;
};

// Null: no such method. `path` is as it came.
const Method* find_method(std::string_view path);
// Whether any are built in.
bool has_methods();

}  // namespace ringcast::grpc
