# SPDX-License-Identifier: Apache-2.0
# For sourcing by the scripts beside it. Each of them is another server for tools/compare:
#
#   SCRIPT --install   gets what it needs: packages by apt-get, npm packages into node_modules beside it
#   SCRIPT --version   says what would run, or fails naming what is missing
#   SCRIPT             becomes the server on 127.0.0.1:$PORT, until SIGTERM. CONNECTIONS is how many will come

others=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$others/../../common.sh"

# Debian keeps servers out of the path of users.
PATH=$PATH:/usr/sbin

missing() { die "$1 is missing; $0 --install gets it"; }

# Each open connection is a descriptor.
files=$(ulimit -Hn)
[ "$files" != unlimited ] || files=1048576
ulimit -n "$files"

# node_server FILE PACKAGE ARGUMENTS…: the steps of the scripts whose server is FILE, on an npm package.
node_server() {
  local file=$1 package=$2
  if [ "${3:-}" = --install ]; then
    need_packages nodejs?node npm?npm
    # The one package with native code brings it built: no script has to run.
    (cd "$others" && npm ci --ignore-scripts --no-audit --no-fund >&2)
    return
  fi
  command -v node >/dev/null || missing node
  [ -d "$others/node_modules/$package" ] || missing "the npm package $package"
  if [ "${3:-}" = --version ]; then
    node -p '`${process.argv[1]} ${require(process.argv[1] + "/package.json").version} on Node ${process.versions.node}`' \
      "$others/node_modules/$package" | sed 's,^.*/node_modules/,,'
    return
  fi
  # Node's own limit of its heap is no property of the server: what is under way to slow members may need more.
  exec node --max-old-space-size="$(awk '/^MemTotal:/ { print int($2 / 2048) }' /proc/meminfo)" "$others/$file"
}
