"""Check a running platform, over HTTP only: `python scripts/verify_mvp.py http://localhost:5000`.

Checks health and readiness, submits one backtest, follows it, and checks its result, charts, page and events. Exit
code 0 when everything works, 1 with the reason otherwise. API_TOKEN is sent when it is set.
"""

import argparse
import os
import sys
from typing import Any

from backtests import BacktestsError, Client

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2004-01-01",
    "end_date": "2012-12-31",
    "label": "verify_mvp",
}
METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "final_equity")
PNG = b"\x89PNG\r\n\x1a\n"


class CheckFailed(Exception):
    """A check of the platform failed; the text says which."""


def expect(holds: bool, fault: str) -> None:
    """Raise CheckFailed with `fault` unless the check holds."""
    if not holds:
        raise CheckFailed(fault)


def check_result(result: dict[str, Any], client: Client) -> None:
    """Check that the result of a run is complete; CheckFailed names what is missing."""
    run_id = result["run_id"]
    expect(result["status"] == "completed", f"run {run_id} failed: {result['error_message']}")
    for name in METRICS:
        is_number = isinstance(result["metrics"].get(name), int | float)
        expect(is_number, f"the metric {name} is missing")
    for name in ("equity_curve", "trades", "signals", "charts", "result_hash", "data_hash"):
        expect(bool(result[name]), f"{name} is empty")
    for name in (key.removesuffix("_base64") for key in result["charts"]):
        chart = client.read(f"/result/{run_id}/charts/{name}.png")
        expect(chart.startswith(PNG), f"the chart {name} is no PNG")
    page = client.read(f"/result/{run_id}")
    expect(run_id.encode() in page, "the result page does not name its run")
    states = [event["to_status"] for event in client.get(f"/api/runs/{run_id}/events")["events"]]
    expect(states[0] == "PENDING" and states[-1] == "SUCCEEDED", f"the run's states are {states}")


def verify(client: Client, wait_s: float) -> None:
    """Run all checks once and print their results."""
    expect(client.get("/health") == {"status": "ok"}, '/health does not say {"status": "ok"}')
    client.get("/ready")
    print("health and readiness: ok")
    run_id = client.submit(REQUEST)
    print(f"submitted: run_id {run_id}")
    result = client.wait(run_id, wait_s)
    check_result(result, client)
    print(
        f"completed: waited {result['queue_wait_s']:.2f} s, ran {result['run_s']:.2f} s, attempt {result['attempt']}"
    )
    metrics = ", ".join(f"{name} {result['metrics'][name]:z,.2f}" for name in METRICS)
    print(f"result: {metrics}; {len(result['charts'])} charts; image {result['image_tag']}")


def main() -> None:
    """Check the platform at the address of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "base_url", nargs="?", default="http://localhost:5000", help="default: %(default)s"
    )
    parser.add_argument(
        "--wait-s",
        type=float,
        default=60.0,
        help="seconds for readiness and for the run (%(default)s)",
    )
    arguments = parser.parse_args()
    token, wait_s = os.environ.get("API_TOKEN"), arguments.wait_s
    try:
        verify(Client(arguments.base_url, token, wait_s), wait_s)
    except (CheckFailed, BacktestsError, TimeoutError) as fault:
        sys.exit(f"FAILED: {fault}")
    print("the platform works")


if __name__ == "__main__":
    main()
