#!/bin/sh
# Build the files of a release: `release_files.sh VERSION FOLDER` writes the client's wheel, and notes.md with the
# changelog's section of that version.
set -eu
version=$1 folder=$2

mkdir -p "$folder"
awk -v head="## [$version] - " 'index($0, "## [") == 1 { on = index($0, head) == 1; next } on' CHANGELOG.md > "$folder/notes.md"
[ -s "$folder/notes.md" ] || { echo "CHANGELOG.md has no section of $version" >&2; exit 1; }
python -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
ls "$folder/backtests-$version-"*.whl
