"""`python -m tests.peers.differences`: the numbers of docs/differences.md, in the environment of the peers.

One run, MA_CROSS with its defaults over all prices of AAPL, and each tool's metrics of that run's equity and trades;
and what portfolio_table.py measures of random portfolios.
"""

import csv
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pandas as pd
    import quantstats as qs
    import vectorbt as vbt  # noqa: F401  # adds an accessor to pandas
    from backtesting._stats import compute_stats

from adapters.metrics.curves import excursions
from adapters.metrics.measured import Measured
from adapters.metrics.table import performance
from engine.engine import BacktestEngine, BacktestResult
from rules.registry import build_rule
from tests.peers.cases import DATA, real_prices

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tests.peers.portfolio_table import portfolio_table

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
START, END = (
    "<!-- written by tests.peers.differences: start -->\n",
    "<!-- written by tests.peers.differences: end -->\n",
)
CAPITAL, FEE_RATE = 100_000.0, 0.001
MARKET_RFR = 0.02  # TradingView's default, per year


def main() -> int:
    """Write the numbers into the page, or with --check only compare; 1 when they differ."""
    page = PAGE.read_text(encoding="utf-8")
    tables = "".join(f"\n{table()}\n" for table in (metrics_table, fill_table, portfolio_table))
    new_page = re.sub(
        f"{START}.*{END}", lambda _: f"{START}{tables}\n{END}", page, flags=re.DOTALL
    )
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new_page, encoding="utf-8")
    return int("--check" in sys.argv[1:] and page != new_page)


def days() -> np.ndarray:
    """The dates of the prices."""
    with (DATA / "AAPL.csv").open() as file:
        return np.array([row["Date"] for row in csv.DictReader(file)], dtype="M8[ms]")


def run(**settings: object) -> BacktestResult:
    """The run, with half of the equity in each trade."""
    engine = BacktestEngine(
        initial_capital=CAPITAL,
        fee_rate=FEE_RATE,
        position_size=50,
        size_type="percent",
        **settings,
    )
    return engine.run(real_prices("AAPL"), build_rule("MA_CROSS", {}).generate_signals, "AAPL")


def ours(result: BacktestResult) -> dict[str, float]:
    """The platform's metrics."""
    prices = real_prices("AAPL")
    trades = [asdict(each) for each in result.trades]
    trades = [each | excursions(each, prices["High"], prices["Low"]) for each in trades]
    core = {name: getattr(result.metrics, name) for name in CORE}
    run = Measured(
        path=np.append(CAPITAL, result.equity_curve),
        close=prices["Close"],
        timestamps=np.append(days()[0], days()),
        core=core,
        trades=trades,
        fee_rate=FEE_RATE,
        periods_per_year=252,
    )
    return performance(run).metrics


def returns_of(result: BacktestResult) -> pd.Series:
    """Each bar's return."""
    path = np.concatenate(([CAPITAL], result.equity_curve))
    return pd.Series(path[1:] / path[:-1] - 1, index=pd.DatetimeIndex(days()))


def by_backtesting(result: BacktestResult) -> pd.Series:
    """Metrics that backtesting.py computes from the same equity and trades."""
    dates = pd.DatetimeIndex(days())
    trades = pd.DataFrame([asdict(each) for each in result.trades if not each.is_open])
    table = pd.DataFrame(
        {
            "EntryBar": trades.entry_bar,
            "ExitBar": trades.exit_bar,
            "PnL": trades.pnl_abs,
            "ReturnPct": trades.pnl_pct / 100,
            "Duration": dates[trades.exit_bar] - dates[trades.entry_bar],
        }
    )
    return compute_stats(
        table, result.equity_curve, pd.DataFrame(real_prices("AAPL"), index=dates), None
    )


def by_tradingview(returns: pd.Series) -> float:
    """TradingView's Sharpe ratio by its formula: months, 2% a year free of risk, not annualised."""
    months = (1 + returns).groupby(returns.index.to_period("M")).prod() - 1
    return float((months.mean() - MARKET_RFR / 12) / months.std())


def metrics_table() -> str:
    """A row for each metric, a column for each tool."""
    result = run()
    mine, returns, theirs = ours(result), returns_of(result), by_backtesting(result)
    vectorbt = returns.vbt.returns(freq="1D")
    market = {"sharpe_ratio": by_tradingview(returns)}
    rows = []
    for name, of_vectorbt, of_backtesting, of_quantstats, factor in ROWS:
        numbers = [
            mine[name],
            getattr(vectorbt, of_vectorbt)() * factor if of_vectorbt else None,
            theirs[of_backtesting] if of_backtesting else None,
            of_quantstats(returns) * factor if of_quantstats else None,
            market.get(name),
        ]
        rows.append(f"| `{name}` | {' | '.join(map(_cell, numbers))} |")
    return "\n".join([HEAD, "|---|---|---|---|---|---|", *rows])


def _cell(number: float | None) -> str:
    return "" if number is None else f"{number:.4f}"


def fill_table() -> str:
    """Final equity of the same signals, by fill price."""
    ends = [(words, run(**settings)) for words, settings in FILLS]
    rows = [
        f"| {words} | {each.equity_curve[-1]:,.2f} | {len(each.trades)} |" for words, each in ends
    ]
    return "\n".join(["| how orders fill | final equity | trades |", "|---|---|---|", *rows])


HEAD = "| metric | here | vectorbt | backtesting.py | quantstats | TradingView |"
FILLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("at the close of the signal's bar", {}),
    ("at the next bar's open", {"fill": "next_open"}),
    ("at the close, 10 basis points worse", {"slippage_bps": 10}),
    ("at the close, with a stop-loss of 5 %", {"stop_loss_pct": 5}),
    ("at the close, with a trailing stop of 10 %", {"trailing_stop_pct": 10}),
)
CORE = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
Stat = Callable[[pd.Series], float]
ROWS: tuple[tuple[str, str, str, Stat | None, float], ...] = (
    ("total_return_pct", "total", "Return [%]", qs.stats.comp, 100),
    ("cagr", "annualized", "CAGR [%]", qs.stats.cagr, 100),
    ("volatility", "annualized_volatility", "Volatility (Ann.) [%]", qs.stats.volatility, 100),
    ("sharpe_ratio", "sharpe_ratio", "Sharpe Ratio", qs.stats.sharpe, 1),
    ("sortino_ratio", "sortino_ratio", "Sortino Ratio", qs.stats.sortino, 1),
    ("calmar_ratio", "calmar_ratio", "Calmar Ratio", qs.stats.calmar, 1),
    ("max_drawdown_pct", "max_drawdown", "Max. Drawdown [%]", qs.stats.max_drawdown, 100),
    ("var_95_pct", "value_at_risk", "", qs.stats.value_at_risk, 100),
    ("cvar_95_pct", "cond_value_at_risk", "", qs.stats.cvar, 100),
    ("tail_ratio", "tail_ratio", "", qs.stats.tail_ratio, 1),
    ("skewness", "", "", qs.stats.skew, 1),
    ("kurtosis", "", "", qs.stats.kurtosis, 1),
    ("ulcer_index", "", "", qs.stats.ulcer_index, 100),
    ("exposure_pct", "", "Exposure Time [%]", None, 1),
    ("win_rate", "", "Win Rate [%]", None, 1),
    ("profit_factor", "", "Profit Factor", None, 1),
    ("sqn", "", "SQN", None, 1),
)


if __name__ == "__main__":
    raise SystemExit(main())
