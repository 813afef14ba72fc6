#!/bin/sh
# Install the programs that the tests need: MariaDB, Redis, Chromium, Firefox, promtool and kubectl. This works only as
# root on Debian and Ubuntu; elsewhere a message lists what is missing.
set -eu

missing=""
[ -x /usr/sbin/mariadbd ] || command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
command -v chromium-headless-shell >/dev/null 2>&1 || command -v chromium >/dev/null 2>&1 || missing="$missing chromium-headless-shell"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
command -v promtool >/dev/null 2>&1 || missing="$missing prometheus"
command -v kubectl >/dev/null 2>&1 || missing="$missing kubernetes-client"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed:$missing; the tests that need them are skipped (install them yourself to run all tests)."
    exit 0
fi

# Debian starts a database server when it is installed unless this file forbids it; the tests start their own
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made_policy=yes
fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT

echo "installing$missing"
log=$(mktemp)
# shellcheck disable=SC2086  # a list of packages
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; } \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "Could not install$missing; the tests that need them are skipped."
fi
rm -f "$log"
