"""A formula of ten indicators against the same rule written by hand, and at growing lengths; the check of a text."""

import json
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from rules.catalog import check_params
from rules.prices import Prices
from rules.registry import build_rule
from tests.bench.engine_speed import MILLION, PRICES, best, plain, random_walk, read_csv

TEXTS = {
    "buy": "trend = ema(close, 50) > sma(close, 200)\n"
    "trend and rsi(close, 14) < 60 and macd_line(close) > macd_signal(close) and adx(14) > 20 and "
    "close > bollinger_middle(close, 20, 2)",
    "sell": "close < highest(high, 22) - 3 * atr(22) or stochastic_k(14) > 90 or volume > 3 * prev(sma(volume, 20)) or "
    "close < prev(lowest(low, 20))",
}
ROUNDS = 15


def main() -> None:
    """Print the rows as one line of JSON."""
    prices, lengths = read_csv(PRICES), (10_000, 100_000, MILLION)
    rule = build_rule("FORMULA", TEXTS)
    rule.generate_signals(prices)  # loads the evaluator
    assert np.array_equal(rule.generate_signals(prices), by_hand(Prices(prices)))
    what = f"ten indicators over {len(prices['Close']):,} bars"
    ours, reference = side_by_side(
        lambda: rule.generate_signals(prices), lambda: by_hand(Prices(prices)), 40
    )
    rows: list[dict[str, Any]] = [
        {"what": what, "ours": ours, "reference": reference, "ratio": ours / reference, "budget": "<= 1.5",
         "unit": "ms", "note": "against the same rule written by hand"},
    ]  # fmt: skip
    walks = [random_walk(bars) for bars in lengths]
    per_bar = [
        best(partial(rule.generate_signals, walk), 5) / walk["Close"].size * 1e6 for walk in walks
    ]
    rows += [
        plain(f"the same, time per bar, {bars:,} bars", ns, "ns")
        for bars, ns in zip(lengths, per_bar, strict=True)
    ]
    rows[-1] |= {"reference": per_bar[1], "ratio": per_bar[2] / per_bar[1], "budget": "<= 2",
                 "note": "against 100,000 bars: linear but for the caches"}  # fmt: skip
    # none that is remembered
    fresh = (TEXTS | {"sell": f"{TEXTS['sell']}  # {number}"} for number in count())
    rows.append(
        plain("check of its texts", best(lambda: check_params("FORMULA", next(fresh)), 200), "ms")
    )
    print(json.dumps(rows))


def by_hand(prices: Prices) -> Any:
    """The signals of TEXTS as a Python rule would make them."""
    close, ohlc = prices["Close"], ("High", "Low", "Close")
    line, signal, _ = prices.indicator("macd", ("Close",), 12, 26, 9)
    buy = (
        (prices.indicator("ema", ("Close",), 50) > prices.indicator("sma", ("Close",), 200))
        & (prices.indicator("rsi", ("Close",), 14) < 60.0)
        & (line > signal)
        & (prices.indicator("adx", ohlc, 14)[0] > 20.0)
        & (close > prices.indicator("bollinger_bands", ("Close",), 20, 2.0)[1])
    )
    stop = prices.indicator("highest", ("High",), 22) - 3.0 * prices.indicator("atr", ohlc, 22)
    sell = (
        (close < stop)
        | (prices.indicator("stochastic", ohlc, 14, 3, 3)[0] > 90.0)
        | (prices["Volume"] > 3.0 * prices.shift(prices.indicator("sma", ("Volume",), 20), 1))
        | (close < prices.shift(prices.indicator("lowest", ("Low",), 20), 1))
    )
    return prices.levels(buy, sell)


def side_by_side(
    ours: Callable[[], object], reference: Callable[[], object], repetitions: int
) -> tuple[float, float]:
    """Both in turn, the best of each, so that a busy minute of the machine does not hit one alone."""
    rounds = [(best(ours, repetitions), best(reference, repetitions)) for _ in range(ROUNDS)]
    return min(one for one, _ in rounds), min(other for _, other in rounds)


if __name__ == "__main__":
    main()
