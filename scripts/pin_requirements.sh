#!/bin/sh
# Pin the .in files, with hashes for every platform; existing pins are kept. $1: the folder of the uv program.
set -eu
cd "$(dirname "$0")/.."
for name in requirements requirements-local requirements-redis requirements-docs requirements-dev requirements-peers requirements-yahoo; do
    echo "pinning $name.txt"
    "$1/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate --output-file "$name.txt" "$name.in"
done
