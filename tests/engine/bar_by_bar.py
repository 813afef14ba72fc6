"""The rules of the engine once more, as one slow loop over bars that shares no code with it: the tests' authority.

Everything is a plain float or list; nothing is vectorised, looked up ahead or skipped, so each line can be checked
against docs/engine.md by eye. The exits of consumer/kinds/run_engine.py are here too.
"""

import math
from dataclasses import dataclass, field


@dataclass
class Account:
    """The state after the bars so far."""

    cash: float
    shares: float = 0.0
    entry: dict = field(default_factory=dict)
    best: float = math.nan
    trades: list = field(default_factory=list)
    rejected: list = field(default_factory=list)
    interest: float = 0.0
    borrow_fees: float = 0.0
    equity: list = field(default_factory=list)
    passed: bool = False
    closed: bool = False


def backtest(bars: dict, signals, *, initial_capital=100_000.0, fee_rate=0.001, slippage_bps=0.0,
             position_size=10_000.0, size_type="value", direction="longonly", fill="close", stop_loss_pct=None,
             take_profit_pct=None, trailing_stop_pct=None, fractional_shares=False, exit_after_bars=None,
             atr_stop=None, borrow_rate=0.0, cash_rate=0.0, days=None,
             liquidate_below_pct=None, flat_at=None, clocks=None) -> Account:  # fmt: skip
    """Trades, rejected orders and equity of `signals` on `bars` (lists of floats by lower-case column name).

    atr_stop: distance of the stop from the entry price, by the bar of the entry's signal; NaN for none. days: calendar
    days since the bar before, by bar; none without rates. flat_at: a minute of the day; clocks: the date and the minute
    of each bar.
    """
    account = Account(initial_capital)
    slip = slippage_bps / 10_000
    waiting = 0
    sides = {"longonly": (1,), "longshort": (1, -1), "shortonly": (-1,)}[direction]

    def fee(price, shares):
        return fee_rate * price * shares

    def open_position(bar, price, side, at):
        price = price * (1 + side * slip)
        budget = account.cash * position_size / 100 if size_type == "percent" else position_size
        shares = min(budget / price, account.cash / (price * (1 + fee_rate)))
        if not fractional_shares:
            shares = math.floor(shares + 1e-9)
        if shares <= 0:
            account.rejected.append((bar, "BUY" if side > 0 else "SELL"))
            return
        account.cash -= side * price * shares + fee(price, shares)
        account.shares = side * shares
        distance = math.nan if atr_stop is None else atr_stop[bar if at == "close" else bar - 1]
        account.entry = {
            "bar": bar,
            "price": price,
            "at": at,
            "atr_stop": price - side * distance,
        }
        account.best = price

    def close_position(bar, price, reason, at, slips=True):
        side, shares = math.copysign(1, account.shares), abs(account.shares)
        if slips:
            price = price * (1 - side * slip)
        account.cash += side * price * shares - fee(price, shares)
        record(bar, price, reason, at, fee(price, shares))
        account.shares = 0.0

    def record(bar, price, reason, at, exit_fees):
        side, shares = math.copysign(1, account.shares), abs(account.shares)
        bought = account.entry["price"]
        account.trades.append({
            "side": "BUY" if side > 0 else "SELL", "size": shares,
            "entry_bar": account.entry["bar"], "entry_price": account.entry["price"], "entry_at": account.entry["at"],
            "exit_bar": bar, "exit_price": price, "exit_at": at, "exit_reason": reason,
            "pnl_abs": side * (price - bought) * shares - fee(bought, shares) - exit_fees,
        })  # fmt: skip

    def order(bar, price, signal, at):
        if signal * account.shares < 0:
            close_position(bar, price, "signal", at)
            if direction == "longshort":
                open_position(bar, price, signal, at)
        elif account.shares == 0 and signal in sides:
            open_position(bar, price, signal, at)

    def time_exit(bar, price, signal, at):
        """The signal that may still open: only one against the position that has just been closed."""
        side = math.copysign(1, account.shares)
        if not account.shares:
            return signal
        entry, reason = account.entry["bar"], None
        if exit_after_bars is not None and bar >= entry + exit_after_bars:
            reason = "time_exit"
        if flat_at is not None and bar > entry and clocks[bar] >= (clocks[entry][0], flat_at):
            reason = "flat_at"
        if reason is None:
            return signal
        close_position(bar, price, reason, at)
        return signal if signal == -side else 0

    def night(bar):
        """Interest and borrow fee of the days since the bar before, by the account at its close."""
        value = account.shares * bars["close"][bar - 1]
        idle = account.cash if value >= 0 else account.cash + value
        interest = max(idle, 0.0) * ((1 + cash_rate) ** (days[bar] / 365) - 1)
        fee = max(-value, 0.0) * borrow_rate * days[bar] / 365
        if account.cash + value < 0.0:  # an account below zero earns and pays nothing
            interest = fee = 0.0
        account.interest += interest
        account.borrow_fees += fee
        account.cash += interest - fee

    def liquidate(bar, price, at):
        if account.shares:
            close_position(bar, price, "liquidation", at)
        account.closed = True

    def levels():
        side, entry = math.copysign(1, account.shares), account.entry["price"]
        stops = []
        if stop_loss_pct is not None:
            stops.append((entry * (1 - side * stop_loss_pct / 100), "stop_loss"))
        if not math.isnan(account.entry["atr_stop"]):
            stops.append((account.entry["atr_stop"], "atr_stop"))
        if trailing_stop_pct is not None:
            stops.append((account.best * (1 - side * trailing_stop_pct / 100), "trailing_stop"))
        nearest = max(stops, key=lambda stop: side * stop[0]) if stops else None
        target = (
            entry * (1 + side * take_profit_pct / 100) if take_profit_pct is not None else None
        )
        return side, nearest, target

    def gap(bar):
        side, stop, target = levels()
        price = bars["open"][bar]
        if stop and side * price <= side * stop[0]:
            close_position(bar, price, stop[1], "open")
        elif target is not None and side * price >= side * target:
            close_position(bar, price, "take_profit", "open", slips=False)

    def touch(bar):
        side, stop, target = levels()
        worst, best = (
            (bars["low"][bar], bars["high"][bar])
            if side > 0
            else (bars["high"][bar], bars["low"][bar])
        )
        if stop and side * worst <= side * stop[0]:
            close_position(bar, stop[0], stop[1], "intrabar")
        elif target is not None and side * best >= side * target:
            close_position(bar, target, "take_profit", "intrabar", slips=False)

    last = len(bars["close"]) - 1
    for bar in range(last + 1):
        if days and bar:
            night(bar)
        if account.passed and not account.closed:
            liquidate(bar, bars["open"][bar], "open")
        if account.closed:
            account.equity.append(account.cash)
            continue
        if account.shares:
            gap(bar)
        is_late = flat_at is not None and clocks[bar][1] >= flat_at
        if is_late:
            waiting = 0
        if fill == "next_open":
            waiting = time_exit(bar, bars["open"][bar], waiting, "open")
        if waiting:
            order(bar, bars["open"][bar], waiting, "open")
            if account.shares and account.entry["bar"] == bar:
                gap(bar)
        if account.shares:
            touch(bar)
        waiting = 0
        signal = 0 if is_late else int(signals[bar])
        if fill == "close":
            order(
                bar,
                bars["close"][bar],
                time_exit(bar, bars["close"][bar], signal, "close"),
                "close",
            )
        elif signal * account.shares <= 0:
            # An order is placed, or not, by the position held when its signal appears.
            waiting = signal
        if account.shares:
            nearer = max if account.shares > 0 else min
            account.best = nearer(account.best, bars["close"][bar])
        equity = account.cash + account.shares * bars["close"][bar]
        account.passed = (
            liquidate_below_pct is not None
            and equity <= initial_capital * liquidate_below_pct / 100
        )
        if account.passed and fill == "close":
            liquidate(bar, bars["close"][bar], "close")
            equity = account.cash
        account.equity.append(equity)
    if account.shares:
        record(last, bars["close"][last], "end_of_data", "close", 0.0)
    return account
