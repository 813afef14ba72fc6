#!/bin/sh
# Create the virtual environment $1 and install the hashed requirement files that follow.
set -eu
venv=$1
shift
python=${PYTHON:-python3}

fail() { printf '\n%s\n' "$1" >&2; exit 1; }

if [ ! -x "$venv/bin/python" ]; then
    command -v "$python" >/dev/null 2>&1 || fail "$python not found: install Python 3.11 or newer, or set PYTHON=/path/to/python3.11"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old: install Python 3.11 or newer, or set PYTHON=/path/to/python3.11"
    echo "creating $venv with $("$python" --version)"
    "$python" -m venv "$venv" ||
        fail "the venv module failed: on Debian and Ubuntu, 'apt-get install python3-venv' installs it"
fi
for file in "$@"; do
    echo "installing $file (the first time takes a minute)"
    if ! "$venv/bin/python" -m pip install --quiet --require-hashes --no-deps -r "$file" 2>"$venv/pip.log"; then
        cat "$venv/pip.log" >&2
        fail "pip could not install $file. No network, or a proxy? Check that 'pip download six' works. \
A compiler error above? Use CPython 3.11 to 3.14, for which every package has a wheel."
    fi
done
