"""Leaderboard of a batch as a table, CSV or JSON, and a portfolio as tables; only data goes to stdout."""

import csv
import io
import json
from collections import ChainMap
from collections.abc import Sequence
from itertools import chain

from backtests.transport import Json

TABLE_METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "win_rate")


def as_json(batch: Json) -> str:
    """Format one JSON object with the ranks, what they are by, and the note."""
    head = {name: batch[name] for name in ("batch_id", "metric", "goal", "constraints", "note")}
    counted = {
        "tried": batch["runs"] - batch["cancelled"],
        "completed": batch["counts"]["completed"],
        "leaderboard": _ranks(batch),
    }
    return json.dumps(head | counted, indent=2)


def _ranks(batch: Json) -> list[Json]:
    return [{"rank": place, **run} for place, run in enumerate(batch["leaderboard"], start=1)]


def as_csv(batch: Json) -> str:
    """Format a header and one line per rank, with a column for each param and metric."""
    ranks, head = _ranks(batch), ("rank", "run_id", "ticker", "rule_type")
    params = [_columns(run["params"], "params.") for run in ranks]
    metrics = [run["metrics"] for run in ranks]
    written = io.StringIO()
    writer = csv.DictWriter(
        written,
        dict.fromkeys(chain(head, *params, *metrics)),
        extrasaction="ignore",
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows(map(ChainMap, metrics, params, ranks))
    return written.getvalue().rstrip("\n")


def _columns(params: Json, prefix: str = "") -> Json:
    """Flatten params: inputs of a rule as inputs.fast, one with bounds, {value, min, max}, as its value."""
    columns: Json = {}
    for name, value in params.items():
        if not isinstance(value, dict):
            columns[prefix + name] = value
            continue
        for part, each in value.items():
            columns[f"{prefix}{name}.{part}"] = each["value"] if isinstance(each, dict) else each
    return columns


def as_table(batch: Json) -> str:
    """Format aligned columns for people, the ranking metric first, and the note below."""
    ranks = _ranks(batch)
    available = {name for run in ranks for name in run["metrics"]}
    metrics = [
        name for name in dict.fromkeys((batch["metric"], *TABLE_METRICS)) if name in available
    ]
    rows = [["rank", "ticker", "rule", *metrics, "run_id"]]
    for run in ranks:
        numbers = [_number(run["metrics"].get(name)) for name in metrics]
        rows.append(
            [
                str(run["rank"]),
                run["ticker"],
                run["rule_id"] or _named(run),
                *numbers,
                run["run_id"],
            ]
        )
    return paragraphs(aligned(rows), [batch["note"]])


def _named(run: Json) -> str:
    params = (f"{name}={value}" for name, value in _columns(run["params"]).items())
    return " ".join((run["rule_type"], *params))


def _number(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:z.3f}"


def as_account(portfolio: Json) -> str:
    """Format a portfolio's metrics next to those of holding its assets, and each leg's contribution."""
    metrics, names = portfolio["metrics"], ("return_pct", "sharpe_ratio", "max_drawdown_pct")
    traded = [_number(metrics[name]) for name in ("total_return_pct", *names[1:])]
    bought_and_kept = [_number(metrics[f"buy_hold_{name}"]) for name in names]
    account = [["", *names], [portfolio["name"], *traded]]
    account.append(["the same assets held equally", *bought_and_kept])
    rows = [
        (leg["ticker"], leg["rule_id"] or leg["rule_type"], leg["contribution"])
        for leg in portfolio["legs"]
    ]
    carried = {"interest": portfolio["interest"], "borrow fees": -portfolio["borrow_fees"]}
    rows += [(name, "", earned) for name, earned in carried.items() if earned]
    rows.append(("profit", "", sum(row[2] for row in rows)))
    decimals = portfolio.get("money_decimals", 2)  # older platforms do not send it
    earned = [("leg", "rule", "contribution")]
    earned += [(*row[:2], f"{row[2]:z.{decimals}f}") for row in rows]
    counts = portfolio["left_out"]["counts"].items()
    left_out = [f"{count} orders were left out: {reason}" for reason, count in counts]
    return paragraphs(aligned(account), aligned(earned), left_out)


def paragraphs(*texts: list[str]) -> str:
    """Join texts, each a list of lines, by empty lines; empty texts are left out."""
    return "\n\n".join("\n".join(lines) for lines in texts if lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Format the lines of a table whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


FORMATS: Json = {"table": as_table, "csv": as_csv, "json": as_json}
