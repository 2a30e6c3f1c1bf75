#!/usr/bin/env bash
# Builds the Weaviate server that the tests talk to, once; prints where its binary is. No containers, no downloads but
# Go modules: the first time takes minutes, later ones nothing. Fails where it cannot be built.
set -euo pipefail

version="v1.39.0"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/orchestrator/weaviate"
# The client's embedded mode looks for this very name, and takes it as it is.
hashing="$(command -v sha256sum || echo shasum -a 256)"
binary="$cache/weaviate-$version-$(printf %s "$version" | $hashing | cut -d' ' -f1)"

if [[ -x "$binary" ]]; then
  echo "$binary"
  exit 0
fi

# From 1.21 on Go fetches by itself the newer toolchain that a module asks for.
new_enough() {
  local found major minor
  found="$("$1" env GOVERSION 2>/dev/null)" || return 1
  IFS=. read -r major minor _ <<<"${found#go}"
  ((major > 1 || minor >= 21))
}

find_go() {
  local candidate
  for candidate in go /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    if new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

if ! go="$(find_go)" || ! command -v gcc >/dev/null 2>&1; then
  if [[ "$(id -u)" -eq 0 ]] && command -v apt-get >/dev/null 2>&1; then
    {
      apt-get update -qq
      newest="$(apt-cache search --names-only '^golang-1\.[0-9]+-go$' | cut -d' ' -f1 | sort -V | tail -1)"
      apt-get install -y -qq --no-install-recommends "${newest:-golang-go}" gcc libc6-dev ca-certificates
    } >&2
  fi
  if ! go="$(find_go)" || ! command -v gcc >/dev/null 2>&1; then
    echo "The Weaviate server cannot be built: it needs Go 1.21 or newer, and gcc. Install both, then run $0 again." >&2
    exit 1
  fi
fi

mkdir -p "$cache"
exec 9>"$cache/building.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if [[ ! -x "$binary" ]]; then
  echo "building the Weaviate server $version, once: this takes a few minutes" >&2
  scratch="$(mktemp -d "$cache/build.XXXXXX")"
  trap 'rm -rf "$scratch"' EXIT
  GOBIN="$scratch" GOTOOLCHAIN=auto nice "$go" install "github.com/weaviate/weaviate/cmd/weaviate-server@$version" >&2
  mv "$scratch/weaviate-server" "$binary"
fi
echo "$binary"
