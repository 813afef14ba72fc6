"""A study of a batch's combinations: how a sweep, also of a rule of one's own, comes to a verdict."""

from adapters.batches.queries import batch_requests
from contracts.errors import InvalidRequest
from contracts.run_request import canonical_json
from contracts.values import Json, without
from web.platform import ask_database
from web.request_fields import asked_again, differing
from web.studies.validation import DECIDED_BY_STUDY


def study_of_batch(batch_id: str) -> Json:
    """`base` and `combinations` of a study of these runs, whatever their tickers.

    UnknownBatch, or InvalidRequest when the runs differ in more than the parameters of one rule.
    """
    requests = list(map(asked_again, ask_database(batch_requests, batch_id)))
    if not requests:  # its Jobs are those of a screen, a study or a portfolio
        raise _cannot_be_studied(batch_id, "none of its Jobs is a run")
    if found := differing(requests, (*DECIDED_BY_STUDY, "ticker")):
        differ = f"its runs differ in {', '.join(found)}"
        raise _cannot_be_studied(batch_id, f"{differ}; a study tries the parameters of one rule")
    combinations = {canonical_json(each["params"]): each["params"] for each in requests}
    given = without(requests[0], DECIDED_BY_STUDY).items()
    base = {name: value for name, value in given if value is not None}
    return {"base": base, "combinations": list(combinations.values())}


def _cannot_be_studied(batch_id: str, fault: str) -> InvalidRequest:
    return InvalidRequest({"batch": fault}, f"batch {batch_id!r} cannot be studied: {fault}")
