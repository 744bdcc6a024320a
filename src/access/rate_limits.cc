// SPDX-License-Identifier: Apache-2.0
#include "access/rate_limits.h"

namespace ringcast::access {

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::connection: return "connection";
    case Scope::user: return "user";
    case Scope::address: return "address";
    case Scope::key: return "key";
    case Scope::count_: break;
  }
  return "";
}

std::string_view to_string(Charge charge) {
  switch (charge) {
    case Charge::connects: return "connects";
    case Charge::messages: return "messages";
    case Charge::bytes: return "bytes";
    case Charge::connections: return "connections";
    case Charge::count_: break;
  }
  return "";
}

}  // namespace ringcast::access
