"""The vault: reserve the end of a ticker's prices, and open it once for a frozen request."""

import json
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from adapters.database import committed
from adapters.maintenance.vault import count_reserved_results, release, reserve
from adapters.metrics.moments import LEAST_RETURNS
from adapters.plans.study import insert_study, study_batch
from adapters.prices.packing import unpack_bars
from adapters.prices.store import reserved_prices
from adapters.prices.vault import (
    insert_opening,
    list_openings,
    list_vaults,
    vaults_read,
    whole_version,
)
from adapters.runs.times import utc_text
from contracts.errors import Conflict, InvalidRequest, UnknownTicker
from contracts.run_request import (
    LABEL_FIELDS,
    Reservation,
    RunRequest,
    canonical_hash,
    request_hash,
)
from contracts.status import Kind, PlanKind
from contracts.study import StudyPlan, StudyRequest, StudyWindow
from contracts.values import Json, frozen, picked, without
from rules.catalog import checked_rule
from web.api import DRY_RUN, FAULTS, NO_RUN, arguments, conditional, json_body, operation
from web.app import ask_database, platform, submit_plan
from web.charts.bars import completed_row
from web.prices import named_series
from web.runs import operations
from web.runs.validation import check_contract
from web.studies.views import STUDY

api = Blueprint("vault_api", __name__)

_OPENING = ("ticker", "request_hash", "from_date", "run_id", "study_id", "opened_by")


@api.get("/api/vaults")
@operation("200 Vaults: reserved tickers, and every opening")
def vaults() -> Response:
    """Return the tickers whose prices have a reserved end, and every opening, those of released ones included."""
    reserved = [
        picked(each, ("ticker", "from_date", "reserved_by"))
        | {"reserved_at": utc_text(each["reserved_at"])}
        for each in ask_database(list_vaults)
    ]
    openings = [
        picked(each, _OPENING) | {"opened_at": utc_text(each["opened_at"])}
        for each in ask_database(list_openings)
    ]
    return conditional({"vaults": reserved, "openings": openings})


@api.put("/api/vaults/<ticker>")
@operation(
    "200 Vault: reserved, or a dry run",
    "404 no such ticker",
    "409 reserved already, or a run or study that reads these bars has not ended",
    FAULTS,
    asks=(replace(DRY_RUN, about="count what would be deleted, reserve nothing"),),
    json=Reservation,
    needs="admin",
)
def put(ticker: str) -> Json:
    """Reserve a ticker's prices from a day on, in all timeframes.

    For everybody the series then ends before that day. Equity, trades, signals and charts of runs and plans that have
    read later bars are deleted, which ?dry_run=true counts; their metrics stay.
    """
    symbol, from_date = _named(ticker), check_contract(Reservation, json_body()).from_date
    series = platform().prices.all().get(symbol)
    if series is None:
        raise UnknownTicker(f"no prices of ticker {symbol}")
    first = min(each.first_date for each in series.values())
    if from_date <= first:
        raise InvalidRequest(
            {
                "from_date": f"{from_date} is not accepted; accepted: a day after {first}, the first"
            }
        )
    change = count_reserved_results if arguments()["dry_run"] else reserve
    deleted = change(platform().engine, symbol, from_date)
    return {"ticker": symbol, "from_date": from_date.isoformat(), "deleted": deleted}


@api.delete("/api/vaults/<ticker>")
@operation("204 released", "404 nothing is reserved", needs="admin")
def delete(ticker: str) -> ResponseReturnValue:
    """Release the reserved prices of a ticker for everybody; its openings stay counted."""
    committed(platform().engine, partial(release, _named(ticker)))
    return "", 204


def _named(ticker: str) -> str:
    return named_series(ticker, "1d")[0]


@api.post("/api/runs/<uuid:run_id>/vault")
@operation(
    "202 StudyAccepted: recorded; its verdict is on the reserved bars",
    NO_RUN,
    "409 it has not completed, reads no reserved series, or its vault was opened before",
    needs="admin",
)
def open_vault(run_id: str) -> ResponseReturnValue:
    """Open the vault for the request of a completed run, once: a holdout study of it whose test part is reserved.

    Only the Jobs of that study read the bars. The opening is counted for good.
    """
    row = completed_row(run_id)
    if row["kind"] != Kind.RUN:
        raise Conflict(f"{run_id} is a {row['kind']}; a vault is opened for a run")
    opening = ask_database(_opening_of, row)

    def record(connection: Connection, study_id: str, columns: Json) -> None:
        for each in opening.vaults:
            insert_opening(
                connection,
                ticker=each["ticker"],
                from_date=each["from_date"],
                request_hash=opening.request_hash,
                run_id=run_id,
                study_id=study_id,
            )
        insert_study(connection, study_id, opening.plan, **columns)

    def insert(study_id: str, columns: Json) -> None:
        change = partial(record, study_id=study_id, columns=columns)
        operations.submit(
            change, opening.plan.training_jobs, opening.plan.tried + opening.plan.last_runs
        )

    plan_hash = canonical_hash(opening.plan.to_json())
    study_id, is_new = submit_plan(PlanKind.STUDY, plan_hash, insert)
    return STUDY.accepted(study_id, is_new, batch_id=study_batch(study_id))


@frozen
class _Opening:
    """A study on reserved bars, the vaults that it opens, and the hash by which it opens them once."""

    plan: StudyPlan
    vaults: list[RowMapping]
    request_hash: str


def _opening_of(connection: Connection, row: RowMapping) -> _Opening:
    """Return what the request of a run would open; Conflict when there is nothing, or not enough to judge."""
    request = RunRequest.from_json(without(json.loads(row["request_json"]), LABEL_FIELDS))
    hashes = request.price_hashes
    opened = vaults_read(connection, request)
    if not opened:
        raise Conflict(f"no prices that run {row['run_id']} reads are reserved")
    whole = {
        ticker: whole_version(connection, ticker, request.timeframe, str(data_hash))
        for ticker, data_hash in hashes.items()
    }
    bars = unpack_bars(
        reserved_prices(connection, request.ticker, request.timeframe, whole[request.ticker])
    )
    split = date.fromisoformat(min(each["from_date"] for each in opened))
    start = max(request.start_date, date.fromisoformat(bars.first[:10]))
    end = date.fromisoformat(bars.last[:10])
    train, test = (start, split - timedelta(days=1)), (split, end)
    for first, last in (train, test):
        if (count := len(bars.between(first, last))) < LEAST_RETURNS:
            raise Conflict(
                f"only {count} bars from {first} to {last}; a part needs at least {LEAST_RETURNS}"
            )
    base = replace(
        request,
        params={},
        rule_id=None,
        charts=False,
        start_date=start,
        end_date=end,
        data_hash=whole[request.ticker],
        benchmark_hash=whole.get(request.benchmark or ""),
        others={each: whole[each] for each in request.others or {}} or None,
    )
    study = StudyRequest(
        kind="holdout",
        base=base.to_json(),
        combinations=[request.params],
        name=f"Vault of {', '.join(each['ticker'] for each in opened)}"[:64],
        holdout_share=round((end - split).days / (end - start).days, 4),
    )
    windows = (StudyWindow(_days(*train), _days(*test)),)
    return _Opening(StudyPlan(study, windows), opened, _hash_on(request, split))


def _days(first: date, last: date) -> tuple[str, str]:
    return first.isoformat(), last.isoformat()


def _hash_on(request: RunRequest, split: date) -> str:
    """Return the hash of a request on the bars from `split` on, whatever its own dates and versions of prices are."""
    on_reserved = replace(
        request,
        start_date=split,
        end_date=split,
        data_hash=None,
        benchmark_hash=None,
        others=None,
        charts=False,
    )
    rule = checked_rule(request.rule_type, request.params)
    return request_hash(on_reserved, rule.params)
