"""What the command line does with batches and prices: plan, submit, status, results, cancel, retry, load."""

import json
import re
import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from backtests.client import Client
from backtests.errors import BadInput
from backtests.loading import Outcome, as_table, load_source, sources_of
from backtests.progress import Progress, duration
from backtests.results import FORMATS
from backtests.spec import Spec
from backtests.table_files import Table, read_sweep
from backtests.transport import Json

EXIT_OK, EXIT_SOME_FAILED, EXIT_BAD_INPUT, EXIT_UNREACHABLE, EXIT_DETACHED = 0, 1, 2, 3, 130
PROCESS_START_S = 0.5  # a Job's process needs about so long before its run starts
LOOKED_AT = 10  # latest batches, for an estimate


def plan(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print how many runs there are, how many exist already, the first five, and an estimate; send nothing."""
    sweep = _sweep_of(client, asked.file, asked)
    planned = sweep.plan(client, asked.batch)
    existing, first = planned["existing"], planned["first_requests"]
    print(f"{sweep.name}: {planned['runs']} runs as batch {planned['batch_id']}")
    states = ", ".join(f"{count} {status}" for status, count in existing.items())
    there = f"{sum(existing.values())} ({states})" if states else "0"
    print(f"  new {planned['new']}, already there {there}")
    if others := planned["on_other_prices"]:
        print(
            f"  {others} runs of the batch read older versions of the prices; they stay as they are"
        )
    for run in first:
        print(f"  {run.get('ticker')} {run.get('rule_type')} {json.dumps(run.get('params', {}))}")
    if more := planned["runs"] - len(first):
        print(f"  ... and {more} more")
    print(f"  {_estimate(client, planned, asked.jobs)}")
    return EXIT_OK


def _estimate(client: Client, planned: Json, jobs: int) -> str:
    """How long the new runs will take, by the platform's latest batch of runs like these."""
    # the runs of a sweep are alike in that
    charts = planned["first_requests"][0].get("charts", True)
    alike = "with charts" if charts else "without charts"
    batch = _latest_batch(client, charts)
    if batch is None:
        return f"no estimate: none of the last {LOOKED_AT} batches has completed runs {alike}"
    run_s, waiting = batch["run_s"]["average"], client.get("/api/queue")["waiting"]
    behind = f", {waiting} waiting runs of others included" if waiting else ""
    seconds = (run_s + PROCESS_START_S) * (planned["new"] + waiting) / jobs
    return (
        f"about {duration(seconds)} with {jobs} Jobs at a time{behind}: "
        f"{run_s:.2f} s per run as in batch {batch['batch_id']}, the latest {alike}, and {PROCESS_START_S} s to start"
    )


def _latest_batch(client: Client, charts: bool) -> Json | None:
    for batch in client.batches(LOOKED_AT):
        if batch["counts"]["completed"]:
            first = client.run(batch["first_run"]["run_id"])
            if first["request"]["charts"] == charts:
                return client.batch(batch["batch_id"])
    return None


def submit(client: Client, asked: Namespace, progress: Progress) -> int:
    """Check all runs, send those that the batch does not have, follow them, print the leaderboard."""
    sweep = _sweep_of(client, asked.file, asked)
    planned = sweep.plan(client, asked.batch)
    batch_id, there = planned["batch_id"], sum(planned["existing"].values())
    progress.say(
        f"{sweep.name}: {planned['runs']} runs as batch {batch_id}, {there} of them there already"
    )
    progress.when_stopped = _detached(batch_id, asked.url)
    sweep.submit(client, batch_id)
    if asked.detach:
        print(batch_id)
        return EXIT_OK
    batch = client.wait_batch(batch_id, progress.show_batch)
    _print_results(client, batch_id, asked, progress)
    progress.say(f"page: {client.url}/batches/{batch_id}")
    if not batch["counts"]["failed"]:
        return EXIT_OK
    reasons = ", ".join(f"{count} {reason}" for reason, count in batch["failures"].items())
    progress.say(f"{batch['counts']['failed']} runs failed: {reasons}")
    return EXIT_SOME_FAILED


def _detached(batch_id: str, url: str) -> str:
    program, there = shlex.join(called()), shlex.join([batch_id, "--url", url])
    return (
        f"detached; what was submitted goes on without this program.\n"
        f"  go on:      {shlex.join([*called(), *sys.argv[1:]])}\n"
        f"  watch:      {program} status {there} --watch\n"
        f"  call off:   {program} cancel {there}"
    )


def called() -> list[str]:
    """How this program was called: an interpreter and its script, or the name of an installed command."""
    script = sys.argv[0]
    if script.endswith(".py"):
        return [sys.orig_argv[0], script]
    name = Path(script).name
    return [name if shutil.which(name) == script else script]


def status(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print a batch's counts and times as JSON; with --watch follow it to its end first."""
    batch_id = _batch_of(client, asked)
    progress.when_stopped = "stopped watching; the batch goes on"
    batch = (
        client.wait_batch(batch_id, progress.show_batch)
        if asked.watch
        else client.batch(batch_id)
    )
    progress.end()
    left_out = {"leaderboard", "metric", "goal", "constraints", "note"}
    told = {name: value for name, value in batch.items() if name not in left_out}
    print(json.dumps(told, indent=2))
    return EXIT_SOME_FAILED if batch["counts"]["failed"] else EXIT_OK


def results(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print the leaderboard of a batch."""
    _print_results(client, _batch_of(client, asked), asked, progress)
    return EXIT_OK


def _print_results(client: Client, batch_id: str, asked: Namespace, progress: Progress) -> None:
    progress.end()
    constraint = " and ".join(asked.constraint) or None
    batch = client.batch(batch_id, asked.metric, top=asked.top, constraint=constraint)
    print(FORMATS[asked.format](batch))
    if asked.format != "table":
        progress.say(batch["note"])


def cancel(client: Client, asked: Namespace, progress: Progress) -> int:
    """End all waiting and running runs of a batch."""
    batch_id = _batch_of(client, asked)
    progress.say(f"{client.cancel(batch_id)} runs of {batch_id} cancelled")
    return EXIT_OK


def retry(client: Client, asked: Namespace, progress: Progress) -> int:
    """Make the failed runs of a batch wait again."""
    if not asked.failed:
        raise BadInput("retry: say --failed, and --cancelled too for the cancelled runs")
    batch_id = _batch_of(client, asked)
    retried = client.retry(batch_id, asked.cancelled)
    cancelled = client.batch(batch_id)["failures"].get("cancelled", 0)
    said = f"{retried} runs of {batch_id} wait again"
    if cancelled:
        said += f"; {cancelled} cancelled ones do not: --failed --cancelled retries them too"
    progress.say(said)
    return EXIT_OK


def load(client: Client, asked: Namespace, progress: Progress) -> int:
    """Load price files, or Yahoo's prices; print a table of what became of them."""
    sources, outcomes = sources_of(asked), list[Outcome]()
    try:
        for number, each in enumerate(sources, start=1):
            progress.say(f"{number}/{len(sources)} {each.name} as {each.ticker} {each.timeframe}")
            outcomes.append(load_source(client, each, asked))
    finally:  # also when the platform went away
        if outcomes:
            print(as_table(outcomes))
    return EXIT_SOME_FAILED if any(outcome.is_refused for outcome in outcomes) else EXIT_OK


def _sweep_of(client: Client, file: str, asked: Namespace) -> Spec | Table:
    return read_sweep(Path(file), client, dict(asked.set))


def spec_of(client: Client, asked: Namespace, what: str) -> Spec:
    """What the file that was given says of `what`; BadInput for a table of runs."""
    sweep = _sweep_of(client, asked.spec, asked)
    if not isinstance(sweep, Spec):
        raise BadInput(f"{asked.spec}: {what} is told in YAML or JSON")
    return sweep


def _batch_of(client: Client, asked: Namespace) -> str:
    """The batch_id that was given, or the one of the file that was given."""
    if Path(asked.sweep).is_file():
        return asked.batch or _sweep_of(client, asked.sweep, asked).batch_id(client)
    if re.search(r"\.(ya?ml|json|csv|jsonl|ndjson)$", asked.sweep):
        raise BadInput(f"{asked.sweep}: no such file")
    return str(asked.sweep)
