"""Output of the commands: progress on stderr; leaderboards and portfolios, as tables, CSV or JSON, on stdout."""

import csv
import io
import json
import shutil
import sys
import time
from collections import ChainMap, Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TextIO

from backtests.transport import Json

SAMPLES = 30  # over which the rate is taken, about one a second
LINE_EVERY_S = 10.0  # without a terminal
BAR = 10  # characters
Counts = Mapping[str, int]  # runs by state


class Progress:
    """Display of a batch's progress; `now` is replaced in tests. when_stopped: message after Ctrl-C."""

    when_stopped = "stopped; the same command resumes it"

    def __init__(
        self, stream: TextIO = sys.stderr, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._now = stream, now
        self._ended: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._on_terminal = stream.isatty()
        self._last_line = -LINE_EVERY_S
        self._is_on_bar = False

    def show(self, counts: Counts) -> None:
        """Show the counts of a batch; without a terminal every LINE_EVERY_S, and when all have ended."""
        text = describe(counts, self._rate(counts))
        if self._on_terminal:
            columns = shutil.get_terminal_size().columns - 1
            bar = text[:columns].ljust(columns)
            print(f"\r{bar}", end="", file=self._stream, flush=True)
            self._is_on_bar = True
        elif self._now() - self._last_line >= LINE_EVERY_S or not living(counts):
            self._last_line = self._now()
            self.say(text)

    def show_batch(self, batch: Json) -> None:
        """Show the counts of a batch or a study, which has none before its first runs."""
        self.show(Counter(batch["counts"]))

    def say(self, text: str) -> None:
        """Print a line."""
        self.end()
        print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """End the line of the bar, so that the next output begins below it."""
        if self._is_on_bar:
            self._stream.write("\n")
            self._is_on_bar = False

    def _rate(self, counts: Counts) -> float | None:
        """Return the runs that end per second over the last SAMPLES; None until two samples differ."""
        self._ended.append((self._now(), counts["completed"] + counts["failed"]))
        (start, before), (end, after) = self._ended[0], self._ended[-1]
        return (after - before) / (end - start) if end > start and after > before else None


def living(counts: Counts) -> int:
    """Count the runs that have not ended yet."""
    return counts["pending"] + counts["running"]


def describe(counts: Counts, rate: float | None) -> str:
    """Format `[######----] 60/100 waiting 30 running 10 done 58 failed 2 4.1/s ETA 10 s`; mostly under 80 columns."""
    total, left = sum(counts.values()), living(counts)
    filled = BAR * (total - left) // total if total else 0
    speed = f" {rate:.1f}/s ETA {duration(left / rate)}" if rate and left else ""
    return (
        f"[{'#' * filled}{'-' * (BAR - filled)}] {total - left}/{total} waiting {counts['pending']} "
        f"running {counts['running']} done {counts['completed']} failed {counts['failed']}{speed}"
    )


def duration(seconds: float) -> str:
    """Format seconds as `45 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
    params = [flat_params(run["params"], "params.") for run in ranks]
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


def flat_params(params: Json, prefix: str = "") -> Json:
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
    columns = flat_params(without_code(run["params"])).items()
    return " ".join((run["rule_type"], *(f"{name}={value}" for name, value in columns)))


def without_code(params: Json) -> Json:
    """Leave out the code of a strategy, which is too long for a line."""
    return {name: value for name, value in params.items() if name != "code"}


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
    left_out = [f"{count} orders skipped: {reason}" for reason, count in counts]
    return paragraphs(aligned(account), aligned(earned), left_out)


def paragraphs(*texts: list[str]) -> str:
    """Join texts, each a list of lines, by empty lines; empty texts are left out."""
    return "\n\n".join("\n".join(lines) for lines in texts if lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Format the lines of a table whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


FORMATS: Json = {"table": as_table, "csv": as_csv, "json": as_json}
