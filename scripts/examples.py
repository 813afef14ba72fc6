"""What a newcomer finds after the first start: a run, a batch and a study, submitted as anybody would submit them."""

from pathlib import Path

import yaml

from backtests.client import Client
from backtests.errors import BacktestsError

RUN = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2008-03-01",
    "end_date": "2013-03-01",
    "size_type": "percent",
    "position_size": 100,
    "benchmark": "^GSPC",
    "label": "Example: averages on AAPL",
    "tags": ["example"],
}
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "examples"


def submit_examples(url: str) -> str:
    """Submit all of them to the platform at `url`; a sentence on what was made, or why it was not."""
    client = Client(url)
    batch, study = (
        yaml.safe_load((FOLDER / f"first_{name}.yaml").read_text("utf-8"))
        for name in ("batch", "study")
    )
    try:
        client.submit(RUN)
        runs = client.submit_sweep(batch, "example-averages")["new"]
        client.submit_study(study)
    except BacktestsError as error:
        return f"the examples were not submitted: {error}"
    return f"a first start: a run, a batch of {runs} and a study are computed as examples, in about half a minute"
