"""Results of the platform: the JSON of its answers, with pandas objects for notebooks (the extra `notebook`)."""

from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

from backtests.output import flat_params
from backtests.transport import BadInput, Json, Transport, quoted

if TYPE_CHECKING:
    import pandas as pd

PAGE = 2000  # runs in one answer


def extra(module: str, name: str = "notebook") -> Any:
    """Import a library of an extra; BadInput when it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        library = module.partition(".")[0]
        message = (
            f"{library} is not installed: pip install {library}, or the client's extra {name}"
        )
        raise BadInput(message) from None


class Answer(dict[str, Any]):
    """JSON object of the platform that `client` has read."""

    def __init__(self, client: Transport, values: Json) -> None:
        super().__init__(values)
        self._client = client

    def _part(self, name: str) -> Any:
        """Return a part that only a completed result has; BadInput when there is none."""
        if self.get(name) is None:
            why = self.get("error_message") or f"its status is {self['status']}"
            raise BadInput(f"the result has no {name}: {why}")
        return self[name]


class Account(Answer):
    """Result with an account over time: a run or a portfolio."""

    @property
    def equity(self) -> "pd.Series[float]":
        """Equity after each bar, by date."""
        return self._frame("equity_curve")["equity"]

    @property
    def returns(self) -> "pd.Series[float]":
        """Return of each bar as a fraction; the first is relative to the initial capital."""
        equity = self.equity
        before = equity.shift(fill_value=self["request"]["initial_capital"])
        return (equity / before - 1).rename("return")

    @property
    def trades(self) -> "pd.DataFrame":
        """Trades by number, with times in UTC."""
        pd, trades = extra("pandas"), self._part("trades")
        table = pd.DataFrame(trades).rename_axis("trade_no")
        times = [name for name in table if name.endswith("_timestamp")]
        table[times] = table[times].apply(pd.to_datetime, utc=True)
        return table.drop(columns="trade_no", errors="ignore")

    def quantstats(self, report: str = "metrics", **options: object) -> Any:
        """Call a report of quantstats, such as "metrics", "full" or "html", with the returns of each bar."""
        reports = extra("quantstats.reports", "quantstats")
        page = f"{self._client.url}/docs/differences.html"
        print(f"Why some numbers differ from the platform's: {page}")
        return getattr(reports, report)(self.returns, **options)

    def _frame(self, part: str) -> "pd.DataFrame":
        """Return a list of points with a date as a table by date."""
        pd = extra("pandas")
        table = pd.DataFrame(self._part(part)).set_index("date")
        return table.set_index(pd.to_datetime(table.index))


class Run(Account):
    """One run."""

    @property
    def bars(self) -> "pd.DataFrame":
        """Open, high, low, close and volume of the bars that the run traded, by date."""
        return self._frame("price_candles")

    def show(self, *charts: str) -> None:
        """Display charts of the run's page as pictures, which stay visible on GitHub, and a link to the page.

        charts: equity_curve and candlestick by default; also drawdown_curve, portfolio_orders, trade_pnl,
        cumulative_return.
        """
        display = extra("IPython.display").display
        page = f"/result/{quoted(self['run_id'])}"
        pictures = [
            self._client.read(f"{page}/charts/{quoted(name)}.png")
            for name in charts or ("equity_curve", "candlestick")
        ]
        title = "{ticker} {rule_type}".format_map(self["request"])
        url = self._client.url + page
        display({"text/markdown": f"[{title}]({url})", "text/plain": f"{title}: {url}"}, raw=True)
        for picture in pictures:
            display({"image/png": picture, "text/plain": "chart"}, raw=True)


class Batch(Answer):
    """Runs that were submitted together."""

    @property
    def table(self) -> "pd.DataFrame":
        """All runs by run_id: ticker, rule, status, params as `params.<name>`, and metrics."""
        return _table(
            list(runs_of(self._client, self["batch_id"])),
            "run_id",
            ("ticker", "rule_type", "status"),
        )


class Screen(Answer):
    """Grid of parameters that was tried in one Job for each ticker."""

    @property
    def leaderboard(self) -> "pd.DataFrame":
        """The best rows by rank: number, ticker, params as `params.<name>`, and metrics."""
        rows = [{"rank": rank, **row} for rank, row in enumerate(self["leaderboard"], start=1)]
        return _table(rows, "rank", ("number", "ticker"))


class Portfolio(Account):
    """Several legs in one account."""

    @property
    def weights(self) -> "pd.DataFrame":
        """Value of each leg's position as a fraction of equity, negative where short; the rest is cash.

        By date, at most some hundreds of them, one column for each leg.
        """
        pd, weights = extra("pandas"), self._part("weights")
        names = [f"{leg['ticker']} {leg['rule_id'] or leg['rule_type']}" for leg in self["legs"]]
        money = pd.DataFrame(dict(enumerate(weights["money"])), pd.to_datetime(weights["dates"]))
        return money.div(self.equity.reindex(money.index), axis=0).set_axis(names, axis=1)


def runs_of(client: Transport, batch_id: str) -> Iterator[Json]:
    """Yield all runs of a batch with their metrics, without their curves."""
    after: str | None = ""
    while after is not None:
        path = f"/api/batches/{quoted(batch_id)}/runs"
        page = client.get(path, limit=PAGE, after=after)
        yield from page["runs"]
        after = page["next_after"]


def _table(rows: list[Json], index: str, columns: tuple[str, ...]) -> "pd.DataFrame":
    flat = [
        {name: row[name] for name in (index, *columns)}
        | flat_params(row["params"], "params.")
        | (row["metrics"] or {})
        for row in rows
    ]
    names = dict.fromkeys(chain((index, *columns), *flat))
    return extra("pandas").DataFrame(flat, columns=list(names)).set_index(index)
