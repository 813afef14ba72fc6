"""What the command line does with many runs at once: screen, study, portfolio."""

from argparse import Namespace
from collections import Counter
from urllib.parse import urljoin

from backtests.client import Client
from backtests.commands import EXIT_OK, EXIT_SOME_FAILED, spec_of
from backtests.errors import BadInput
from backtests.progress import Progress, duration
from backtests.results import FORMATS, as_account
from backtests.spec import Spec
from backtests.transport import Json


def screen(client: Client, asked: Namespace, progress: Progress) -> int:
    """Try the combinations of a file in one Job for each ticker, and print the best; run those that are asked for."""
    sweep = spec_of(client, asked, "a screen")
    given = {"metric": asked.metric, "constraints": asked.constraint}
    changes = {name: value for name, value in given.items() if value}
    found = sweep.sent(lambda values: client.screen(values | changes, asked.top))
    screen_id, tried = found["screen_id"], found["combinations"]
    progress.say(f"page: {client.url}/screens/{screen_id}")
    if found["status"] == "failed":
        progress.say(f"it failed: {found['error_message']}")
        return EXIT_SOME_FAILED
    if asked.run:
        batch = client.run_best_screened(screen_id, asked.run)
        progress.say(f"{batch['runs']} of them run as batch {batch['batch_id']}")
    named = {"rule_type": found["rule_type"], "rule_id": None}
    note = f"{tried:,} combinations were tried in a screen: the best of many looks better than it is (selection bias)"
    as_batch = {
        "batch_id": screen_id,
        "leaderboard": [
            row | named | {"run_id": row["run_id"] or "-"} for row in found["leaderboard"]
        ],
        "note": note,
        "runs": tried,
        "cancelled": 0,
        "counts": {"completed": found["done"]},
    }
    print(FORMATS[asked.format](found | as_batch))
    return EXIT_OK


def study(client: Client, asked: Namespace, progress: Progress) -> int:
    """Say what the study of a file, its section study, costs; start it, follow it, and print its verdict."""
    sweep = spec_of(client, asked, "a study")
    if "study" not in sweep.values:
        raise BadInput(
            "study: a section with kind: walk_forward, holdout, selection or permutation is expected"
        )
    cost = sweep.sent(client.plan_study)
    progress.say(_cost_text(cost))
    if asked.dry_run:
        return EXIT_OK
    started = client.submit_study(sweep.values, sweep.key("study", cost["data_hash"]))
    progress.say(f"page: {urljoin(client.url, started['page_url'])}")
    if asked.detach:
        print(started["study_id"])
        return EXIT_OK
    progress.when_stopped = (
        "stopped watching; the study goes on, and the same command watches it again"
    )
    ended = client.wait_study(started["study_id"], progress.show_batch)
    progress.end()
    print(ended["sentence"])
    return EXIT_OK if ended["status"] == "completed" else EXIT_SOME_FAILED


def _cost_text(cost: Json) -> str:
    """How many Jobs a study takes, and about how long."""
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


def portfolio(client: Client, asked: Namespace, progress: Progress) -> int:
    """Start the portfolio of a file, its legs or its section portfolio; follow its runs, print what they came to."""
    started = _started(client, spec_of(client, asked, "a portfolio"))
    progress.say(f"page: {urljoin(client.url, started['page_url'])}")
    if asked.detach:
        print(started["portfolio_id"])
        return EXIT_OK
    progress.when_stopped = "stopped watching; the portfolio goes on, see its page"
    ended = client.wait_portfolio(
        started["portfolio_id"],
        lambda each: progress.show(Counter(leg["status"] for leg in each["legs"])),
    )
    progress.end()
    if ended["status"] == "failed":
        progress.say(f"it failed: {ended['error_message']}")
        return EXIT_SOME_FAILED
    print(as_account(ended))
    return EXIT_OK


def _started(client: Client, spec: Spec) -> Json:
    """The portfolio of a file; the same file on the same prices goes on, unless its runs are those of a batch."""
    if not {"portfolio", "legs", "batch_id"} & spec.values.keys():
        raise BadInput(
            "portfolio: a section of how runs share an account is expected; or legs, or a batch_id"
        )
    if "batch_id" in spec.values:  # it may have more runs by now
        return spec.sent(client.submit_portfolio)
    prices = sorted(each["data_hash"] for each in client.prices())
    return spec.sent(client.submit_portfolio, spec.key("portfolio", prices))
