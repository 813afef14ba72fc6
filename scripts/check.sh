#!/bin/sh
# Quick check for developers: lint of all files that differ from main or are not committed, and the tests of the
# packages that they touch, but no tests in a browser, and none that kill processes. $1: folder of Python.
set -eu
cd "$(dirname "$0")/.."
base=$(git merge-base HEAD "${BASE:-main}" 2>/dev/null || git rev-parse HEAD)  # without main it compares with the last commit
changed=$({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | sort -u)
python=$(echo "$changed" | grep '\.py$' || true)
[ -z "$python" ] || { "$1/ruff" check $python && "$1/ruff" format --check $python; }
"$1/mypy"
# adapters/prices/bars.py is tested by tests/prices, web/prices.py by tests/web/prices, rules/base.py by tests/rules
packages=$(for file in $changed; do
    folder=$(dirname "$file")
    case $file in tests/*/*) echo "$folder" ;; esac
    for package in "tests/$folder" "tests/${folder#adapters/}" "tests/${folder%%/*}"; do
        [ ! -d "$package" ] || { echo "$package"; break; }
    done
done | grep -Ev '^tests(/(attack|bench|browser|faults|image|manifests|peers|run|scaler|services|golden)(/.*)?)?$' | sort -u)
[ -z "$packages" ] && echo "no package with tests was touched" && exit
"$1/python" -m pytest -q -n "$(getconf _NPROCESSORS_ONLN)" --dist loadfile \
    -m "not slow and not soak and not peers and not image and not attack and not database" $packages
