"""Maximum loss and gain of a trade while it is open."""

import numpy as np
import pytest

from adapters.metrics.curves import excursions

LOW = np.array([50.0, 90.0, 80.0, 70.0, 20.0])
HIGH = np.array([200.0, 110.0, 120.0, 130.0, 300.0])


@pytest.mark.parametrize(
    ("case", "side", "entry_at", "exit_bar", "exit_at", "exit_price", "expected"),
    [
        ("close to close: not the entry's bar", "BUY", "close", 3, "close", 110.0, (30, 30)),
        ("open to open: not the exit's bar", "BUY", "open", 1, "open", 105.0, (50, 100)),
        (
            "a stop within the bar: its level, not the bar's low",
            "BUY",
            "close",
            3,
            "intrabar",
            75.0,
            (25, 20),
        ),
        ("a short loses when prices rise", "SELL", "close", 2, "close", 100.0, (20, 20)),
        ("a gap that never came back", "SELL", "close", 1, "open", 90.0, (0, 10)),
    ],
)
def test_excursions_are_percents_of_the_entry_price(
    case, side, entry_at, exit_bar, exit_at, exit_price, expected
):
    trade = {
        "side": side, "entry_bar": 0, "entry_at": entry_at, "entry_price": 100.0,
        "exit_bar": exit_bar, "exit_at": exit_at, "exit_price": exit_price,
    }  # fmt: skip

    extremes = excursions(trade, HIGH, LOW)

    assert (extremes["mae_pct"], extremes["mfe_pct"]) == expected
