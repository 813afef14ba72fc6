"""Is a running platform whole? Speaks HTTP only: `python scripts/verify_mvp.py http://localhost:5000`.

Asks for health and readiness, submits one backtest, follows it, and looks at its result, charts, page and events.
Exit code 0 when everything is as it should be; 1 with the reason otherwise. API_TOKEN is sent when it is set.
"""

import argparse
import json
import os
import sys
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 14, "oversold": 30, "overbought": 70},
    "start_date": "2004-01-01",
    "end_date": "2012-12-31",
    "label": "verify_mvp",
}
METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "final_equity")
CHARTS = ("equity_curve", "drawdown_curve", "portfolio_orders", "trade_pnl", "cumulative_return", "candlestick")
PNG = b"\x89PNG\r\n\x1a\n"


class NotWhole(Exception):
    """Something is not as it should be; the text says what."""


class Client:
    """HTTP to one platform."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def fetch(self, path: str, body: Any = None) -> bytes:
        """The body of a 2xx answer; NotWhole for everything else."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if data else {})
        try:
            with urlopen(Request(self._base_url + path, data, headers), timeout=30) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            raise NotWhole(f"{path} answers {error.code}: {error.read()[:300].decode(errors='replace')}") from None
        except (URLError, OSError, HTTPException, ValueError) as error:  # ValueError: the address is none
            raise NotWhole(f"{path} does not answer: {error}") from None

    def json(self, path: str, body: Any = None) -> Any:
        """The JSON value of a 2xx answer; NotWhole for everything else, such as a proxy's page."""
        answer = self.fetch(path, body)
        try:
            return json.loads(answer)
        except ValueError:
            raise NotWhole(f"{path} does not answer with JSON but {answer[:60]!r}") from None


def expect(holds: bool, fault: str) -> None:
    """NotWhole with `fault` unless it holds."""
    if not holds:
        raise NotWhole(fault)


def wait_until_ready(client: Client, wait_s: float) -> None:
    """Return when /health and /ready are content; NotWhole with the last reason after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            expect(client.json("/health") == {"status": "ok"}, '/health does not say {"status": "ok"}')
            client.json("/ready")
            return
        except NotWhole:
            if time.monotonic() > deadline:
                raise
        time.sleep(1.0)


def follow(client: Client, run_id: str, wait_s: float) -> dict[str, Any]:
    """The run's status when it has ended; NotWhole when it failed or takes longer than `wait_s`."""
    deadline = time.monotonic() + wait_s
    while True:
        status: dict[str, Any] = client.json(f"/status/{run_id}")
        if status["status"] == "completed":
            return status
        expect(status["status"] != "failed", f"run {run_id} failed: {status['error_message']}")
        expect(time.monotonic() < deadline, f"run {run_id} is still {status['status']} after {wait_s:g} s")
        time.sleep(0.5)


def look_at_result(client: Client, run_id: str) -> dict[str, Any]:
    """The run's result, complete; NotWhole names what is missing."""
    result: dict[str, Any] = client.json(f"/api/runs/{run_id}")
    for name in METRICS:
        expect(isinstance(result["metrics"].get(name), int | float), f"the metric {name} is missing")
    for name in ("equity_curve", "trades", "signals", "result_hash", "data_hash"):
        expect(bool(result[name]), f"{name} is empty")
    for name in CHARTS:
        expect(client.fetch(f"/result/{run_id}/charts/{name}.png").startswith(PNG), f"the chart {name} is no PNG")
    expect(run_id.encode() in client.fetch(f"/result/{run_id}"), "the result page does not name its run")
    story = [event["to_status"] for event in client.json(f"/api/runs/{run_id}/events")["events"]]
    expect(story[0] == "PENDING" and story[-1] == "SUCCEEDED", f"the run's story reads {story}")
    return result


def verify(client: Client, wait_s: float) -> None:
    """Go through everything once, saying what was seen."""
    wait_until_ready(client, wait_s)
    print("health and readiness: ok")
    run_id = client.json("/run_backtest", REQUEST)["run_id"]
    print(f"submitted: run_id {run_id}")
    status = follow(client, run_id, wait_s)
    print(f"completed: waited {status['queue_wait_s']:.2f} s, ran {status['run_s']:.2f} s, attempt {status['attempt']}")
    result = look_at_result(client, run_id)
    shown = ", ".join(f"{name} {result['metrics'][name]:,.2f}" for name in METRICS)
    print(f"result: {shown}; {len(CHARTS)} charts; image {result['image_tag']}")


def main() -> int:
    """Check the platform that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base_url", nargs="?", default="http://localhost:5000", help="default: %(default)s")
    parser.add_argument(
        "--wait-s", type=float, default=60.0, help="patience for readiness and for the run (%(default)s)"
    )
    arguments = parser.parse_args()
    try:
        verify(Client(arguments.base_url, os.environ.get("API_TOKEN", "")), arguments.wait_s)
    except NotWhole as fault:
        print(f"NOT WHOLE: {fault}", file=sys.stderr)
        return 1
    print("the platform is whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
