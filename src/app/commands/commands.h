// SPDX-License-Identifier: Apache-2.0
// The program as a client: `ringcast publish` and `ringcast subscribe`. Each is one thread that blocks; standard output
// has what the server said, one JSON text a line, standard error what went wrong.
// Exit status: 0 done, 1 refused or broken off, 2 the arguments are wrong.
#pragma once

#include <cstdio>

namespace ringcast::app {

// argv[1] is the command's name. What is published comes from the arguments or, a message a line, from `in`.
int run_publish(int argc, const char* const* argv, std::FILE* in, std::FILE* out, std::FILE* err);
int run_subscribe(int argc, const char* const* argv, std::FILE* out, std::FILE* err);

}  // namespace ringcast::app
