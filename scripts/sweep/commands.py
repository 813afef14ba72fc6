"""What the command line does: plan, submit, status, results, cancel, retry."""

import json
import re
import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from adapters.results.metrics.table import METRIC_NAMES
from scripts.sweep.client import Client
from scripts.sweep.conditions import BadCondition, parse_condition
from scripts.sweep.faults import EXIT_DETACHED, EXIT_OK, EXIT_RUNS_FAILED, BadSweep
from scripts.sweep.progress import Progress, duration, follow
from scripts.sweep.results import FORMATS, leaderboard
from scripts.sweep.sweep import Sweep, ranking
from scripts.sweep.table_files import read_sweep

PROCESS_START_S = 0.5  # a Job's process needs about so long before its run starts
FIRST_SHOWN = 5


def plan(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print how many runs there are, how many exist already, the first five, and an estimate; send nothing."""
    sweep, batch_id = _sweep_of(asked)
    found = client.plan(batch_id, sweep.runs)
    print(f"{sweep.name}: {len(sweep.runs)} runs as batch {batch_id}")
    print(
        f"  new {found['new']}, already there {sum(found['existing'].values())} {_states(found['existing'])}".rstrip()
    )
    for run in sweep.runs[:FIRST_SHOWN]:
        print(f"  {run.values.get('ticker')} {run.values.get('rule_type')} {json.dumps(run.values.get('params', {}))}")
    if len(sweep.runs) > FIRST_SHOWN:
        print(f"  ... and {len(sweep.runs) - FIRST_SHOWN} more")
    print(f"  {_estimate(client, found['new'], asked.jobs)}")
    return EXIT_OK


def _states(existing: dict[str, int]) -> str:
    return f"({', '.join(f'{count} {status}' for status, count in existing.items())})" if existing else ""


def _estimate(client: Client, new: int, jobs: int) -> str:
    """How long so many runs will take, by the latest runs of the platform."""
    numbers = dict(re.findall(r"^(backtest_\w+) ([0-9.eE+-]+)$", client.text("/metrics"), re.MULTILINE))
    run_s, waiting = float(numbers.get("backtest_run_seconds", 0)), float(numbers.get("backtest_queue_depth", 0))
    if not run_s:
        return "no estimate: no run has ended on this platform yet"
    seconds = (run_s + PROCESS_START_S) * (new + waiting) / jobs
    behind = f", {waiting:.0f} waiting runs of others included" if waiting else ""
    return f"about {duration(seconds)} with {jobs} Jobs at a time at {run_s:.2f} s per run{behind}"


def submit(client: Client, asked: Namespace, progress: Progress) -> int:
    """Check all runs, send those that the batch does not have, follow them, print the leaderboard."""
    sweep, batch_id = _sweep_of(asked)
    found = client.plan(batch_id, sweep.runs)
    there = sum(found["existing"].values())
    progress.say(f"{sweep.name}: {len(sweep.runs)} runs as batch {batch_id}, {there} of them there already")
    try:
        if found["new"]:
            for sent, _ in client.submit(batch_id, sweep.runs):
                progress.say(f"submitted {sent} of {len(sweep.runs)}")
        if asked.detach:
            print(batch_id)
            return EXIT_OK
        batch = follow(lambda: client.batch(batch_id), progress)
    except KeyboardInterrupt:
        return _detached(progress, batch_id, asked)
    _print_results(client, batch_id, sweep, asked, progress)
    return _outcome(client, batch, progress)


def _detached(progress: Progress, batch_id: str, asked: Namespace) -> int:
    program, there = shlex.join(["python", sys.argv[0]]), shlex.join([batch_id, "--url", asked.url])
    progress.say(
        f"\ndetached; what was submitted goes on without this program.\n"
        f"  go on:      {shlex.join(['python', *sys.argv])}\n"
        f"  watch:      {program} status {there} --watch\n"
        f"  call off:   {program} cancel {there}"
    )
    return EXIT_DETACHED


def _outcome(client: Client, batch: dict[str, Any], progress: Progress) -> int:
    progress.say(f"page: {client.base_url}/batches/{batch['batch_id']}")
    if not batch["counts"]["failed"]:
        return EXIT_OK
    reasons = ", ".join(f"{count} {reason}" for reason, count in batch["failures"].items())
    progress.say(f"{batch['counts']['failed']} runs failed: {reasons}")
    return EXIT_RUNS_FAILED


def status(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print a batch's counts and times as JSON; with --watch follow it to its end first."""
    batch_id = _batch_of(asked)
    try:
        look = follow(lambda: client.batch(batch_id), progress) if asked.watch else client.batch(batch_id)
    except KeyboardInterrupt:
        progress.say("\nstopped watching; the batch goes on")
        return EXIT_DETACHED
    left_out = ("leaderboard", "metric", "goal", "note")
    print(json.dumps({name: value for name, value in look.items() if name not in left_out}, indent=2))
    return EXIT_RUNS_FAILED if look["counts"]["failed"] else EXIT_OK


def results(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print the leaderboard."""
    sweep = read_sweep(Path(asked.sweep)) if Path(asked.sweep).is_file() else None
    _print_results(client, _batch_of(asked), sweep, asked, progress)
    return EXIT_OK


def _print_results(client: Client, batch_id: str, sweep: Sweep | None, asked: Namespace, progress: Progress) -> None:
    try:
        metric, goal = ranking(asked.metric) if asked.metric else (sweep.metric, sweep.goal) if sweep else ranking({})
        given = tuple(parse_condition(text, METRIC_NAMES) for text in asked.constraint)
    except (ValueError, BadCondition) as error:
        raise BadSweep([str(error)]) from None
    constraints = given or (sweep.constraints if sweep else ())
    board = leaderboard(batch_id, client.runs(batch_id), metric, goal, constraints, asked.top)
    print(FORMATS[asked.format](board))
    if asked.format != "table":
        progress.say(board.note)


def cancel(client: Client, asked: Namespace, progress: Progress) -> int:
    """End all waiting and running runs of a batch."""
    batch_id = _batch_of(asked)
    progress.say(f"{client.change(batch_id, 'cancel')['cancelled']} runs of {batch_id} cancelled")
    return EXIT_OK


def retry(client: Client, asked: Namespace, progress: Progress) -> int:
    """Make the failed runs of a batch wait again."""
    if not asked.failed:
        raise BadSweep(["retry: say --failed, and --cancelled too for the cancelled runs"])
    batch_id = _batch_of(asked)
    answer = client.change(batch_id, "retry", cancelled="true" if asked.cancelled else "false")
    progress.say(f"{answer['retried']} runs of {batch_id} wait again")
    return EXIT_OK


def _sweep_of(asked: Namespace) -> tuple[Sweep, str]:
    sweep = read_sweep(Path(asked.sweep))
    return sweep, asked.batch or sweep.batch_id


def _batch_of(asked: Namespace) -> str:
    """The batch id that was given, or the one of the file that was given."""
    if Path(asked.sweep).is_file():
        return _sweep_of(asked)[1]
    if re.search(r"\.(ya?ml|csv|jsonl|ndjson)$", asked.sweep):
        raise BadSweep([f"{asked.sweep}: no such file"])
    return str(asked.sweep)


def report_faults(error: BadSweep) -> None:
    """All faults on stderr, one a line."""
    sys.stderr.write("\n".join(error.faults) + "\n")
