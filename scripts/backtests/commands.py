"""What the command line does: plan, submit, status, results, cancel, retry, study, load."""

import json
import re
import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from backtests.bulk import Plan
from backtests.catalog import read_catalog
from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.loading import Outcome, as_table, load_source, sources_of
from backtests.progress import Progress, duration
from backtests.results import FORMATS
from backtests.studies import cost_text, study_key, study_request
from backtests.sweep import Sweep
from backtests.table_files import read_sweep

EXIT_OK, EXIT_SOME_FAILED, EXIT_BAD_INPUT, EXIT_UNREACHABLE, EXIT_DETACHED = 0, 1, 2, 3, 130
PROCESS_START_S = 0.5  # a Job's process needs about so long before its run starts
LOOKED_AT = 10  # latest batches, for an estimate
FIRST_SHOWN = 5
NOTHING_YET = dict.fromkeys(("pending", "running", "completed", "failed"), 0)


def plan(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print how many runs there are, how many exist already, the first five, and an estimate; send nothing."""
    sweep, batch_id = _sweep_of(client, asked)
    found = _plan_of(client, sweep, batch_id)
    print(f"{sweep.name}: {len(sweep.runs)} runs as batch {batch_id}")
    states = ", ".join(f"{count} {status}" for status, count in found.existing.items())
    print(f"  new {found.new}, already there {sum(found.existing.values())}{f' ({states})' if states else ''}")
    if found.on_other_prices:
        print(f"  {found.on_other_prices} runs of the batch read older versions of the prices; they stay as they are")
    for values in sweep.requests[:FIRST_SHOWN]:
        print(f"  {values.get('ticker')} {values.get('rule_type')} {json.dumps(values.get('params', {}))}")
    if len(sweep.runs) > FIRST_SHOWN:
        print(f"  ... and {len(sweep.runs) - FIRST_SHOWN} more")
    print(f"  {_estimate(client, sweep, found.new, asked.jobs)}")
    return EXIT_OK


def _plan_of(client: Client, sweep: Sweep, batch_id: str) -> Plan:
    """What submitting would do; BadInput with all that the platform finds wrong, at its place in the file."""
    try:
        return client.plan(sweep.requests, batch_id)
    except Refused as refused:
        raise BadInput(sweep.faults_in(refused)) from None


def _estimate(client: Client, sweep: Sweep, new: int, jobs: int) -> str:
    """How long so many runs will take, by the platform's latest batch of runs like these."""
    charts = any(values.get("charts", True) for values in sweep.requests)
    alike = f"with{'' if charts else 'out'} charts"
    batch = _latest_batch(client, charts)
    if batch is None:
        return f"no estimate: none of the last {LOOKED_AT} batches has completed runs {alike}"
    run_s, waiting = batch["run_s"]["average"], client.get("/api/queue")["waiting"]
    behind = f", {waiting} waiting runs of others included" if waiting else ""
    return (
        f"about {duration((run_s + PROCESS_START_S) * (new + waiting) / jobs)} with {jobs} Jobs at a time{behind}: "
        f"{run_s:.2f} s per run as in batch {batch['batch_id']}, the latest {alike}, and {PROCESS_START_S} s to start"
    )


def _latest_batch(client: Client, charts: bool) -> dict[str, Any] | None:
    for batch in client.batches(LOOKED_AT):
        if batch["counts"]["completed"]:
            first = client.run(batch["first_run"]["run_id"])  # the runs of a sweep are alike in that
            if first["request"]["charts"] == charts:
                return client.batch(batch["batch_id"])
    return None


def submit(client: Client, asked: Namespace, progress: Progress) -> int:
    """Check all runs, send those that the batch does not have, follow them, print the leaderboard."""
    sweep, batch_id = _sweep_of(client, asked)
    found = _plan_of(client, sweep, batch_id)
    there = sum(found.existing.values())
    progress.say(f"{sweep.name}: {len(sweep.runs)} runs as batch {batch_id}, {there} of them there already")
    try:
        # where no run is new, one is enough to tell the platform what the file ranks by now
        client.submit(sweep.requests if found.new else sweep.requests[:1], batch_id, sweep.ranking)
        if asked.detach:
            print(batch_id)
            return EXIT_OK
        batch = _followed(client, batch_id, progress)
    except KeyboardInterrupt:
        return _detached(progress, batch_id, asked)
    _print_results(client, batch_id, sweep, asked, progress)
    return _outcome(client, batch, progress)


def _followed(client: Client, batch_id: str, progress: Progress) -> dict[str, Any]:
    return client.wait_batch(batch_id, lambda batch: progress.show(batch["counts"]))


def _detached(progress: Progress, batch_id: str, asked: Namespace) -> int:
    program, there = shlex.join(called()), shlex.join([batch_id, "--url", asked.url])
    progress.say(
        f"\ndetached; what was submitted goes on without this program.\n"
        f"  go on:      {shlex.join([*called(), *sys.argv[1:]])}\n"
        f"  watch:      {program} status {there} --watch\n"
        f"  call off:   {program} cancel {there}"
    )
    return EXIT_DETACHED


def called() -> list[str]:
    """How this program was called: an interpreter and its script, or the name of an installed command."""
    script = sys.argv[0]
    if script.endswith(".py"):
        return [sys.orig_argv[0], script]
    name = Path(script).name
    return [name if shutil.which(name) == script else script]


def _outcome(client: Client, batch: dict[str, Any], progress: Progress) -> int:
    progress.say(f"page: {client.url}/batches/{batch['batch_id']}")
    if not batch["counts"]["failed"]:
        return EXIT_OK
    reasons = ", ".join(f"{count} {reason}" for reason, count in batch["failures"].items())
    progress.say(f"{batch['counts']['failed']} runs failed: {reasons}")
    return EXIT_SOME_FAILED


def status(client: Client, asked: Namespace, progress: Progress) -> int:
    """Print a batch's counts and times as JSON; with --watch follow it to its end first."""
    batch_id = _batch_of(client, asked)
    try:
        look = _followed(client, batch_id, progress) if asked.watch else client.batch(batch_id)
    except KeyboardInterrupt:
        progress.say("\nstopped watching; the batch goes on")
        return EXIT_DETACHED
    progress.end()
    left_out = ("leaderboard", "metric", "goal", "constraints", "note")
    print(json.dumps({name: value for name, value in look.items() if name not in left_out}, indent=2))
    return EXIT_SOME_FAILED if look["counts"]["failed"] else EXIT_OK


def results(client: Client, asked: Namespace, progress: Progress) -> int:
    if Path(asked.sweep).is_file():
        sweep, batch_id = _sweep_of(client, asked)
        _print_results(client, batch_id, sweep, asked, progress)
    else:
        _print_results(client, _batch_of(client, asked), None, asked, progress)
    return EXIT_OK


def _print_results(client: Client, batch_id: str, sweep: Sweep | None, asked: Namespace, progress: Progress) -> None:
    progress.end()
    ranking = dict(sweep.ranking) if sweep else {}
    if asked.metric:
        ranking = {name: value for name, value in ranking.items() if name == "constraint"} | {"metric": asked.metric}
    if asked.constraint:
        ranking["constraint"] = " and ".join(asked.constraint)
    batch = client.batch(batch_id, top=asked.top, **ranking)
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
        raise BadInput(["retry: say --failed, and --cancelled too for the cancelled runs"])
    batch_id = _batch_of(client, asked)
    retried = client.retry(batch_id, asked.cancelled)
    cancelled = client.batch(batch_id)["failures"].get("cancelled", 0)
    left = f"; {cancelled} cancelled ones do not: --failed --cancelled retries them too" if cancelled else ""
    progress.say(f"{retried} runs of {batch_id} wait again{left}")
    return EXIT_OK


def study(client: Client, asked: Namespace, progress: Progress) -> int:
    """Say what the study of a file costs, start it, follow it, and print its verdict."""
    request = study_request(read_sweep(Path(asked.sweep), read_catalog(client)))
    cost = client.plan_study(request)
    progress.say(cost_text(cost))
    if asked.dry_run:
        return EXIT_OK
    started = client.submit_study(request, study_key(request, cost))
    progress.say(f"page: {client.url}{started['page_url']}")
    if asked.detach:
        print(started["study_id"])
        return EXIT_OK
    try:
        ended = client.wait_study(started["study_id"], lambda each: progress.show(each["counts"] or NOTHING_YET))
    except KeyboardInterrupt:
        progress.say("\nstopped watching; the study goes on, and the same command watches it again")
        return EXIT_DETACHED
    progress.end()
    print(ended["sentence"])
    return EXIT_OK if ended["status"] == "completed" else EXIT_SOME_FAILED


def load(client: Client, asked: Namespace, progress: Progress) -> int:
    """Load prices; print a table of what became of them, also of those before a platform went away."""
    sources, outcomes = sources_of(asked), list[Outcome]()
    try:
        for number, each in enumerate(sources, start=1):
            progress.say(f"{number}/{len(sources)} {each.name} as {each.ticker} {each.timeframe}")
            outcomes.append(load_source(client, each, asked))
    finally:
        if outcomes:
            print(as_table(outcomes))
    return EXIT_SOME_FAILED if any(outcome.faults for outcome in outcomes) else EXIT_OK


def _sweep_of(client: Client, asked: Namespace) -> tuple[Sweep, str]:
    sweep = read_sweep(Path(asked.sweep), read_catalog(client))
    return sweep, asked.batch or sweep.batch_id


def _batch_of(client: Client, asked: Namespace) -> str:
    """The batch id that was given, or the one of the file that was given."""
    if Path(asked.sweep).is_file():
        return _sweep_of(client, asked)[1]
    if re.search(r"\.(ya?ml|csv|jsonl|ndjson)$", asked.sweep):
        raise BadInput([f"{asked.sweep}: no such file"])
    return str(asked.sweep)
