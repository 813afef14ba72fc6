"""Equality of two requests, within a batch and for an Idempotency-Key."""

from dataclasses import replace
from datetime import date

import pytest

from contracts.run_request import RunRequest, request_hash

PARAMS = {"period": 14, "oversold": 30, "overbought": 70}
REQUEST = RunRequest(
    ticker="AAPL",
    rule_type="RSI",
    start_date=date(2004, 1, 1),
    end_date=date(2006, 12, 31),
    stop_loss_pct=5,
)
# before there were exits by time and ATR
RECORDED = "01b39a5d565bc89f636f8f1a8f04f6fa2ff11ea411e482cad3831b56127bc2a7"


def test_a_request_keeps_its_hash_when_the_contract_grows() -> None:
    assert request_hash(REQUEST, PARAMS) == RECORDED


@pytest.mark.parametrize(
    "changed",
    [
        {"fee_rate": 0.0},
        {"direction": "shortonly"},
        {"exit_after_bars": 5},
        {"atr_stop_multiple": 3.0},
        {"atr_stop_period": 20},
        {"liquidate_below_pct": 0.0},
        {"borrow_rate": 0.01},
        {"cash_rate": 0.01},
        {"flat_at": "15:55"},
        {"others": {"KO": "a" * 64}},
    ],
)
def test_a_field_that_decides_the_result_changes_it(changed: dict[str, object]) -> None:
    assert request_hash(replace(REQUEST, **changed), PARAMS) != RECORDED


def test_a_label_does_not() -> None:
    assert request_hash(replace(REQUEST, label="mine", charts=False), PARAMS) == RECORDED
