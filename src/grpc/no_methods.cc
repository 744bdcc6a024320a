// SPDX-License-Identifier: Apache-2.0
// In place of methods.cc where the build has no protobuf.
#include "grpc/methods.h"

namespace ringcast::grpc {

const Method* find_method(std::string_view) {
  return nullptr;
}

bool has_methods() {
  return false;
}

}  // namespace ringcast::grpc
