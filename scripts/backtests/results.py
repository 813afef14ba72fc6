"""The leaderboard of a batch as a table, CSV or JSON, and a portfolio as tables; the data alone goes to stdout."""

import csv
import io
import json
from collections import ChainMap
from collections.abc import Sequence
from itertools import chain

from backtests.transport import Json

SHOWN_METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades", "win_rate")


def as_json(batch: Json) -> str:
    """One JSON object with the ranks, what they are by, and the note."""
    shown = {name: batch[name] for name in ("batch_id", "metric", "goal", "constraints", "note")}
    counted = {
        "tried": batch["runs"] - batch["cancelled"],
        "completed": batch["counts"]["completed"],
        "leaderboard": _ranks(batch),
    }
    return json.dumps(shown | counted, indent=2)


def _ranks(batch: Json) -> list[Json]:
    return [{"rank": place, **run} for place, run in enumerate(batch["leaderboard"], start=1)]


def as_csv(batch: Json) -> str:
    """A header and one line per rank, all params and metrics in columns of their own."""
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
    """Params by name, inputs of a rule by theirs: inputs.fast; of one with bounds, {value, min, max}, the value."""
    columns: Json = {}
    for name, value in params.items():
        if not isinstance(value, dict):
            columns[prefix + name] = value
            continue
        for part, given in value.items():
            columns[f"{prefix}{name}.{part}"] = (
                given["value"] if isinstance(given, dict) else given
            )
    return columns


def as_table(batch: Json) -> str:
    """Aligned columns for people, the ranking metric first, and the note below."""
    ranks = _ranks(batch)
    known = {name for run in ranks for name in run["metrics"]}
    metrics = [name for name in dict.fromkeys((batch["metric"], *SHOWN_METRICS)) if name in known]
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
    """What a portfolio came to beside holding its assets, and what each leg contributed, in columns for people."""
    metrics, names = portfolio["metrics"], ("return_pct", "sharpe_ratio", "max_drawdown_pct")
    own = [_number(metrics[name]) for name in ("total_return_pct", *names[1:])]
    held = [_number(metrics[f"buy_hold_{name}"]) for name in names]
    account = [["", *names], [portfolio["name"], *own], ["the same assets held equally", *held]]
    rows = [
        (leg["ticker"], leg["rule_id"] or leg["rule_type"], leg["contribution"])
        for leg in portfolio["legs"]
    ]
    carried = {"interest": portfolio["interest"], "borrow fees": -portfolio["borrow_fees"]}
    rows += [(name, "", earned) for name, earned in carried.items() if earned]
    rows.append(("profit", "", sum(row[2] for row in rows)))
    decimals = portfolio.get("money_decimals", 2)  # not of older servers
    earned = [("leg", "rule", "contribution")]
    earned += [(*row[:2], f"{row[2]:z.{decimals}f}") for row in rows]
    counts = portfolio["left_out"]["counts"].items()
    left_out = [f"{count} orders were left out: {reason}" for reason, count in counts]
    return paragraphs(aligned(account), aligned(earned), left_out)


def paragraphs(*texts: list[str]) -> str:
    """The lines of each text that has any, with an empty line between texts."""
    return "\n\n".join("\n".join(lines) for lines in texts if lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


FORMATS: Json = {"table": as_table, "csv": as_csv, "json": as_json}
