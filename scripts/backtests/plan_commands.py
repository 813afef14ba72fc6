"""Commands for screens, studies and portfolios."""

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
