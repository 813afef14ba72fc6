#!/bin/sh
# Builds the images stock-backtest-{python,redis,mysql} of stand_ins.Dockerfile, which takes minutes the first time.
# Needs root, debootstrap and a Debian mirror. $1: a pip that finds the wheels of both requirement files.
set -eu
pip=$1
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! docker image inspect stock-backtest-debian >/dev/null 2>&1; then
    debootstrap --variant=minbase bookworm "$work/root" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    tar -C "$work/root" -c . | docker import - stock-backtest-debian
fi
mkdir "$work/context"
cp mysqld.sh "$work/context"
# Debian's Python may be older than the one that downloads, so what only older ones need comes along.
for name in requirements requirements-docs; do
    sed "s/ ; python_full_version < '[0-9.]*'//" "../../$name.txt" >"$work/$name.txt"
    "$pip" download --quiet --require-hashes --no-deps --only-binary :all: --dest "$work/context/wheels" \
        -r "$work/$name.txt"
done
for target in python redis mysql; do
    docker build --quiet --network host --target "$target" --tag "stock-backtest-$target" \
        --file stand_ins.Dockerfile "$work/context"
done
