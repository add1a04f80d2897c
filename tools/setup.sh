#!/usr/bin/env bash
# Installs what pgbackfill is built and tested with, as far as it is missing. Debian and its kin.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config dpkg-dev file
  libpq-dev libboost-thread-dev libfmt-dev libspdlog-dev nlohmann-json3-dev
  libtomlplusplus-dev libcli11-dev libconcurrentqueue-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  alembic python3-psycopg2 python3-jsonschema
)

if [[ ! -e /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
  cat >&2 <<END
setup.sh: this is not a Debian system, so nothing was installed. What is needed, by Debian's names:
  ${packages[*]} postgresql
That is: a C++20 compiler, CMake 3.25, Ninja, libpq, Boost.Thread, fmt, spdlog, nlohmann-json,
toml++, CLI11, moodycamel's concurrentqueue, prometheus-cpp, GoogleTest, Google Benchmark, Alembic
with psycopg2, python3-jsonschema and a PostgreSQL server.
END
  exit 1
fi

installed=$(dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' "${packages[@]}" \
  2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package installed" <<<"$installed" || missing+=("$package")
done
# Any version of the server will do, whatever its package is called.
server_missing=false
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  missing+=(postgresql)
  server_missing=true
fi
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: neither root nor sudo here; as root, run:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup.sh: installing ${missing[*]}"

# The server's package would set up and start a cluster for the system, which nobody asked for.
no_cluster=/etc/postgresql-common/createcluster.d/pgbackfill-setup.conf
remove_no_cluster() {
  "${as_root[@]}" rm -f "$no_cluster"
}
if $server_missing && [[ ! -e $no_cluster ]]; then
  trap remove_no_cluster EXIT
  "${as_root[@]}" mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
  "${missing[@]}"
echo "setup.sh: done"
