"""Golden results of the shipped prices; `python -m tests.golden.remake` writes them again after an intended change."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from engine.engine import BacktestEngine, BacktestResult
from rules.registry import build_rule
from tests.rules.loops import EVALUATED
from tests.services.prices import read_prices

FOLDER = Path(__file__).parent
DATA = FOLDER.parents[1] / "data"
TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "longshort at the next open": {"direction": "longshort", "fill": "next_open", "slippage_bps": 5},
    "percent of equity in fractions": {"size_type": "percent", "position_size": 95, "fractional_shares": True},
    "all three stops": {"stop_loss_pct": 5, "take_profit_pct": 12, "trailing_stop_pct": 8},
    "longshort with stops at the next open": {
        "direction": "longshort", "fill": "next_open", "stop_loss_pct": 4, "take_profit_pct": 10, "slippage_bps": 10,
    },
}  # fmt: skip


def golden(ticker: str) -> dict[str, Any]:
    """Every rule under every setting: metrics, counts, and samples of trades and equity at 10 significant digits."""
    prices = read_prices(DATA, ticker, "1d", date(2000, 1, 1), date(2013, 12, 31))
    signals = {
        name: build_rule(name, {}).generate_signals(prices.bars.columns) for name in EVALUATED
    }
    return {
        f"{name}, {label}": summary(
            BacktestEngine(**settings).run(
                prices.bars.columns, lambda _, s=signals[name]: s, ticker
            )
        )
        for name in EVALUATED
        for label, settings in SETTINGS.items()
    }


def summary(result: BacktestResult) -> dict[str, Any]:
    """Summarize one run: a change of any fill changes the sums."""
    trades = result.trades
    values: dict[str, Any] = {
        "total_return_pct": result.metrics.total_return_pct,
        "sharpe_ratio": result.metrics.sharpe_ratio,
        "max_drawdown_pct": result.metrics.max_drawdown_pct,
        "num_trades": result.metrics.num_trades,
        "rejected_orders": len(result.rejected_orders),
        "exits": sum(trade.exit_bar for trade in trades),
        "sum_of_fees": sum(trade.entry_fees + trade.exit_fees for trade in trades),
        "sum_of_equity": float(result.equity_curve.sum()),
        "equity_samples": result.equity_curve[:: max(1, len(result.equity_curve) // 8)].tolist(),
        "last_trade": [
            trades[-1].size,
            trades[-1].entry_bar,
            trades[-1].entry_price,
            trades[-1].exit_price,
        ]
        if trades
        else None,
    }
    return {name: rounded(value) for name, value in values.items()}


def rounded(value: Any) -> Any:
    """Floats at 10 significant digits."""
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


if __name__ == "__main__":
    for each in TICKERS:
        (FOLDER / f"{each}.json").write_text(json.dumps(golden(each), indent=1) + "\n")
