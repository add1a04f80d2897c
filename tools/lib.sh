# Shared by the scripts beside it, which source it. Bash.
# shellcheck shell=bash

set -euo pipefail

# A background job of another script starts with SIGINT ignored, and bash can trap no signal that
# it found ignored: start over without that.
if [[ $(trap -p INT) == "trap -- '' SIGINT" ]]; then
  exec env --default-signal=INT bash "$0" "$@"
fi

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
child=
work=

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# A server that happens to be configured in the caller's environment is not ours to touch.
forget_other_servers() {
  local name
  for name in $(compgen -e PG); do
    [[ $name == PGBACKFILL_* ]] || unset "$name"
  done
}

# Runs a command in a process group of its own and waits for it, so that a signal to this script is
# acted on at once and reaches everything that the command started.
run() {
  local status=0
  set -m
  "$@" &
  child=$!
  set +m
  wait "$child" || status=$?
  child=
  return "$status"
}

end_child() {
  [[ -n $child ]] || return 0
  kill -TERM -- "-$child" 2>/dev/null || true
  local tries
  for ((tries = 0; tries < 100; ++tries)); do
    kill -0 -- "-$child" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  child=
}

# Ends every server whose data directory lies under $1. Their data is about to be removed, so there
# is nothing to write out.
stop_servers_under() {
  local pid_file pid tries
  while IFS= read -r pid_file; do
    pid=$(head -n 1 -- "$pid_file" 2>/dev/null) || continue
    [[ $pid =~ ^[0-9]+$ ]] || continue
    kill -QUIT "$pid" 2>/dev/null || continue
    for ((tries = 0; tries < 100; ++tries)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done < <(find "$1" -name postmaster.pid 2>/dev/null)
}

clean_up() {
  trap '' INT TERM HUP
  end_child
  if [[ -n $work ]]; then
    stop_servers_under "$work"
    # Twice: what was ending may still have written while the first one ran.
    rm -rf -- "$work" 2>/dev/null || rm -rf -- "$work"
    work=
  fi
}

clean_up_at_exit() {
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# Builds the given targets into build/. Only where CI asks is a warning an error: a newer compiler
# than ours knows warnings that are no user's concern.
build() {
  local generator=()
  [[ -f $root/build/CMakeCache.txt ]] || generator=(-G Ninja)
  run cmake -S "$root" -B "$root/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DPGBACKFILL_BUILD_TESTS=ON -DPGBACKFILL_BUILD_BENCH=ON \
    ${CI:+-DPGBACKFILL_WERROR=ON} --log-level=WARNING
  run cmake --build "$root/build" --parallel "$(nproc)" --target "$@"
}

# The server refuses to run as root.
as_server_user() {
  if ((EUID == 0)); then
    (cd / && exec setpriv --reuid postgres --regid postgres --init-groups -- "$@")
  else
    "$@"
  fi
}

# Sets `work` to a fresh directory that the server's user can reach and whose name leaves room for
# a socket (the system limits its path to about 107 bytes).
make_work_directory() {
  local base
  for base in "${TMPDIR:-/tmp}" /tmp; do
    work=$(mktemp -d "$base/pgbackfill.XXXXXX") || continue
    if ((EUID == 0)); then chmod 755 "$work"; fi
    if ((${#work} <= 60)) && as_server_user test -x "$work"; then return 0; fi
    rmdir -- "$work"
    work=
  done
  fail "found no temporary directory for the server; set TMPDIR to one with a short name"
}

server_programs() {
  local directory
  for directory in "${PGBACKFILL_PG_BINDIR:-}" "$(pg_config --bindir 2>/dev/null || true)" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [[ -x $directory/initdb && -x $directory/pg_ctl ]]; then
      printf '%s\n' "$directory"
      return 0
    fi
  done
  fail "found no PostgreSQL server (initdb, pg_ctl); install it or set PGBACKFILL_PG_BINDIR"
}

# Starts a throwaway server under `work`: a socket there that only its user and root can reach, no
# TCP. PGHOST and PGUSER then lead to it.
start_server() {
  local programs home=$work/server
  programs=$(server_programs)
  mkdir -m 700 "$home"
  if ((EUID == 0)); then chown postgres "$home"; fi
  run as_server_user "$programs/initdb" --pgdata "$home/data" --username postgres --auth trust \
    --encoding UTF8 --locale C.UTF-8 --no-sync >"$work/initdb.log" 2>&1 ||
    fail "initdb failed: $(tail -n 5 "$work/initdb.log")"
  run as_server_user "$programs/pg_ctl" --pgdata "$home/data" --log "$home/log" --wait --silent \
    --options "-c listen_addresses='' -c unix_socket_directories='$home' -c fsync=off" start ||
    fail "the server did not start: $(tail -n 5 "$home/log")"
  export PGHOST=$home PGUSER=postgres
}
