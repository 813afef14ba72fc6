"""What a newcomer finds after the first start: a run, a batch and a study, submitted as anybody would submit them."""

from backtests.client import Client
from backtests.errors import BacktestsError
from backtests.transport import Json

TERMS = {
    "rule_type": "MA_CROSS",
    "size_type": "percent",
    "position_size": 100,
    "tags": ["example"],
}
DATES = {"start_date": "2008-03-01", "end_date": "2013-03-01"}
RUN = {
    **TERMS,
    **DATES,
    "ticker": "AAPL",
    "benchmark": "^GSPC",
    "label": "Example: averages on AAPL",
}
GRID = {"fast": {"min": 5, "max": 30, "step": 5}, "slow": {"min": 40, "max": 120, "step": 10}}
BATCH_ID = "example-averages"
BATCH: Json = {
    "name": "Example: pairs of averages on MSFT",
    "base": {
        **TERMS,
        **DATES,
        "ticker": "MSFT",
        "charts": False,
        "label": "Example: pairs of averages",
    },
    "parameters": GRID,
}
STUDY: Json = {
    "name": "Example: averages on the S&P 500",
    "base": {
        **TERMS,
        "ticker": "^GSPC",
        "start_date": "2005-01-03",
        "end_date": "2017-12-29",
        "charts": False,
    },
    "parameters": GRID,
    "study": {"kind": "walk_forward", "train_days": 1095, "test_days": 365},
}


def submit_examples(url: str) -> str:
    """Submit all of them to the platform at `url`; a sentence on what was made, or why it was not."""
    client = Client(url)
    try:
        client.submit(RUN)
        runs = client.submit_sweep(BATCH, BATCH_ID)["new"]
        client.submit_study(STUDY)
    except BacktestsError as error:
        return f"the examples were not submitted: {error}"
    return f"a first start: a run, a batch of {runs} and a study are computed as examples, in about half a minute"
