"""Commands for batches and prices: plan, submit, status, results, cancel, retry, load."""

import json
import re
import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from backtests.client import Client
from backtests.errors import BadInput
from backtests.loading import LoadOutcome, as_table, load_source, sources_of
from backtests.progress import Progress, duration
from backtests.results import FORMATS
from backtests.spec import Spec
from backtests.table_files import RunTable, read_sweep
from backtests.transport import Json

EXIT_OK, EXIT_SOME_FAILED, EXIT_BAD_INPUT, EXIT_UNREACHABLE, EXIT_DETACHED = 0, 1, 2, 3, 130
PROCESS_START_S = 0.5  # of a Job's process, before its run starts
SAMPLED_BATCHES = 10  # latest ones, for an estimate


def plan(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Print the number of runs, how many exist already, the first five, and an estimate; submit nothing."""
    sweep = _sweep_of(client, arguments.file, arguments)
    planned = sweep.plan(client, arguments.batch)
    existing, first = planned["existing"], planned["first_requests"]
    print(f"{sweep.name}: {planned['runs']} runs as batch {planned['batch_id']}")
    states = ", ".join(f"{count} {status}" for status, count in existing.items())
    already = f"{sum(existing.values())} ({states})" if states else "0"
    print(f"  new {planned['new']}, existing {already}")
    if others := planned["on_other_prices"]:
        print(
            f"  {others} runs of the batch are on older versions of the prices; they are not run again"
        )
    for run in first:
        print(f"  {run.get('ticker')} {run.get('rule_type')} {json.dumps(run.get('params', {}))}")
    if more := planned["runs"] - len(first):
        print(f"  ... and {more} more")
    print(f"  {_estimate(client, planned, arguments.jobs)}")
    return EXIT_OK


def _estimate(client: Client, planned: Json, jobs: int) -> str:
    """Estimate the time of the new runs by the platform's latest batch of similar runs."""
    # the same for all runs of a sweep
    charts = planned["first_requests"][0].get("charts", True)
    kind = "with charts" if charts else "without charts"
    batch = _latest_batch(client, charts)
    if batch is None:
        return (
            f"no estimate: none of the last {SAMPLED_BATCHES} batches has completed runs {kind}"
        )
    run_s, waiting = batch["run_s"]["average"], client.get("/api/queue")["waiting"]
    behind = f", {waiting} waiting runs of others included" if waiting else ""
    seconds = (run_s + PROCESS_START_S) * (planned["new"] + waiting) / jobs
    return (
        f"about {duration(seconds)} with {jobs} Jobs at a time{behind}: "
        f"{run_s:.2f} s per run as in batch {batch['batch_id']}, the latest {kind}, and {PROCESS_START_S} s to start"
    )


def _latest_batch(client: Client, charts: bool) -> Json | None:
    for batch in client.batches(SAMPLED_BATCHES):
        if batch["counts"]["completed"]:
            first = client.run(batch["first_run"]["run_id"])
            if first["request"]["charts"] == charts:
                return client.batch(batch["batch_id"])
    return None


def submit(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Check all runs, submit those that the batch does not have, follow them, print the leaderboard."""
    sweep = _sweep_of(client, arguments.file, arguments)
    planned = sweep.plan(client, arguments.batch)
    batch_id, existing = planned["batch_id"], sum(planned["existing"].values())
    progress.say(
        f"{sweep.name}: {planned['runs']} runs as batch {batch_id}, {existing} of them exist already"
    )
    progress.when_stopped = _detached(batch_id, arguments.url)
    sweep.submit(client, batch_id)
    if arguments.detach:
        print(batch_id)
        return EXIT_OK
    batch = client.wait_batch(batch_id, progress.show_batch)
    _print_results(client, batch_id, arguments, progress)
    progress.say(f"page: {client.url}/batches/{batch_id}")
    if not batch["counts"]["failed"]:
        return EXIT_OK
    reasons = ", ".join(f"{count} {reason}" for reason, count in batch["failures"].items())
    progress.say(f"{batch['counts']['failed']} runs failed: {reasons}")
    return EXIT_SOME_FAILED


def _detached(batch_id: str, url: str) -> str:
    program, batch = shlex.join(called()), shlex.join([batch_id, "--url", url])
    return (
        f"detached; submitted runs continue without this program.\n"
        f"  resume:     {shlex.join([*called(), *sys.argv[1:]])}\n"
        f"  watch:      {program} status {batch} --watch\n"
        f"  cancel:     {program} cancel {batch}"
    )


def called() -> list[str]:
    """Return how this program was called: an interpreter and its script, or the name of an installed command."""
    script = sys.argv[0]
    if script.endswith(".py"):
        return [sys.orig_argv[0], script]
    name = Path(script).name
    return [name if shutil.which(name) == script else script]


def status(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Print a batch's counts and times as JSON; with --watch after following it to its end."""
    batch_id = _batch_of(client, arguments)
    progress.when_stopped = "stopped watching; the batch continues"
    batch = (
        client.wait_batch(batch_id, progress.show_batch)
        if arguments.watch
        else client.batch(batch_id)
    )
    progress.end()
    left_out = {"leaderboard", "metric", "goal", "constraints", "note"}
    print(json.dumps({k: v for k, v in batch.items() if k not in left_out}, indent=2))
    return EXIT_SOME_FAILED if batch["counts"]["failed"] else EXIT_OK


def results(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Print the leaderboard of a batch."""
    _print_results(client, _batch_of(client, arguments), arguments, progress)
    return EXIT_OK


def _print_results(
    client: Client, batch_id: str, arguments: Namespace, progress: Progress
) -> None:
    progress.end()
    constraint = " and ".join(arguments.constraint) or None
    batch = client.batch(batch_id, arguments.metric, top=arguments.top, constraint=constraint)
    print(FORMATS[arguments.format](batch))
    if arguments.format != "table":
        progress.say(batch["note"])


def cancel(client: Client, arguments: Namespace, progress: Progress) -> int:
    """End all waiting and running runs of a batch."""
    batch_id = _batch_of(client, arguments)
    progress.say(f"{client.cancel(batch_id)} runs of {batch_id} cancelled")
    return EXIT_OK


def retry(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Queue the failed runs of a batch again."""
    if not arguments.failed:
        raise BadInput("retry: add --failed, and --cancelled too for the cancelled runs")
    batch_id = _batch_of(client, arguments)
    retried = client.retry(batch_id, arguments.cancelled)
    cancelled = client.batch(batch_id)["failures"].get("cancelled", 0)
    message = f"{retried} runs of {batch_id} are queued again"
    if cancelled:
        message += f"; {cancelled} cancelled ones are not: --failed --cancelled retries them too"
    progress.say(message)
    return EXIT_OK


def load(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Load price files, or Yahoo's prices; print a table of the outcomes."""
    sources, outcomes = sources_of(arguments), list[LoadOutcome]()
    try:
        for number, each in enumerate(sources, start=1):
            progress.say(f"{number}/{len(sources)} {each.name} as {each.ticker} {each.timeframe}")
            outcomes.append(load_source(client, each, arguments))
    finally:  # also when the platform cannot be reached any more
        if outcomes:
            print(as_table(outcomes))
    return EXIT_SOME_FAILED if any(outcome.is_refused for outcome in outcomes) else EXIT_OK


def _sweep_of(client: Client, file: str, arguments: Namespace) -> Spec | RunTable:
    return read_sweep(Path(file), client, dict(arguments.set))


def spec_of(client: Client, arguments: Namespace, what: str) -> Spec:
    """Read the file of a screen, a study or a portfolio, `what`; BadInput for a table of runs."""
    sweep = _sweep_of(client, arguments.spec, arguments)
    if not isinstance(sweep, Spec):
        raise BadInput(f"{arguments.spec}: {what} must be a .yaml or .json file")
    return sweep


def _batch_of(client: Client, arguments: Namespace) -> str:
    """Return the batch_id of the command line, or that of the sweep file in its place."""
    if Path(arguments.sweep).is_file():
        return arguments.batch or _sweep_of(client, arguments.sweep, arguments).batch_id(client)
    if re.search(r"\.(ya?ml|json|csv|jsonl|ndjson)$", arguments.sweep):
        raise BadInput(f"{arguments.sweep}: no such file")
    return str(arguments.sweep)
