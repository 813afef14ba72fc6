"""Commands for batches, prices, screens, studies and portfolios; the docstring of each is its help."""

import json
import re
import shlex
import shutil
import sys
from argparse import Namespace
from collections import Counter
from importlib import import_module
from pathlib import Path
from urllib.parse import urljoin

from backtests.client import Client
from backtests.loading import LoadOutcome, as_table, load_source, sources_of
from backtests.output import FORMATS, Progress, as_account, duration, without_code
from backtests.results import extra
from backtests.spec import Spec
from backtests.table_files import RunTable, read_sweep
from backtests.transport import BadInput, Json

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
        ticker = run.get("ticker") or f"{len(run['tickers'])} tickers"
        params = json.dumps(without_code(run.get("params", {})))
        print(f"  {ticker} {run.get('rule_type')} {params}")
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
    """Print a batch's counts and times as JSON; with --watch, first follow it until all runs have ended."""
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


def delete(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Count what would be deleted with runs, plans or prices; with --yes delete it for good."""
    kind, ids, dry_run = arguments.kind, arguments.ids, not arguments.yes
    if kind == "run":
        answers = [client.delete_runs(ids, dry_run=dry_run)]
    elif kind == "prices":
        timeframe = arguments.timeframe or "1d"
        answers = [client.delete_series(each, timeframe, dry_run=dry_run) for each in ids]
    else:
        answers = [client.delete_plan(kind, each, dry_run=dry_run) for each in ids]
    for answer in answers:
        counts = ", ".join(f"{count:,} {name}" for name, count in answer["deleted"].items())
        print(f"would delete {counts}; --yes does it" if dry_run else f"deleted {counts}")
    refusals = [each for answer in answers for each in answer["refusals"]]
    for each in refusals:
        progress.say(f"refused: {each}")
    return EXIT_SOME_FAILED if refusals else EXIT_OK


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
    return read_sweep(Path(file), client, dict(arguments.set), arguments.code)


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


def screen(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Try the combinations of a file in one Job for each ticker, and print the best; with --run run the best."""
    sweep = spec_of(client, arguments, "a screen")
    ranking = {"metric": arguments.metric, "constraints": arguments.constraint}
    changes = {name: value for name, value in ranking.items() if value}
    result = sweep.send(lambda values: client.screen(values | changes, arguments.top))
    screen_id, tried = result["screen_id"], result["combinations"]
    progress.say(f"page: {client.url}/screens/{screen_id}")
    if result["status"] == "failed":
        progress.say(f"the screen failed: {result['error_message']}")
        return EXIT_SOME_FAILED
    if arguments.run:
        batch = client.run_best_screened(screen_id, arguments.run)
        progress.say(f"{batch['runs']} of them run as batch {batch['batch_id']}")
    rule = {"rule_type": result["rule_type"], "rule_id": None}
    note = f"{tried:,} combinations were tried in a screen: the best of many looks better than it is (selection bias)"
    as_batch = {
        "batch_id": screen_id,
        "leaderboard": [
            row | rule | {"run_id": row["run_id"] or "-"} for row in result["leaderboard"]
        ],
        "note": note,
        "runs": tried,
        "cancelled": 0,
        "counts": {"completed": result["done"]},
    }
    print(FORMATS[arguments.format](result | as_batch))
    return EXIT_OK


def robustness(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Vary costs, timing, numbers and luck of a completed run or portfolio in one Job, and print how sure it is."""
    varied = client.robustness(arguments.run_id)
    progress.say(f"page: {client.url}/robustness/{varied['robustness_id']}")
    if varied["status"] == "failed":
        progress.say(f"it failed: {varied['error_message']}")
        return EXIT_SOME_FAILED
    print(varied["sentence"])
    return EXIT_OK


def logs(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Print the log of a run's Jobs, the last 64 KB of each attempt."""
    print(client.log(arguments.run_id), end="")
    return EXIT_OK


def study(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Print the cost of the study in a file's section study; start it, follow it, and print its verdict."""
    sweep = spec_of(client, arguments, "a study")
    if "study" not in sweep.values:
        raise BadInput(
            "study: a section with kind: walk_forward, holdout, selection or permutation is expected"
        )
    cost = sweep.send(client.plan_study)
    progress.say(_cost_text(cost))
    if arguments.dry_run:
        return EXIT_OK
    started = client.submit_study(sweep.values, sweep.key("study", cost["data_hash"]))
    progress.say(f"page: {urljoin(client.url, started['page_url'])}")
    if arguments.detach:
        print(started["study_id"])
        return EXIT_OK
    progress.when_stopped = (
        "stopped watching; the study continues, and the same command watches it again"
    )
    ended = client.wait_study(started["study_id"], progress.show_batch)
    progress.end()
    print(ended["sentence"])
    return EXIT_OK if ended["status"] == "completed" else EXIT_SOME_FAILED


def _cost_text(cost: Json) -> str:
    """Describe how many Jobs a study takes, and about how long."""
    runs, parts = cost["runs"], len(cost["windows"])
    folds = f"{parts} folds" if parts > 1 else "1 training part"
    waiting = f", {cost['waiting']:,} waiting runs of others included" if cost["waiting"] else ""
    pace = "no batch has run yet, so no estimate of the time"
    if cost["seconds"]:
        pace = f"about {duration(cost['seconds'])} at the pace of the latest batch{waiting}"
    return (
        f"{runs['training'] + runs['test']:,} Jobs: {cost['combinations']:,} combinations x {folds}, and "
        f"{runs['test']:,} on test parts; {pace}"
    )


def portfolio(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Start the portfolio of a file, with legs or a section portfolio; follow its runs, and print the result."""
    started = _start(client, spec_of(client, arguments, "a portfolio"))
    progress.say(f"page: {urljoin(client.url, started['page_url'])}")
    if arguments.detach:
        print(started["portfolio_id"])
        return EXIT_OK
    progress.when_stopped = "stopped watching; the portfolio continues, see its page"
    ended = client.wait_portfolio(
        started["portfolio_id"],
        lambda each: progress.show(Counter(leg["status"] for leg in each["legs"])),
    )
    progress.end()
    if ended["status"] == "failed":
        progress.say(f"the portfolio failed: {ended['error_message']}")
        return EXIT_SOME_FAILED
    print(as_account(ended))
    return EXIT_OK


def mcp(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Offer tools to an agent by the Model Context Protocol, within the scope and the budget of the token."""
    extra("mcp.server", "mcp")
    import_module("backtests.agents").Agents(client).serve(arguments.http)
    return EXIT_OK


def _start(client: Client, spec: Spec) -> Json:
    """Start the portfolio of a file; the same file on the same prices resumes it, unless its legs are a batch."""
    if not {"portfolio", "legs", "batch_id"} & spec.values.keys():
        raise BadInput(
            "portfolio: a section portfolio (how runs share an account), legs or a batch_id is expected"
        )
    if "batch_id" in spec.values:  # it may have more runs by now
        return spec.send(client.submit_portfolio)
    prices = sorted(each["data_hash"] for each in client.prices())
    return spec.send(client.submit_portfolio, spec.key("portfolio", prices))
