"""Random books of legs, and how vectorbt and bt trade them in one account."""

import random
from dataclasses import replace

import bt
import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio.enums import SizeType

from engine.engine import BacktestEngine
from portfolio.legs import Calendar, Leg
from tests.portfolios import books

Book = tuple[BacktestEngine, list[Leg]]
BOOKS = range(300)
# so large that no bound of ours binds a short
CAPITAL = {"longonly": 100_000.0, "longshort": 1_000_000.0}
MONEY = {"longonly": (3_000, 20_000, 70_000), "longshort": (500, 3_000, 10_000)}
PERCENT = {"longonly": (10, 30, 50, 100), "longshort": (5, 10)}
NO_STOPS = dict.fromkeys(("stop_loss_pct", "take_profit_pct", "trailing_stop_pct"))
NO_COSTS = {"fee_rate": 0.0, "slippage_bps": 0}


def of_money(seed: int, direction: str, **fixed: object) -> Book:
    """The same money in each trade; longs compete for cash."""
    size = random.Random(-seed - 1).choice(MONEY[direction])
    return _book(seed, direction, **{"size_type": "value", "position_size": size} | fixed)


def of_percent(seed: int, direction: str, **fixed: object) -> Book:
    """The same percent of equity in each trade, at the close; no order repeats the one before it."""
    size = random.Random(-seed - 1).choice(PERCENT[direction])
    terms, legs = _book(
        seed,
        direction,
        **{"size_type": "percent", "position_size": size, "fill": "close"} | fixed,
    )
    return terms, [replace(leg, signals=_turns(leg.signals)) for leg in legs]


def _book(seed: int, direction: str, **fixed: object) -> Book:
    """Terms without stops, and up to six legs on calendars of their own."""
    terms, legs = books.book(
        seed, **NO_STOPS | {"direction": direction, "initial_capital": CAPITAL[direction]} | fixed
    )
    return terms, [replace(leg, stops=None) for leg in legs]


def _turns(signals: np.ndarray) -> np.ndarray:
    """The signals whose last one before them was of the other side."""
    placed, kept = np.flatnonzero(signals), signals.copy()
    kept[placed[1:][signals[placed[1:]] == signals[placed[:-1]]]] = 0
    return kept


def of_months(seed: int, **fixed: object) -> Book:
    """Sleeves that hold what they bought on the first bar; some miss bars, but none on which all are rebalanced."""
    draw, rng = random.Random(-seed - 1), np.random.default_rng(seed)
    hold = {
        "size_type": "percent",
        "position_size": 100,
        "direction": "longonly",
        "fill": "close",
    }
    hold |= {"initial_capital": CAPITAL["longonly"], "fractional_shares": True, "slippage_bps": 0}
    days = np.arange(draw.randint(40, 700))
    times = books.FIRST + days[rng.random(len(days)) < draw.choice([0.3, 0.7, 1.0])]
    legs = [_buy_and_hold_leg(rng, times, f"T{number}") for number in range(draw.randint(1, 6))]
    return books.engine(draw, **NO_STOPS | hold | fixed), legs


def _buy_and_hold_leg(rng: np.random.Generator, times: np.ndarray, ticker: str) -> Leg:
    """Bought on its first bar; equal weights are drawn as often as others."""
    kept = _begins_month(times) | (rng.random(len(times)) < rng.choice([0.8, 1.0]))
    prices, weight = books.ohlc(rng, int(kept.sum())), rng.choice([1.0, rng.uniform(0.5, 2)])
    signals = np.zeros(len(prices), dtype=np.int8)
    signals[0] = 1
    return Leg(
        ticker=ticker, times=times[kept], bars=prices, signals=signals, weight=float(weight)
    )


def _begins_month(times: np.ndarray) -> np.ndarray:
    return np.diff(times.astype("datetime64[M]").astype(int), prepend=-1) != 0


class Table:
    """The legs as columns on their joined calendar.

    closes, prices: (bars, legs), the last known, which orders fill at in the latter. sides: orders, 1, -1 or 0.
    """

    def __init__(self, terms: BacktestEngine, legs: list[Leg]) -> None:
        calendar, delay = Calendar(legs), int(terms.fill == "next_open")
        self.closes, self.prices = (
            calendar.marks(legs, at_open) for at_open in (False, bool(delay))
        )
        self.sides = np.zeros(self.closes.shape, dtype=np.int8)
        for number, (bars, leg) in enumerate(zip(calendar.bar_of, legs, strict=True)):
            self.sides[bars[delay:], number] = leg.signals[: len(bars) - delay]
            # 0 before the first bar, which vectorbt refuses
            for values in (self.closes, self.prices):
                values[: bars[0], number] = leg.bars.close[0]

    def sells_first(self) -> np.ndarray:
        """vectorbt's `call_seq` of exits before entries, both in the order of the legs."""
        return np.argsort(self.sides >= 0, axis=1, kind="stable")


def by_signals(terms: BacktestEngine, legs: list[Leg], **changed: object) -> vbt.Portfolio:
    """By vectorbt's from_signals; value sizes as shares, since it would convert them before slippage."""
    table = Table(terms, legs)
    fills = table.prices * (1 + table.sides * terms.slippage_bps / 10_000)
    shares = terms.position_size / fills
    settings = _account(terms, table) | {
        "entries": table.sides > 0,
        "short_entries" if terms.direction == "longshort" else "exits": table.sides < 0,
        "upon_opposite_entry": "reverse",
        "size": shares if terms.fractional_shares else np.floor(shares),
        "size_type": SizeType.Amount,
    }
    return vbt.Portfolio.from_signals(pd.DataFrame(table.closes), **settings | changed)


def by_targets(terms: BacktestEngine, legs: list[Leg]) -> vbt.Portfolio:
    """By vectorbt's from_orders, since its from_signals takes no percent of the account's value."""
    table = Table(terms, legs)
    sides = table.sides if terms.direction == "longshort" else np.maximum(table.sides, 0)
    targets = np.where(table.sides == 0, np.nan, sides * terms.position_size / 100)
    return vbt.Portfolio.from_orders(
        pd.DataFrame(table.closes),
        size=targets,
        size_type=SizeType.TargetPercent,
        **_account(terms, table),
    )


def _account(terms: BacktestEngine, table: Table) -> dict[str, object]:
    return {
        "price": table.prices,
        "size_granularity": None if terms.fractional_shares else 1,
        "init_cash": terms.initial_capital,
        "fees": terms.fee_rate,
        "slippage": terms.slippage_bps / 10_000,
        "cash_sharing": True,
        "group_by": True,
        "call_seq": table.sells_first(),
    }


def by_bt(terms: BacktestEngine, legs: list[Leg]) -> np.ndarray:
    """The equity by bt, rebalanced to the legs' weights on the first bar of each month.

    bt leaves out the last bar, or rebalances on it in any case: what is asked for is what the calendar says.
    """
    calendar, whole = Calendar(legs), sum(leg.weight for leg in legs)
    monthly = bt.algos.RunMonthly(run_on_last_date=bool(_begins_month(calendar.times)[-1]))
    weights = bt.algos.WeighSpecified(**{leg.ticker: leg.weight / whole for leg in legs})
    test = bt.Backtest(
        bt.Strategy("book", [monthly, bt.algos.SelectAll(), weights, bt.algos.Rebalance()]),
        pd.DataFrame(calendar.marks(legs, False), calendar.times, [leg.ticker for leg in legs]),
        initial_capital=terms.initial_capital,
        commissions=lambda shares, price: abs(shares) * price * terms.fee_rate,
        integer_positions=not terms.fractional_shares,
    )
    test.run()
    return test.strategy.values.to_numpy()[1:]  # the first is that of a day before all prices


def of_ranks(seed: int, **fixed: object) -> tuple[BacktestEngine, list[Leg], int]:
    """Terms, legs on one calendar that are scored by their return over some days, and how many are bought."""
    draw, rng = random.Random(-seed - 1), np.random.default_rng(seed)
    terms = books.engine(
        draw,
        **NO_STOPS | NO_COSTS,
        size_type="percent",
        position_size=100,
        direction="longonly",
        fill="close",
        fractional_shares=True,
        initial_capital=CAPITAL["longonly"],
        **fixed,
    )
    days, window = draw.randint(60, 700), draw.choice([5, 20, 40])
    times = books.FIRST + np.arange(days)
    legs = []
    for number in range(draw.randint(2, 12)):
        prices = books.ohlc(rng, days)
        score = np.full(days, np.nan)
        score[window:] = prices.close[window:] / prices.close[:-window] - 1
        none = np.zeros(days, dtype=np.int8)
        legs.append(Leg(ticker=f"T{number}", times=times, bars=prices, signals=none, score=score))
    return terms, legs, draw.randint(1, len(legs))


def rotated_by_bt(terms: BacktestEngine, legs: list[Leg], top: int) -> np.ndarray:
    """The equity by bt, which buys the legs with the highest score on the first bar of each month.

    bt's StatTotalReturn measures calendar days back from now; here the window is the score's own, in days.
    """
    calendar = Calendar(legs)
    window = int(np.isnan(legs[0].score).sum())
    monthly = bt.algos.RunMonthly(
        run_on_first_date=False, run_on_last_date=bool(_begins_month(calendar.times)[-1])
    )
    algos = [
        bt.algos.RunAfterDate(calendar.times[window - 1]),
        monthly,
        bt.algos.SelectAll(),
        bt.algos.StatTotalReturn(lookback=pd.DateOffset(days=window)),
        bt.algos.SelectN(n=top, sort_descending=True),
        bt.algos.WeighEqually(),
        bt.algos.Rebalance(),
    ]
    test = bt.Backtest(
        bt.Strategy("rotation", algos),
        pd.DataFrame(calendar.marks(legs, False), calendar.times, [leg.ticker for leg in legs]),
        initial_capital=terms.initial_capital,
        integer_positions=False,
    )
    test.run()
    return test.strategy.values.to_numpy()[1:]
