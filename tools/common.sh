# SPDX-License-Identifier: Apache-2.0
# For sourcing by the scripts beside it: packages, build directories, what is said to people. All talk goes to stderr.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# NAME?COMMAND: the command is enough, wherever it came from.
build_packages=(
  g++ meson ninja-build pkg-config
  liburing-dev libmimalloc-dev libsimdjson-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev
  libexpected-dev libssl-dev libcurl4-openssl-dev zlib1g-dev robin-map-dev node-llhttp
)
test_packages=(
  libgtest-dev libgmock-dev libbenchmark-dev libseccomp-dev libwslay-dev libjwt-dev
  clang-14 llvm-14 libclang-rt-14-dev clang-format-14
  curl nodejs?node npm?npm chromium python3-websockets nginx-light?nginx haproxy?haproxy
)

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# Installs what is missing of the named packages. Asks dpkg only, so it costs nothing when all is there.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "$(basename "$0"): no dpkg here; these Debian packages (or their like) are needed: $*"
    return
  fi
  local installed missing=() name
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "${@%\?*}" 2>/dev/null || true)"
  for name in "$@"; do
    [[ $installed == *" installed:${name%\?*} "* ]] && continue
    [[ $name == *\?* ]] && command -v "${name#*\?}" >/dev/null && continue
    missing+=("${name%\?*}")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing, and there is no sudo to install them: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
         "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
       } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt-get failed"
  fi
  rm -f "$log"
}

# configure DIR MESON_ARGUMENTS…: makes the build directory, or makes it anew when it was made otherwise.
configure() {
  local dir=$1 wanted
  shift
  wanted="CXX=${CXX:-} CC=${CC:-} $*"
  if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "configuring ${dir#"$top/"}"
  mkdir -p "$dir"
  rm -rf "$dir/meson-private" "$dir/.configured"
  if ! meson setup "$dir" "$top" "$@" >"$dir/setup.log" 2>&1; then
    tail -n 20 "$dir/setup.log" >&2
    say "meson setup failed; all of it is in $dir/setup.log"
    return 1
  fi
  printf '%s\n' "$wanted" >"$dir/.configured"
}

# build DIR TARGETS…: quiet unless it fails or there is something to do.
build() {
  local dir=$1
  shift
  if ninja -C "$dir" -n "$@" 2>/dev/null | grep -q '^ninja: no work to do'; then return; fi
  say "building ${dir#"$top/"}"
  if ! ninja -C "$dir" "$@" >"$dir/build.log" 2>&1; then
    sed -n '/^FAILED:/,$p' "$dir/build.log" | grep -vE '^\[[0-9]+/[0-9]+\] ' | head -n 60 >&2
    say "the build failed; all of it is in $dir/build.log"
    return 1
  fi
}

# The programs as people run them, in build/release: release_build TARGETS…
release_build() {
  need_packages "${build_packages[@]}"
  configure "$top/build/release" -Dbuildtype=release -Db_lto=true -Dtests=false -Dbenchmarks=false
  build "$top/build/release" "$@"
}
