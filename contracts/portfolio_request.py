"""What a user asks for of several assets: one account for many runs. Frozen, as the request of a run is."""

from collections.abc import Sequence
from dataclasses import asdict, field, fields
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from contracts.run_request import (
    DEFAULT_CAPITAL,
    About,
    Closed,
    DataHash,
    Params,
    RuleType,
    RunRequest,
    Ticker,
    WidePercent,
    about,
    canonical_hash,
)
from contracts.values import Json, Values, frozen_by_name, picked, without

MAX_LEGS = 500
Mode = Literal["shared", "sleeves"]
Rebalance = Literal["never", "monthly", "quarterly", "yearly"]


class PortfolioStatus(StrEnum):
    """LEGS → TRADING, FAILED or CANCELLED; these two → LEGS when retried. What follows TRADING is its Job's state."""

    LEGS = "LEGS"  # the runs of its legs have not all ended
    TRADING = "TRADING"
    FAILED = "FAILED"  # a leg failed
    CANCELLED = "CANCELLED"


@frozen_by_name
class LegRequest(Closed):
    """One rule on one ticker."""

    ticker: Ticker
    rule_type: RuleType
    params: Params = field(default_factory=dict)
    weight: Annotated[
        Annotated[float, Gt(0), Le(1e6)] | None,
        About(
            "Weight",
            "orders",
            "of its sleeve, relative to the others'; all legs have one, or none has",
        ),
    ] = None
    data_hash: DataHash = None


@frozen_by_name
class Sharing(Closed):
    """How legs share an account: the fields of a portfolio that a run does not have."""

    mode: Annotated[
        Mode,
        About(
            "Account",
            "orders",
            choices=("one for all legs", "a sleeve of the capital for each leg"),
        ),
    ] = "shared"
    max_positions: Annotated[
        Annotated[int, Ge(1), Le(MAX_LEGS)] | None,
        About(
            "Positions at once",
            "orders",
            "whole number, at most open together in a shared account",
        ),
    ] = None
    max_weight_pct: Annotated[
        WidePercent | None,
        About(
            "Largest position",
            "orders",
            "of equity in one ticker, when a position is opened",
            "percent",
        ),
    ] = None
    max_gross_pct: Annotated[
        WidePercent,
        About(
            "Invested at most",
            "orders",
            "of equity, longs and shorts added; 100 without leverage",
            "percent",
        ),
    ] = 100.0
    priority: Annotated[
        Annotated[str, MinLen(1), MaxLen(1000)] | None,
        About(
            "Priority",
            "orders",
            "a formula over bars, the higher first; otherwise the order of the legs",
        ),
    ] = None
    volatility_bars: Annotated[
        Annotated[int, Ge(2), Le(2000)] | None,
        About(
            "Volatility over",
            "orders",
            "whole number: sleeves weigh the inverse of their prices' volatility",
            "bars",
        ),
    ] = None
    rebalance: Annotated[
        Rebalance,
        About(
            "Rebalance", "orders", choices=("never", "every month", "every quarter", "every year")
        ),
    ] = "never"
    rebalance_off_pct: Annotated[
        Annotated[float, Gt(0), Lt(100)] | None,
        About(
            "Rebalance when off by",
            "orders",
            "points of a sleeve's weight, looked at on each bar",
            "percent",
        ),
    ] = None


# in which mode alone a field of Sharing means anything
MODE_OF: dict[str, Mode] = {
    **dict.fromkeys(("max_positions", "max_weight_pct", "max_gross_pct", "priority"), "shared"),
    **dict.fromkeys(("volatility_bars", "rebalance", "rebalance_off_pct"), "sleeves"),
}
SHARING_FIELDS = tuple(each.name for each in fields(Sharing))
# of a run: those that all legs share; what is not among them belongs to a leg, or to its run
TERMS = tuple(
    each.name
    for each in fields(RunRequest)
    if each.name not in ("ticker", "rule_type", "params", "charts")
    and (about(each).asked or each.name == "benchmark_hash")
)


@frozen_by_name
class PortfolioRequest:
    """Several legs in one account. terms: the fields of a run in TERMS, as JSON values, beside the others in JSON."""

    legs: tuple[LegRequest, ...]
    sharing: Sharing
    terms: Values

    def to_json(self) -> Json:
        """This request as plain JSON values, all fields beside each other."""
        return {"legs": [asdict(leg) for leg in self.legs], **self.terms, **asdict(self.sharing)}

    @classmethod
    def from_json(cls, values: Values) -> "PortfolioRequest":
        """The request that `to_json` wrote; trusted, since it was validated at the border."""
        return cls(
            legs=tuple(LegRequest(**leg) for leg in values["legs"]),
            sharing=Sharing(**picked(values, SHARING_FIELDS)),
            terms=picked(values, TERMS),
        )

    def request_hash(self, of_runs: Sequence[str]) -> str:
        """SHA-256 over everything that decides the result; of_runs: the request_hash of each leg's run.

        A field of sharing counts only when it is not at its default, as in the hash of a run.
        """
        sharing = asdict(self.sharing).items() - asdict(Sharing()).items()
        return canonical_hash([dict(sharing), [leg.weight for leg in self.legs], list(of_runs)])

    def run_of(self, number: int) -> Json:
        """The request of a leg's run, as JSON values: a sleeve trades its part of the capital, by the legs' weights."""
        leg = self.legs[number]
        run = {**self.terms, **without(asdict(leg), ("weight",)), "charts": False}
        if self.sharing.mode == "sleeves":
            whole = sum(each.weight or 1.0 for each in self.legs)
            capital = self.terms.get("initial_capital", DEFAULT_CAPITAL)
            # others are refused as a run's
            if type(capital) in (int, float) and abs(capital) <= 1e12:
                run["initial_capital"] = capital * ((leg.weight or 1.0) / whole)
        return run
