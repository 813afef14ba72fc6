"""A study of a batch's combinations: how a sweep, also of a rule of one's own, comes to a verdict."""

from typing import Any

from sqlalchemy.engine import Engine

from adapters.batches.queries import batch_requests
from adapters.database import reading
from contracts.errors import InvalidRequest
from contracts.run_request import canonical_json
from web.request_fields import asked_again
from web.studies.validation import DECIDED_BY_STUDY


def study_of_batch(engine: Engine, batch_id: str) -> dict[str, Any]:
    """`base` and `combinations` of a study of these runs, whatever their tickers.

    UnknownBatch, or InvalidRequest when the runs differ in more than the parameters of one rule.
    """
    with reading(engine) as connection:
        requests = [asked_again(each) for each in batch_requests(connection, batch_id)]
    base = {name: value for name, value in requests[0].items() if name not in DECIDED_BY_STUDY}
    differing = [name for name in base if name != "ticker" and any(each[name] != base[name] for each in requests)]
    if differing:
        fault = f"its runs differ in {', '.join(differing)}; a study tries the parameters of one rule"
        raise InvalidRequest({"batch": fault}, f"batch {batch_id!r} cannot be studied: {fault}")
    combinations = {canonical_json(each["params"]): each["params"] for each in requests}
    given = {name: value for name, value in base.items() if value is not None}
    return {"base": given, "combinations": list(combinations.values())}
