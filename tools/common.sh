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
  faketime dpkg-dev mmdebstrap debian-archive-keyring python3-yaml 'zsh?zsh'
)

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# Installs what is missing of the named packages. Without anything to install it asks dpkg only, which costs nothing.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "$(basename "$0"): no dpkg here; these Debian packages (or their like) are needed: $*"
    return
  fi
  local installed missing=() optional=() name names one
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' 2>/dev/null) "
  for name in "$@"; do
    if [[ $name == *\?* ]] && command -v "${name#*\?}" >/dev/null; then continue; fi
    IFS='|' read -ra names <<<"${name%\?*}"
    for one in "${names[@]}"; do
      [[ $installed != *" installed:$one "* ]] || continue 2
    done
    if [[ $name != *'|' ]] || apt-cache show "$one" >/dev/null 2>&1; then
      missing+=("${name%\?*}")
    else
      optional+=("$name")  # unknown to apt, perhaps until its first update
    fi
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
         "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
           $(in_archive "${missing[@]}" "${optional[@]}")
       } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    die "apt-get failed"
  fi
  rm -f "$log"
}

# The first of each "A|B" that apt knows, else its first.
in_archive() {
  local name one names
  for name in "$@"; do
    IFS='|' read -ra names <<<"$name"
    for one in "${names[@]}"; do
      if apt-cache show "$one" >/dev/null 2>&1; then
        echo "$one"
        continue 2
      fi
    done
    [[ $name == *'|' ]] || echo "${names[0]}"
  done
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

# build DIR TARGETS…: says how far it is, and shows what fails.
build() {
  local dir=$1
  shift
  if ninja -C "$dir" -n "$@" 2>/dev/null | grep -q '^ninja: no work to do'; then return; fi
  if ! NINJA_STATUS='[%f/%t] ' ninja -C "$dir" "$@" 2>&1 | tee "$dir/build.log" | progress "building ${dir#"$top/"}"; then
    sed -n '/^FAILED:/,$p' "$dir/build.log" | grep -vE '^\[[0-9]+/[0-9]+\] ' | head -n 60 >&2
    say "the build failed; all of it is in $dir/build.log"
    return 1
  fi
}

# progress WHAT: how far ninja is, by what it prints: on a terminal a line that changes, else a line every ten seconds.
progress() {
  local line rc text='' shown='' next=$((SECONDS + 10)) start=$SECONDS
  say "$1"
  while line='' rc=0; IFS= read -r -t 1 line || rc=$?; [ "$rc" = 0 ] || [ "$rc" -gt 128 ]; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]] &&
      text="$((100 * BASH_REMATCH[1] / BASH_REMATCH[2])) %, ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]} targets"
    [ -n "$text" ] || continue
    if [ -t 2 ]; then
      printf '\r\033[K%s: %s, %d s' "$1" "$text" $((SECONDS - start)) >&2
      shown=yes
    elif ((SECONDS >= next)); then
      say "$1: $text, $((SECONDS - start)) s"
      next=$((SECONDS + 10))
    fi
  done
  [ -z "$shown" ] || say ''
}

# Optimising at link time; by default it is one thread's work.
link_time=(-Db_lto=true "-Db_lto_threads=$(nproc)")

# The programs as people run them, in build/release: release_build TARGETS…
release_build() {
  need_packages "${build_packages[@]}"
  configure "$top/build/release" -Dbuildtype=release "${link_time[@]}" -Dtests=false -Dbenchmarks=false
  build "$top/build/release" "$@"
}

# What is installed, for build: programs and what is made of them.
installed_targets=(
  src/app/ringcast tools/ringload/ringload packaging/ringcast.1 packaging/ringload.1 packaging/ringcast-tune.8
)

# put_down DIR DESTDIR TAGS…: installs what a build directory has; settings only with the tag "settings".
as_root=()
put_down() {
  local dir=$1 destination=$2 tags
  shift 2
  tags=$(IFS=,; echo "runtime,man,doc,service${*:+,}$*")
  "${as_root[@]}" meson install -C "$dir" --no-rebuild --strip --tags "$tags" ${destination:+--destdir "$destination"} >"$dir/install.log" || {
    tail -n 20 "$dir/install.log" >&2
    return 1
  }
}
