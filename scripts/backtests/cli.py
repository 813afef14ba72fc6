"""Submit a sweep of backtests, follow it, rank its results; try it, test it, trade it in one account; load prices.

Speaks HTTP to a running platform. Data goes to stdout, progress to stderr. Exit codes: 0 success, 1 some runs failed
or some prices were refused, 2 the sweep or the arguments are wrong, 3 the platform cannot be reached, 130 detached by
Ctrl-C.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from backtests import __version__, commands, receipts
from backtests.client import Client
from backtests.commands import EXIT_BAD_INPUT, EXIT_DETACHED, EXIT_UNREACHABLE, called
from backtests.loading import BAD_ROWS, TIMEFRAMES
from backtests.output import FORMATS, Progress
from backtests.transport import DEFAULT_URL, BacktestsError, Json, Unreachable

Work = Callable[[Client, argparse.Namespace, Progress], int]

EXAMPLES = """examples:
  %(prog)s plan docs/examples/rsi.yaml
  %(prog)s submit docs/examples/rsi.yaml
  %(prog)s submit docs/examples/runs.csv --detach
  %(prog)s submit docs/examples/runs.csv --code docs/examples/pullback.py
  %(prog)s status docs/examples/rsi.yaml --watch
  %(prog)s results docs/examples/rsi.yaml --top 20 --format csv > best.csv
  %(prog)s results rsi-bounds-0123456789 --metric calmar_ratio --constraint "num_trades >= 20"
  %(prog)s retry docs/examples/rsi.yaml --failed
  %(prog)s cancel docs/examples/rsi.yaml
  %(prog)s delete batch rsi-bounds-0123456789
  %(prog)s screen docs/examples/rsi.yaml --top 20 --run 10
  %(prog)s robustness 01234567-89ab-4cde-8f01-23456789abcd
  %(prog)s study docs/examples/walk_forward.yaml
  %(prog)s portfolio docs/examples/portfolio.yaml
  %(prog)s export 01234567-89ab-4cde-8f01-23456789abcd
  %(prog)s import receipt.zip
  %(prog)s load AAPL.csv MSFT.csv

Repeat a command to resume it: runs that the batch already has are not submitted again.
"""


def form(pattern: str, name: str, read: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """Make a reader of arguments that match `pattern`; argparse reports another as not being `name`."""

    def reader(text: str) -> Any:
        with suppress(ValueError):
            if re.fullmatch(pattern, text, re.ASCII):
                return read(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not {name}")

    return reader


WHOLE_NUMBER = form(r"0*[1-9]\d*", "a whole number from 1", int)
TICKER = form(
    r"\s*[A-Za-z0-9.^=-]{1,15}\s*",
    "a ticker: 1 to 15 of A-Z 0-9 . ^ = -",
    lambda text: text.strip().upper(),
)
DAY = form(".*", "a date of the form YYYY-MM-DD", date.fromisoformat)
SETTING = form(r"(?s)\s*[^\s=][^=]*=\s*\S.*", "FIELD=VALUE", lambda text: text.split("=", 1))
FLAGS = {
    "--detach": "do not follow; print the id",
    "--watch": "follow until all runs have ended",
    "--failed": "the failed runs",
    "--cancelled": "the cancelled runs, too",
    "--dry-run": "report only, and store nothing",
    "--no-adjust": "do not adjust prices by Adj Close",
    "--yes": "delete; without it only count",
    "--keep-dates": "date daily bars as written, also where their session is on another day",
}
REPEATED: Json = {"action": "append", "default": []}
# arguments by name, as add_argument takes them
ARGUMENTS: dict[str, Json] = {
    **{name: {"action": "store_true", "help": words} for name, words in FLAGS.items()},
    "--url": {
        "default": os.environ.get("BACKTEST_URL", DEFAULT_URL),
        "help": "the platform (default: %(default)s); a token comes from $API_TOKEN",
    },
    "file": {"help": "sweep file: .yaml, .json, .csv or .jsonl"},
    "spec": {"help": "sweep file: .yaml or .json"},
    "sweep": {"help": "sweep file, or a batch id"},
    "kind": {"choices": ("run", "batch", "screen", "study", "portfolio", "prices")},
    "ids": {
        "nargs": "+",
        "metavar": "ID",
        "help": "ids, of prices tickers; several runs at once",
    },
    "run_id": {"help": "the id of a run or portfolio"},
    "receipt": {"type": Path, "metavar": "FILE", "help": "a receipt of a run"},
    "--prices": {"choices": ("hash",), "help": "hash: leave the prices out but for their hashes"},
    "--output": {
        "type": Path,
        "metavar": "FILE",
        "help": "the file to write (default: receipt-RUN_ID.zip)",
    },
    "--batch": {"help": "a batch id (default: from the sweep's name and content)"},
    "--set": {
        **REPEATED,
        "type": SETTING,
        "metavar": "FIELD=VALUE",
        "help": "a field of all runs, in place of the file's: fee_rate=0.002; repeatable",
    },
    "--code": {
        "type": Path,
        "metavar": "FILE",
        "help": "a strategy in Python, in place of the rule of all runs",
    },
    "--jobs": {
        "type": WHOLE_NUMBER,
        "default": os.cpu_count() or 1,
        "help": "Jobs at a time, for the estimate (default: this machine's cores)",
    },
    "--top": {"type": WHOLE_NUMBER, "default": 20, "help": "ranks to print (default: 20)"},
    "--format": {"choices": FORMATS, "default": "table"},
    "--metric": {"help": "rank by this metric instead of the sweep's"},
    "--constraint": {**REPEATED, "help": 'such as "max_drawdown_pct < 30"; repeatable'},
    "--run": {
        "type": WHOLE_NUMBER,
        "metavar": "N",
        "help": "run the best N afterwards, each as a Job",
    },
    "--http": {
        "type": WHOLE_NUMBER,
        "metavar": "PORT",
        "help": "serve http://127.0.0.1:PORT/mcp instead of stdin and stdout",
    },
    "files": {
        "nargs": "*",
        "metavar": "FILE",
        "help": "price files, named by ticker and timeframe: AAPL.csv, BRK-B_1h.csv, "
        "or as Stooq, TradingView, Alpha Vantage and Investing.com name them",
    },
    "--folder": {**REPEATED, "help": "all *.csv of a folder; repeatable"},
    "--yahoo": {
        "nargs": "+",
        "type": TICKER,
        "metavar": "TICKER",
        "help": "these tickers from Yahoo Finance",
    },
    "--from": {
        "dest": "since",
        "type": DAY,
        "metavar": "YYYY-MM-DD",
        "help": "first day, with --yahoo",
    },
    "--ticker": {"type": TICKER, "help": "in place of the one in the file's name; for one file"},
    "--timeframe": {
        "choices": TIMEFRAMES,
        "help": "in place of the one in the files' names; of prices to delete, 1d by default",
    },
    "--timezone": {
        "help": "of times without an offset, or of daily bars' exchange: America/New_York"
    },
    "--bad-rows": {
        "choices": BAD_ROWS,
        "default": "refuse",
        "help": "rows whose High or Low contradicts their other prices: refuse the file, widen High and Low, or drop "
        "the rows (default: %(default)s)",
    },
    "--reserve-years": {
        "type": WHOLE_NUMBER,
        "metavar": "N",
        "help": "keep the last N years, and all later bars, in the vault",
    },
    "--note": {"help": "stored with the versions"},
}
RANKED = "--top --format --metric --constraint"
# the arguments of each command besides --url; its docstring is its help
COMMANDS: dict[Work, str] = {
    commands.plan: "file --batch --set --code --jobs",
    commands.submit: f"file --batch --set --code {RANKED} --detach",
    commands.status: "sweep --batch --set --code --watch",
    commands.results: f"sweep --batch --set --code {RANKED}",
    commands.cancel: "sweep --batch --set --code",
    commands.retry: "sweep --batch --set --code --failed --cancelled",
    commands.delete: "kind ids --timeframe --yes",
    commands.screen: f"spec --set --code {RANKED} --run",
    commands.robustness: "run_id",
    commands.logs: "run_id",
    receipts.export: "run_id --prices --output",
    receipts.import_: "receipt",
    commands.study: "spec --set --code --dry-run --detach",
    commands.portfolio: "spec --set --code --detach",
    commands.mcp: "--http",
    commands.load: (
        "files --folder --yahoo --from --ticker --timeframe --no-adjust --timezone --keep-dates --bad-rows --note "
        "--reserve-years --dry-run"
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is the outcome."""
    whole = described(__doc__, EXAMPLES)
    whole.add_argument("--version", action="version", version=f"backtests {__version__}")
    parts = whole.add_subparsers(required=True, metavar="command")
    for work, taken in COMMANDS.items():
        name = work.__name__.rstrip("_")
        part = parts.add_parser(name, help=work.__doc__, description=work.__doc__)
        part.set_defaults(work=work)
        for name in ["--url", *taken.split()]:
            part.add_argument(name, **ARGUMENTS[name])
    parsed = whole.parse_args(arguments)
    return exit_code(parsed.work, parsed)


def described(text: str | None, examples: str) -> argparse.ArgumentParser:
    """Return a parser for the program that was called."""
    return argparse.ArgumentParser(
        prog=shlex.join(called()),
        description=text,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def exit_code(work: Work, arguments: argparse.Namespace) -> int:
    """Run `work` on the platform at `arguments.url` and return its exit code; report an error and return its code."""
    progress = Progress()
    try:
        return work(
            Client(arguments.url, os.environ.get("API_TOKEN"), say=progress.say),
            arguments,
            progress,
        )
    except BacktestsError as error:
        progress.say(str(error))
        return EXIT_UNREACHABLE if isinstance(error, Unreachable) else EXIT_BAD_INPUT
    except KeyboardInterrupt:
        progress.say(f"\n{progress.when_stopped}")
        return EXIT_DETACHED
    except BrokenPipeError:  # the reader of stdout has closed it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # Python flushes it at exit
        return 0
