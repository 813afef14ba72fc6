"""The charts of a run in words and numbers: title, finding, and the table behind each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.run_result import RunResult
from web.runs import chart_texts

Row = Sequence[str | float | None]


@dataclass(frozen=True, slots=True)
class ChartTable:
    """Column names and rows; dates and words are text, everything else a number."""

    columns: tuple[str, ...]
    rows: Sequence[Row]

    def beside(self, name: str, values: Sequence[float | None]) -> "ChartTable":
        """The same with a column more."""
        rows = [(*row, value) for row, value in zip(self.rows, values, strict=True)]
        return ChartTable((*self.columns, name), rows)


def holding_returns(result: RunResult) -> list[float] | None:
    """Return in percent of buying and holding, per bar, to the Job's own end; None without the prices."""
    candles = result.price_candles
    if not candles or len(candles) != len(result.equity_curve or []):
        return None
    end_pct, last = (result.metrics or {}).get("buy_hold_return_pct") or 0.0, candles[-1]["close"]
    return [((1 + end_pct / 100) * candle["close"] / last - 1) * 100 for candle in candles]


def _equity(result: RunResult) -> ChartTable:
    capital = float(result.request["initial_capital"])
    points = result.portfolio_curve or []
    returns = holding_returns(result)
    holding: Sequence[float | None]
    holding = [None] * len(points) if returns is None else [capital * (1 + change / 100) for change in returns]
    rows = [
        (point["date"], point["total"], point["cash"], point["position"], held)
        for point, held in zip(points, holding, strict=True)
    ]
    return ChartTable(("date", "equity", "cash", "position", "buy and hold"), rows)


def _drawdown(result: RunResult) -> ChartTable:
    rows = [(point["date"], point["drawdown_pct"]) for point in result.drawdown_curve or []]
    return ChartTable(("date", "drawdown %"), rows)


def _orders(result: RunResult) -> ChartTable:
    """The fills of all trades in the order of time."""
    rows: list[tuple[str, str, float, float]] = []
    for trade in result.trades or []:
        sides = ("buy", "sell") if trade["side"] == "BUY" else ("sell", "buy")
        rows.append((trade["entry_timestamp"].replace("T", " "), sides[0], trade["entry_price"], trade["size"]))
        if not trade["is_open"]:
            rows.append((trade["exit_timestamp"].replace("T", " "), sides[1], trade["exit_price"], trade["size"]))
    rows.sort(key=lambda row: row[0])
    return ChartTable(("time", "side", "price", "size"), rows)


def _trade_pnl(result: RunResult) -> ChartTable:
    rows = [
        (
            "still open" if trade["is_open"] else trade["exit_timestamp"].replace("T", " "),
            str(trade["trade_no"] + 1),
            trade["pnl_abs"],
            trade["pnl_pct"],
        )
        for trade in result.trades or []
    ]
    return ChartTable(("closed", "trade", "profit", "return %"), rows)


def _cumulative_return(result: RunResult) -> ChartTable:
    capital = float(result.request["initial_capital"])
    points = result.equity_curve or []
    holding: Sequence[float | None] = holding_returns(result) or [None] * len(points)
    rows = [
        (point["date"], (point["equity"] / capital - 1) * 100, held)
        for point, held in zip(points, holding, strict=True)
    ]
    return ChartTable(("date", "strategy %", "buy and hold %"), rows)


def _candles(result: RunResult) -> ChartTable:
    names = ("open", "high", "low", "close", "volume")
    rows = [
        (candle["date"], *(candle[name] for name in names))  # type: ignore[literal-required]
        for candle in result.price_candles or []
    ]
    return ChartTable(("date", *names), rows)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's title, the numbers behind it, and its finding in words."""

    title: str
    table: Callable[[RunResult], ChartTable]
    finding: Callable[[RunResult], str]


CHARTS = {
    "equity_curve": Chart("Equity", _equity, chart_texts.equity),
    "drawdown_curve": Chart("Drawdown", _drawdown, chart_texts.drawdown),
    "portfolio_orders": Chart("Orders on price", _orders, chart_texts.orders),
    "trade_pnl": Chart("Profit and loss of each trade", _trade_pnl, chart_texts.trade_pnl),
    "cumulative_return": Chart("Cumulative return", _cumulative_return, chart_texts.cumulative_return),
    "candlestick": Chart("Candles", _candles, chart_texts.candlestick),
}


def alt_text(name: str, result: RunResult) -> str:
    """One sentence with the finding of the chart `name` of a completed run; KeyError for an unknown name."""
    return f"{CHARTS[name].finding(result)}."
