#!/usr/bin/env bash
# Whether a project's migrations bring an empty database to what its code expects. In order:
#   1 the database is empty
#   2 alembic upgrade head
#   3 every table and column of the models can be read
#   4 alembic revision --autogenerate finds nothing to do
#   5 enum types have the labels that the code has, and no others
#   6 pgbackfill verify
#   7 a smoke test
# Exit 0: all hold; 1: one does not (each is named); 2: usage.
set -uo pipefail

usage() {
  cat <<'END'
usage: migrations_apply_on_clean_db.sh --url URL --metadata MODULE:NAME [option...]
  --url URL               empty database, postgresql://…; else CLEAN_DATABASE_URL
  --url-variable NAME     variable that the project's env.py reads it from (DATABASE_URL)
  --project DIR           directory of alembic.ini (.)
  --metadata MODULE:NAME  the models' MetaData, such as app.models:Base.metadata
  --enum TYPE=MODULE:NAME an enum of the database and its labels in the code: an Enum class (its
                          values), an SQLAlchemy Enum type or a list; repeatable
  --migration FILE        migration file for pgbackfill verify; left out: step 6 is skipped
  --smoke COMMAND         for sh, with the URL in the variable; left out: step 7 is skipped
  --alembic, --python, --pgbackfill PROGRAM   which ones to run
END
}

misused() {
  echo "migrations_apply_on_clean_db.sh: $* (see --help)" >&2
  exit 2
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
url=${CLEAN_DATABASE_URL:-}
url_variable=DATABASE_URL
project=.
metadata=
enums=()
migration=
smoke=
alembic=alembic
python=
pgbackfill=pgbackfill
while (($# > 0)); do
  case $1 in
    --help) usage && exit 0 ;;
    --url | --url-variable | --project | --metadata | --enum | --migration | --smoke | --alembic | \
      --python | --pgbackfill) (($# > 1)) || misused "$1 needs a value" ;;
    *) misused "there is no option \"$1\"" ;;
  esac
  case $1 in
    --url) url=$2 ;;
    --url-variable) url_variable=$2 ;;
    --project) project=$2 ;;
    --metadata) metadata=$2 ;;
    --enum) enums+=("$2") ;;
    --migration) migration=$(realpath -m -- "$2") ;;
    --smoke) smoke=$2 ;;
    --alembic) alembic=$2 ;;
    --python) python=$2 ;;
    --pgbackfill) pgbackfill=$2 ;;
  esac
  shift 2
done
[[ -n $url ]] || misused "--url is missing"
[[ -n $metadata ]] || misused "--metadata is missing"
[[ $url_variable =~ ^[A-Za-z_][A-Za-z_0-9]*$ ]] || misused "--url-variable: not a name"
cd -- "$project" || misused "--project: there is no directory $project"
# The Python that Alembic runs with has the project's packages.
if [[ -z $python ]]; then
  python=$(sed -n '1s/^#! *//p' "$(command -v "$alembic")" 2>/dev/null | tr -d '\0')
  [[ -x $python ]] || python=python3
fi
export "$url_variable=$url" PYTHONDONTWRITEBYTECODE=1

failed=()
step() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    echo "   ok"
  else
    echo "   FAILED: $name"
    failed+=("$name")
    return 1
  fi
}

check() { "$python" "$here/check_models.py" "$url" "$@"; }

# Alembic writes a revision, which goes again; what its upgrade() does is the difference.
no_difference() {
  local scratch
  scratch=$(mktemp -d) || return 1
  # shellcheck disable=SC2064
  trap "rm -rf -- '$scratch'" RETURN
  local id=ci_autogenerate_$$
  local found status=0
  "$alembic" revision --autogenerate --rev-id "$id" -m check >"$scratch/log" 2>&1 || status=1
  found=$(grep -rlE --include='*.py' "^revision\b.*[\"']${id}[\"']" . | head -n 1)
  if [[ -n $found ]]; then
    mv -- "$found" "$scratch/revision.py"
  fi
  if ((status != 0)) || [[ -z $found ]]; then
    cat "$scratch/log"
    return 1
  fi
  if sed -n '/^def upgrade/,/^def downgrade/p' "$scratch/revision.py" |
    grep -E '^[[:space:]]+(with[[:space:]]+)?op\.'; then
    echo "   the models are not what the migrations make: alembic would do the above"
    return 1
  fi
}

step "the database is empty" check empty || exit 1
step "alembic upgrade head" "$alembic" upgrade head || exit 1
step "models against the database" check models "$metadata"
step "autogenerate finds no difference" no_difference
for enum in "${enums[@]}"; do
  step "labels of ${enum%%=*}" check enum "$enum"
done
if [[ -n $migration ]]; then
  step "pgbackfill verify" "$pgbackfill" verify -c "$migration" --dsn "$url"
else
  echo "== pgbackfill verify: skipped, no --migration"
fi
if [[ -n $smoke ]]; then
  step "smoke test" sh -c "$smoke"
else
  echo "== smoke test: skipped, no --smoke"
fi
if ((${#failed[@]} > 0)); then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "all hold"
