"""Submit a sweep of backtests, follow it, rank its results; try it, test it, trade it in one account; load prices.

Speaks HTTP to a running platform. Data goes to stdout, progress to stderr. Exit codes: 0 all right, 1 some runs failed
or some prices were refused, 2 the sweep or the question is wrong, 3 the platform cannot be reached, 130 detached by
Ctrl-C.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable
from datetime import date

from backtests import __version__, commands, plan_commands
from backtests.client import Client
from backtests.commands import EXIT_BAD_INPUT, EXIT_DETACHED, EXIT_UNREACHABLE
from backtests.connection import DEFAULT_URL
from backtests.errors import BadInput, Refused, Unreachable
from backtests.price_names import TIMEFRAMES
from backtests.progress import Progress

Work = Callable[[Client, argparse.Namespace, Progress], int]

EXAMPLES = """examples:
  %(prog)s plan docs/examples/rsi.yaml
  %(prog)s submit docs/examples/rsi.yaml
  %(prog)s submit docs/examples/runs.csv --detach
  %(prog)s status docs/examples/rsi.yaml --watch
  %(prog)s results docs/examples/rsi.yaml --top 20 --format csv > best.csv
  %(prog)s results rsi-bounds-0123456789 --metric calmar_ratio --constraint "num_trades >= 20"
  %(prog)s retry docs/examples/rsi.yaml --failed
  %(prog)s cancel docs/examples/rsi.yaml
  %(prog)s screen docs/examples/rsi.yaml --top 20 --run 10
  %(prog)s study docs/examples/walk_forward.yaml
  %(prog)s portfolio docs/examples/portfolio.yaml
  %(prog)s load AAPL.csv MSFT.csv

The same command again goes on where it was: runs that the batch has already are not made twice.
"""
LOADING = """Load price files, or Yahoo's prices, into a running platform.

Ticker and timeframe are read off a file's name: AAPL.csv, BRK-B_1h.csv, and what Stooq, TradingView, Alpha Vantage and
Investing.com call theirs. Exit codes: 0 all were loaded or are there already, 1 some were refused, 2 the question is
wrong, 3 the platform cannot be reached.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is the outcome."""
    asked = parser().parse_args(arguments)
    room = plan_commands if hasattr(plan_commands, asked.command) else commands
    return exit_code(
        getattr(room, asked.command),
        asked,
        "stopped; the same command again goes on where it was",
    )


def exit_code(work: Work, asked: argparse.Namespace, when_stopped: str) -> int:
    """What `work` ends with on the platform at `asked.url`, or the code of what went wrong, which is said."""
    progress = Progress()
    try:
        return work(
            Client(asked.url, os.environ.get("API_TOKEN"), say=progress.say), asked, progress
        )
    except (BadInput, Refused) as error:
        progress.say(str(error))
        return EXIT_BAD_INPUT
    except Unreachable as error:
        progress.say(str(error))
        return EXIT_UNREACHABLE
    except KeyboardInterrupt:
        progress.say(f"\n{when_stopped}")
        return EXIT_DETACHED
    except BrokenPipeError:  # the reader of stdout has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # Python flushes it at exit
        return 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog=shlex.join(commands.called()),
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"backtests {__version__}")
    commands_of = whole.add_subparsers(dest="command", required=True, metavar="command")
    common, ranked = _common(), _ranked()
    file_help, either_help = (
        "sweep file: .yaml, .json, .csv or .jsonl",
        "sweep file, or a batch id",
    )
    planning = commands_of.add_parser("plan", parents=[common], help="say what submit would do")
    planning.add_argument("sweep", help=file_help)
    planning.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1,
                          help="Jobs at a time, for the estimate (default: this machine's cores)")  # fmt: skip
    submitting = commands_of.add_parser(
        "submit", parents=[common, ranked], help="submit a sweep, follow it, rank it"
    )
    submitting.add_argument("sweep", help=file_help)
    submitting.add_argument(
        "--detach", action="store_true", help="do not follow; print the batch id"
    )
    watching = commands_of.add_parser(
        "status", parents=[common], help="counts and times of a batch"
    )
    watching.add_argument("--watch", action="store_true", help="follow until all runs have ended")
    results = commands_of.add_parser("results", parents=[common, ranked], help="the leaderboard")
    cancelling = commands_of.add_parser(
        "cancel", parents=[common], help="cancel runs that have not ended"
    )
    retrying = commands_of.add_parser("retry", parents=[common], help="retry runs that failed")
    retrying.add_argument("--failed", action="store_true", help="the failed runs")
    retrying.add_argument("--cancelled", action="store_true", help="the cancelled runs, too")
    for command in (watching, results, cancelling, retrying):
        command.add_argument("sweep", help=either_help)
    screening = commands_of.add_parser(
        "screen", parents=[_address(), ranked], help="try a sweep in one Job: metrics only"
    )
    screening.add_argument("sweep", help="sweep file: .yaml or .json")
    _add_given(screening)
    screening.add_argument(
        "--run", type=_positive, metavar="N", help="run the best N afterwards, each as a Job"
    )
    studying = commands_of.add_parser(
        "study", parents=[_address()], help="is the best of a sweep more than luck?"
    )
    studying.add_argument("sweep", help="sweep file: .yaml or .json with a section study")
    _add_given(studying)
    studying.add_argument(
        "--dry-run", action="store_true", help="say what it costs, and start nothing"
    )
    studying.add_argument(
        "--detach", action="store_true", help="do not follow; print the study id"
    )
    together = commands_of.add_parser(
        "portfolio", parents=[_address()], help="the runs of a sweep in one account"
    )
    together.add_argument(
        "sweep",
        help="sweep file with a section portfolio, or a portfolio with legs: .yaml or .json",
    )
    _add_given(together)
    together.add_argument(
        "--detach", action="store_true", help="do not follow; print the portfolio id"
    )
    loading = commands_of.add_parser(
        "load", parents=[_address()], help="load price files, or Yahoo's prices"
    )
    loading.description, loading.formatter_class = LOADING, argparse.RawDescriptionHelpFormatter
    _add_arguments_of_load(loading)
    return whole


def _add_arguments_of_load(loading: argparse.ArgumentParser) -> None:
    loading.add_argument("files", nargs="*", metavar="FILE", help="price files")
    loading.add_argument(
        "--folder", action="append", default=[], help="all *.csv of a folder; repeatable"
    )
    loading.add_argument(
        "--yahoo",
        nargs="+",
        type=_ticker,
        metavar="TICKER",
        help="these tickers from Yahoo Finance",
    )
    loading.add_argument(
        "--from", dest="since", type=_day, metavar="YYYY-MM-DD", help="first day, with --yahoo"
    )
    loading.add_argument(
        "--ticker", type=_ticker, help="in place of what the name of the one file says"
    )
    loading.add_argument("--timeframe", choices=TIMEFRAMES, help="in place of what the names say")
    loading.add_argument(
        "--no-adjust", action="store_true", help="ignore Adj Close; else bars are adjusted by it"
    )
    loading.add_argument("--timezone", help="of times without an offset: America/New_York")
    loading.add_argument("--note", help="stored with the versions")
    loading.add_argument("--dry-run", action="store_true", help="report only, and store nothing")


def _address() -> argparse.ArgumentParser:
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--url", default=os.environ.get("BACKTEST_URL", DEFAULT_URL),
                        help="the platform (default: %(default)s); a token comes from $API_TOKEN")  # fmt: skip
    return address


def _common() -> argparse.ArgumentParser:
    """What every command about batches takes."""
    common = argparse.ArgumentParser(add_help=False, parents=[_address()])
    common.add_argument(
        "--batch", help="a batch id; by default made from the sweep's name and content"
    )
    _add_given(common)
    return common


def _add_given(command: argparse.ArgumentParser) -> None:
    command.add_argument("--set", action="append", default=[], type=_given, metavar="FIELD=VALUE", dest="given",
                         help="a field of all runs, in place of the file's: fee_rate=0.002; repeatable")  # fmt: skip


def _ranked() -> argparse.ArgumentParser:
    """What commands that print a leaderboard take."""
    ranked = argparse.ArgumentParser(add_help=False)
    ranked.add_argument("--top", type=_positive, default=20, help="ranks to print (default: 20)")
    ranked.add_argument("--format", choices=("table", "csv", "json"), default="table")
    ranked.add_argument("--metric", help="rank by this metric instead of the sweep's")
    ranked.add_argument(
        "--constraint",
        action="append",
        default=[],
        help='such as "max_drawdown_pct < 30"; repeatable',
    )
    return ranked


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _given(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=VALUE")
    return name, value


def _ticker(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9.^=-]{1,15}", text.upper(), re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a ticker: 1 to 15 of A-Z 0-9 . ^ = -")
    return text.upper()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date of the form YYYY-MM-DD"
        ) from None
