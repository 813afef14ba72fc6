"""Submit a sweep of backtests, follow it, and rank its results. Speaks HTTP to a running platform.

Needs Python 3.11 and PyYAML. Data goes to stdout, progress to stderr. Exit codes: 0 all right, 1 some runs failed,
2 the sweep or the question is wrong, 3 the platform cannot be reached, 130 detached by Ctrl-C.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere

from scripts.sweep import commands
from scripts.sweep.client import Client
from scripts.sweep.faults import EXIT_BAD_SPEC, EXIT_DETACHED, EXIT_UNREACHABLE, BadSweep, Unreachable
from scripts.sweep.progress import Progress

EXAMPLES = """examples:
  python scripts/bulk_submit.py plan docs/examples/rsi.yaml
  python scripts/bulk_submit.py submit docs/examples/rsi.yaml
  python scripts/bulk_submit.py submit docs/examples/runs.csv --detach
  python scripts/bulk_submit.py status docs/examples/rsi.yaml --watch
  python scripts/bulk_submit.py results docs/examples/rsi.yaml --top 20 --format csv > best.csv
  python scripts/bulk_submit.py results rsi-bounds-0123456789 --metric calmar_ratio --constraint "num_trades >= 20"
  python scripts/bulk_submit.py retry docs/examples/rsi.yaml --failed
  python scripts/bulk_submit.py cancel docs/examples/rsi.yaml

The same command again goes on where it was: runs that the batch has already are not made twice.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code is the outcome."""
    asked = parser().parse_args(arguments)
    progress = Progress()
    try:
        client = Client(asked.url, os.environ.get("API_TOKEN"), progress.say)
        return int(getattr(commands, asked.command)(client, asked, progress))
    except BadSweep as error:
        progress.end()
        commands.report_faults(error)
        return EXIT_BAD_SPEC
    except Unreachable as error:
        progress.say(str(error))
        return EXIT_UNREACHABLE
    except KeyboardInterrupt:
        progress.say("\nstopped; the same command again goes on where it was")
        return EXIT_DETACHED
    except BrokenPipeError:  # the reader of stdout has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # Python flushes it at exit
        return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    formatter = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser(
        prog="bulk_submit.py", description=__doc__, epilog=EXAMPLES, formatter_class=formatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--url", default=os.environ.get("BACKTEST_URL", "http://127.0.0.1:5000"),
                        help="the platform (default: %(default)s); a token comes from $API_TOKEN")  # fmt: skip
    common.add_argument("--batch", help="a batch id of your own; by default the sweep's name and content make it")
    ranked = argparse.ArgumentParser(add_help=False)
    ranked.add_argument("--top", type=_positive, default=20, help="ranks to print (default: 20)")
    ranked.add_argument("--format", choices=("table", "csv", "json"), default="table")
    ranked.add_argument("--metric", help="rank by this metric instead of the sweep's")
    ranked.add_argument("--constraint", action="append", default=[], help='such as "max_drawdown_pct < 30"; repeatable')
    commands_of = whole.add_subparsers(dest="command", required=True, metavar="command")
    file_help, either_help = "sweep file: .yaml, .csv or .jsonl", "sweep file, or a batch id"
    planning = commands_of.add_parser("plan", parents=[common], help="say what submit would do")
    planning.add_argument("sweep", help=file_help)
    planning.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1,
                          help="Jobs at a time, for the estimate (default: this machine's cores)")  # fmt: skip
    submitting = commands_of.add_parser("submit", parents=[common, ranked], help="submit, follow, rank")
    submitting.add_argument("sweep", help=file_help)
    submitting.add_argument("--detach", action="store_true", help="do not follow; print the batch id")
    watching = commands_of.add_parser("status", parents=[common], help="counts and times")
    watching.add_argument("sweep", help=either_help)
    watching.add_argument("--watch", action="store_true", help="until all runs have ended")
    commands_of.add_parser("results", parents=[common, ranked], help="the leaderboard").add_argument(
        "sweep", help=either_help
    )
    commands_of.add_parser("cancel", parents=[common], help="end what has not ended").add_argument(
        "sweep", help=either_help
    )
    retrying = commands_of.add_parser("retry", parents=[common], help="run failed runs again")
    retrying.add_argument("sweep", help=either_help)
    retrying.add_argument("--failed", action="store_true", help="the failed runs")
    retrying.add_argument("--cancelled", action="store_true", help="the cancelled ones too")
    return whole


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
