#!/usr/bin/env bash
# Shows the whole of it: builds pgbackfill, makes a sample database in a throwaway server, plans,
# runs and verifies the migration of by-team.toml, and counts what came of it.
# shellcheck source=tools/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'END'
tools/demo.sh [--scale S] [--keep] [option of pgbackfill run]...
  --scale S   size of the sample: 1 (the default) is about 200 000 rows
  --keep      leave the server running, and say how to reach it and end it
END
}

scale=1
keep=false
extra=()
while (($# > 0)); do
  case $1 in
    --scale)
      (($# > 1)) || fail "--scale needs a number"
      scale=$2
      shift
      ;;
    --scale=*) scale=${1#*=} ;;
    --keep) keep=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) extra+=("$1") ;;
  esac
  shift
done

# Prints a command as one would type it, then runs it.
demonstrate() {
  printf '\n$ %s\n' "$*"
  run "$@"
}

show_plan() {
  local lines shown=40
  printf '\n$ %s\n' "$*"
  run "$@" >"$work/plan" || fail "the plan failed: $(cat "$work/plan")"
  lines=$(wc -l <"$work/plan")
  head -n "$shown" "$work/plan"
  if ((lines > shown)); then echo "… and $((lines - shown)) more lines"; fi
}

summarize() {
  run psql -X --pset pager=off --dbname app <<'END'
\pset footer off
SELECT o.name AS organization,
       (SELECT count(*) FROM teams t WHERE t.org_id = o.org_id) AS teams,
       (SELECT count(*) FROM bookings t WHERE t.org_id = o.org_id) AS bookings,
       (SELECT count(*) FROM invoices t WHERE t.org_id = o.org_id) AS invoices,
       (SELECT count(*) FROM leads t WHERE t.org_id = o.org_id) AS leads,
       (SELECT count(*) FROM email_events t WHERE t.org_id = o.org_id) AS email_events
  FROM organizations o
 ORDER BY o.org_id;
SELECT role, count(*) AS users FROM users GROUP BY role ORDER BY role;
END
}

cd -- "$root"
clean_up_at_exit
tools/setup.sh
forget_other_servers

say "Building"
build pgbackfill pgbackfill_sample
export PATH=$root/build:$PATH

make_work_directory
say "Starting a throwaway server in $work"
start_server
run psql -Xq --dbname postgres --command 'CREATE DATABASE app'

migration=(-c tools/migrations/by-team.toml --dsn postgresql:///app)
say "A sample database"
demonstrate pgbackfill_sample --dsn postgresql:///app --scale "$scale"
say "The plan"
show_plan pgbackfill plan "${migration[@]}"
say "The migration"
demonstrate pgbackfill run "${migration[@]}" "${extra[@]}"
say "Verification"
demonstrate pgbackfill verify "${migration[@]}"
say "What it came to: rows of each organization, and users of each role"
summarize

if $keep; then
  trap - EXIT
  rm -f -- "$work/plan"
  as_user=
  if ((EUID == 0)); then as_user='runuser -u postgres -- '; fi
  cat <<END

The server goes on. To look around:  psql -h $PGHOST -U postgres app
To end it:  $as_user$(server_programs)/pg_ctl -D $PGHOST/data stop && rm -r $work
END
fi
