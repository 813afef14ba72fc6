#!/bin/sh
# Submit one fixed backtest, follow it, print its result, and the commands that trace it through web, Job and database.
#   sh scripts/demo.sh [http://localhost:5000]        API_TOKEN is sent when it is set
set -eu
base=${1:-http://localhost:5000}
python=${PYTHON:-python3}

fail() { printf '%s\n' "$1" >&2; exit 1; }
for tool in curl "$python"; do
    command -v "$tool" >/dev/null 2>&1 || fail "$tool is required but not installed"
done

# The token is passed through a file descriptor, since every user of the machine can read argv.
ask() {
    path=$1
    shift
    if [ -n "${API_TOKEN:-}" ]; then
        curl --silent --show-error --fail-with-body --max-time 30 --config - "$@" "$base$path" <<CONFIG
header = "Authorization: Bearer $API_TOKEN"
CONFIG
    else
        curl --silent --show-error --fail-with-body --max-time 30 "$@" "$base$path"
    fi
}
field() { "$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

request='{"ticker": "AAPL", "rule_type": "RSI", "params": {"period": 14, "oversold": 30, "overbought": 70},
 "start_date": "2004-01-01", "end_date": "2012-12-31", "label": "demo"}'
printf 'Submitting to %s:\n%s\n\n' "$base" "$request"
answer=$(ask /run_backtest --header 'Content-Type: application/json' --data "$request") || fail "refused: $answer"
run_id=$(printf '%s' "$answer" | field run_id)
printf 'run_id %s\n' "$run_id"

last=""
tries=0
while :; do
    status=$(ask "/status/$run_id") || fail "no status: $status"
    state=$(printf '%s' "$status" | field status)
    [ "$state" = "$last" ] || printf '  %s\n' "$state"
    last=$state
    case $state in
        completed) break ;;
        failed) fail "$(printf '%s' "$status" | field error_message)" ;;
    esac
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "still $state after five minutes: is the scaler (or KEDA) running?"
    sleep 0.5
done

printf '\nResult:\n'
ask "/api/runs/$run_id" | "$python" -c '
import json, sys
result = json.load(sys.stdin)
for name in ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "win_rate", "final_equity"):
    value = result["metrics"].get(name)
    print(f"  {name:18}", "-" if value is None else f"{value:,.2f}")
for name in ("queue_wait_s", "run_s", "attempt", "engine_version", "image_tag", "data_hash", "result_hash"):
    print(f"  {name:18}", result[name])
'
cat <<TRACE

Page:      $base/result/$run_id
History:   curl $base/api/runs/$run_id/events
On a cluster:
  web:     kubectl -n stock-backtest logs -l app.kubernetes.io/component=web --tail=-1 | grep $run_id
  Job:     kubectl -n stock-backtest logs -l app.kubernetes.io/component=worker --tail=-1 | grep $run_id
           (a finished Job and its log are gone at the next poll; the log collector keeps them)
  database: kubectl -n stock-backtest exec mysql-0 -- sh -c 'MYSQL_PWD=\$INSPECT_PASSWORD exec mysql --user=inspect \\
           \$MYSQL_DATABASE --execute "SELECT * FROM run_events WHERE run_id = \\"$run_id\\" ORDER BY id"'
TRACE
