"""A portfolio of a batch's runs: each that has completed is a leg, under the terms that they share."""

from adapters.batches.queries import batch_requests
from contracts.errors import InvalidRequest
from contracts.portfolio_request import MAX_LEGS, TERMS
from contracts.run_request import LABEL_FIELDS, canonical_json
from contracts.status import RunStatus
from contracts.values import Json
from web.platform import ask_database
from web.request_fields import asked_again, differing

LEG_FIELDS = ("ticker", "rule_type", "params")


def portfolio_of_batch(batch_id: str) -> Json:
    """The legs and terms of a batch's completed runs. UnknownBatch, or InvalidRequest when they differ in terms."""
    completed = ask_database(batch_requests, batch_id, RunStatus.SUCCEEDED)
    requests = list(map(asked_again, completed))
    if not 1 <= len(requests) <= MAX_LEGS:
        raise InvalidRequest(
            {
                "batch_id": f"{len(requests):,} of its runs have completed; 1 to {MAX_LEGS} are accepted"
            }
        )
    first = requests[0]
    if found := differing(requests, (*LEG_FIELDS, *LABEL_FIELDS)):
        raise InvalidRequest(
            {"batch_id": f"its runs differ in {', '.join(found)}, which legs share"}
        )
    terms = {
        name: first[name]
        for name in TERMS
        if first.get(name) is not None and name not in LABEL_FIELDS
    }
    legs = [{name: each[name] for name in LEG_FIELDS} for each in requests]
    return {**terms, "legs": list({canonical_json(leg): leg for leg in legs}.values())}
