"""Results at the edge of what exists: ruined, constant, two-bar, one-trade and empty runs, from made-up prices."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from flask.testing import FlaskClient

# a number that is none, or a zero with a sign; not inside words such as "Nan'an" or file names
NO_NUMBER = re.compile(
    r"(?<![\w.-])[-−+]?(?:nan|inf(?:inity)?)(?![\w-])|(?<![\w.e-])[-−]0(?:\.0*)?(?![\d.\w-])",
    re.I,
)
LAST = "2024-12-31"
BUY, SELL, NOTHING = 1, 2, 9  # volumes that the rule reads as its signals
# closes, the signal of each bar, and fields of the request: paths that passed through 0, or had no number at all
RUINED: list[tuple[list[float], list[int], dict[str, Any]]] = [
    ([100, 200, 150], [SELL, NOTHING, NOTHING], {"direction": "shortonly"}),
    ([100, 200, 200, 200], [SELL, NOTHING, NOTHING, BUY], {"direction": "shortonly"}),
    ([100, 200], [SELL, NOTHING], {"direction": "shortonly"}),
    ([100, 300, 50, 200], [SELL, NOTHING, BUY, SELL], {"direction": "longshort"}),
    ([80, 0.00001, 0.00001], [BUY, NOTHING, SELL], {}),
    ([80, 0.00001], [BUY, NOTHING], {"trailing_stop_pct": 20, "liquidate_below_pct": 50}),
    ([100, 100, 100], [BUY, SELL, NOTHING], {}),
    ([100, 100, 100], [NOTHING] * 3, {"cash_rate": 0.03}),
    ([100, 101], [BUY, NOTHING], {"benchmark": "CASE"}),
    ([100, 0.0001], [BUY, NOTHING], {"fill": "next_open"}),
    ([100, 100], [NOTHING, NOTHING], {"direction": "longshort"}),
    (
        [0.0312, 0.0313, 0.03125, 0.0313, 0.03128],
        [BUY, NOTHING, SELL, BUY, SELL],
        {"initial_capital": 0.5},
    ),
]


def price_file(closes: list[float], signals: list[int]) -> str:
    """Bars of consecutive days with a signal in the volume of each."""
    rows = ["Date,Open,High,Low,Close,Volume"]
    for number, (close, signal) in enumerate(zip(closes, signals, strict=True)):
        price = f"{close:.10f}".rstrip("0")
        day = date(2024, 1, 1) + timedelta(days=number)
        rows.append(f"{day},{price},{price},{price},{price},{signal}")
    return "\n".join(rows) + "\n"


def load_prices(
    client: FlaskClient, closes: list[float], signals: list[int], ticker: str = "CASE"
) -> None:
    """Make these bars the current prices of a ticker."""
    answer = client.put(
        f"/api/prices/{ticker}/1d", data=price_file(closes, signals), content_type="text/csv"
    )
    assert answer.status_code in (200, 201), answer.text


def request_of(**fields: Any) -> dict[str, Any]:
    """A run of everything in one position, long or short as the volumes say."""
    return {
        "ticker": "CASE",
        "rule_type": "FORMULA",
        "params": {"buy": f"volume == {BUY}", "sell": f"volume == {SELL}", "inputs": {}},
        "start_date": "2024-01-01",
        "end_date": LAST,
        "fee_rate": 0,
        "initial_capital": 10_000,
        "size_type": "percent",
        "position_size": 100,
        "fractional_shares": True,
        "charts": False,
        **fields,
    }


def random_results(
    seed: int, count: int
) -> Iterator[tuple[list[float], list[int], dict[str, Any]]]:
    """The paths above, then random ones of two to twelve bars whose prices double, halve, stay, or nearly vanish."""
    yield from RUINED
    random = Random(seed)
    for _ in range(count):
        closes = [random.choice([0.03, 1.0, 100.0, 9000.0])]
        for _ in range(random.randrange(1, 12)):
            factor = random.choice(
                [0.5, 1, 1, 1.01, 0.98, 2, 1.5, random.uniform(0.9, 1.1), 1e-6]
            )
            closes.append(max(round(closes[-1] * factor, 8), 1e-8))
        signals = [random.choice([BUY, SELL, NOTHING, NOTHING]) for _ in closes]
        yield (
            closes,
            signals,
            {
                "direction": random.choice(["longonly", "longshort", "shortonly"]),
                "initial_capital": random.choice([1e-6, 0.5, 100, 1e5, 1e12]),
                "fee_rate": random.choice([0, 0, 0.001, 0.05]),
                "position_size": random.choice([100, 100, 30]),
                "cash_rate": random.choice([0, 0.05]),
                "borrow_rate": random.choice([0, 0.2]),
                "fill": random.choice(["close", "next_open"]),
                "benchmark": random.choice([None, "CASE"]),
                "trailing_stop_pct": random.choice([None, 10]),
            },
        )


def faults_of(client: FlaskClient, addresses: list[str]) -> list[str]:
    """Addresses that do not answer with 200, or whose answer holds a number that is none; each with its fault."""
    faults = []
    for address in addresses:
        answer = client.get(address, follow_redirects=True)
        text = re.sub(
            r"<script.*?</script>|<pre>.*?</pre>", "", answer.get_data(as_text=True), flags=re.S
        )
        visible_text = re.sub(r"\b(?:x|y|dy|points|viewBox)=\"[^\"a-zA-Z]*\"", "", text)
        if answer.status_code != 200:
            faults.append(f"{address}: {answer.status_code}")
        elif match := NO_NUMBER.search(visible_text):
            faults.append(
                f"{address}: …{visible_text[max(match.start() - 60, 0) : match.end() + 40]!r}…"
            )
    return faults


def run_addresses(run_id: str) -> list[str]:
    """All pages, tables, files and answers of one completed run but its pictures and report."""
    page, api = f"/result/{run_id}", f"/api/runs/{run_id}"
    tables = [f"{page}/{name}" for name in ("trades.csv", "trades.json", "bars.csv", "bars")]
    tabs = [f"{page}?tab={tab}" for tab in ("stats", "trades", "numbers")]
    about = ["", "/bars", "/lines", "/explanation?bar=0", "/stretch?bar=0", "/events"]
    return [
        page,
        *tabs,
        *tables,
        *(api + each for each in about),
        f"/api/curves?run={run_id}",
        f"/status/{run_id}",
    ]


def without_numbers(metrics_json: str) -> str:
    """Stored metrics whose values are all null, each with a reason."""
    values = json.loads(metrics_json)["values"]
    return json.dumps(
        {"values": dict.fromkeys(values), "notes": dict.fromkeys(values, "could not be computed")}
    )
