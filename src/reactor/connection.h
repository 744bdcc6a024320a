// SPDX-License-Identifier: Apache-2.0
// A connection is the stream that has a socket of its own. Where only one stream is carried, which is everywhere but in
// HTTP/2, both are the same object, and the names are used for one another.
#pragma once

#include "reactor/stream.h"

namespace ringcast::reactor {

using Connection = Stream;
using ConnectionId = StreamId;

}  // namespace ringcast::reactor
