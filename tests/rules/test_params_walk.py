"""A run's params are checked and completed once by the web tier, and once by its Job."""

from collections import Counter

import pytest

from adapters.database import connect_database
from adapters.prices.store import PriceStore
from adapters.settings import PROJECT_ROOT
from consumer.kinds.backtest import backtest
from rules.parameters import RuleSpec
from tests.services.prices import packed_file
from web.runs.validation import validate_request

DATA = PROJECT_ROOT / "data"
ASKED = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 10},
    "start_date": "2004-01-01",
    "end_date": "2005-01-01",
    "charts": False,
}


@pytest.fixture
def calls(monkeypatch):
    counted = Counter()
    faults, complete = RuleSpec.faults, RuleSpec.complete
    monkeypatch.setattr(
        RuleSpec,
        "faults",
        lambda *args, **named: counted.update(["faults"]) or faults(*args, **named),
    )
    monkeypatch.setattr(
        RuleSpec, "complete", lambda *args: counted.update(["complete"]) or complete(*args)
    )
    return counted


def test_a_request_is_checked_and_completed_once_by_the_web_tier_and_once_by_the_job(
    calls, sqlite_url
):
    valid = validate_request(ASKED, PriceStore(connect_database(sqlite_url)))

    assert calls == {"faults": 1, "complete": 1}

    calls.clear()
    backtest(valid.request, packed_file(DATA, "AAPL"))

    assert calls == {"faults": 1, "complete": 1}
