# SPDX-License-Identifier: Apache-2.0
# For sourcing by the scripts beside it: packages, build directories, what is said to people. All talk goes to stderr.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian 12 and 13, Ubuntu 24.04. A|B: the first that the system's archive has; A|: only where it has it.
# NAME?COMMAND: the command is enough, wherever it came from.
build_packages=(
  g++ meson ninja-build pkg-config
  liburing-dev libmimalloc-dev libsimdjson-dev libtomlplusplus-dev libcli11-dev libfmt-dev
  libexpected-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libnghttp2-dev robin-map-dev 'libllhttp-dev|node-llhttp'
  libprotobuf-dev protobuf-compiler libnats-dev librdkafka-dev
)
test_packages=(
  libgtest-dev libgmock-dev libbenchmark-dev libseccomp-dev libwslay-dev libjwt-dev valgrind
  clang llvm libclang-rt-dev 'clang-format-14|'
  curl 'nodejs?node' 'npm?npm' 'chromium|chromium-browser' python3-websockets python3-h2 python3-grpcio python3-protobuf 'nghttp2-client?h2load' 'nginx-light?nginx' 'haproxy?haproxy' 'redis-server?redis-server' 'nats-server|'
