#!/usr/bin/env bash
# Builds everything and runs the tests.
#   --server BINDIR   against the server whose initdb and postgres are in BINDIR (13 or newer)
#   --all-servers     the server's tests on every supported major version, one after the other
#   --long            the long forms of tests that have one
# Other options go to ctest (tools/test.sh -L unit).
# shellcheck source=tools/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

server=
all_servers=false
long=false
ctest_options=()
while (($# > 0)); do
  case $1 in
    --server)
      (($# > 1)) || fail "--server needs the directory of initdb and postgres"
      server=$(cd -- "$2" 2>/dev/null && pwd) || fail "--server: there is no directory $2"
      shift
      ;;
    --all-servers) all_servers=true ;;
    --long) long=true ;;
    *) ctest_options+=("$1") ;;
  esac
  shift
done

cd -- "$root"
clean_up_at_exit
tools/setup.sh
forget_other_servers
if $long; then export PGBACKFILL_TEST_LONG=1; fi
if [[ -n $server ]]; then export PGBACKFILL_PG_BINDIR=$server; fi
build all

# The tests' servers and files all go here, so that none outlives an interrupted run.
make_work_directory
export TMPDIR=$work

tests() {
  run ctest --test-dir build --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
}

if ! $all_servers; then
  tests "${ctest_options[@]}"
  exit
fi

# The server's user must be able to run them, wherever this directory lies.
mapfile -t directories < <(tools/fetch_servers.sh build/servers "$work/servers" || echo failed)
[[ ${directories[-1]} != failed ]] || fail "the servers could not be fetched"
directories=("$(server_programs)" "${directories[@]}")
outcomes=()
status=0
for directory in "${directories[@]}"; do
  version=$("$directory/postgres" --version)
  say "$version"
  if PGBACKFILL_PG_BINDIR=$directory tests -L pg "${ctest_options[@]}"; then
    outcomes+=("passed  $version")
  else
    outcomes+=("FAILED  $version")
    status=1
  fi
done
say "all servers"
printf '%s\n' "${outcomes[@]}"
exit "$status"
