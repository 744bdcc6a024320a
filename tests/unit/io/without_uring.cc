// SPDX-License-Identifier: Apache-2.0
// Runs a program under a seccomp filter that refuses io_uring with EPERM, and with --no-unshare unshare(2) as well, as
// container runtimes do: without_uring [--no-unshare] PROGRAM [ARGUMENT…]
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  const bool no_unshare = argc > 1 && std::strcmp(argv[1], "--no-unshare") == 0;
  if (no_unshare) {
    --argc;
    ++argv;
  }
  if (argc < 2) return 2;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const int calls[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)};
  bool good = filter != nullptr;
  for (const int call : calls) good = good && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) == 0;
  if (no_unshare) good = good && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) == 0;
  good = good && seccomp_load(filter) == 0;
  if (!good) {
    std::fputs("without_uring: no seccomp filter\n", stderr);
    return 2;
  }
  seccomp_release(filter);
  setenv("URING_IS_REFUSED", "1", 1);
  execv(argv[1], argv + 1);
  std::perror("without_uring");
  return 2;
}
