"""The request of a portfolio: several assets in one account. Frozen, like the request of a run."""

from collections.abc import Sequence
from dataclasses import asdict, field, fields
from enum import StrEnum
from textwrap import shorten
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
Mode = Literal["shared", "sleeves", "ranked"]
Rebalance = Literal["never", "monthly", "quarterly", "yearly", "weekly", "ranking"]
Weights = Literal["equal", "inverse_volatility", "score"]
Expression = Annotated[str, MinLen(1), MaxLen(1000)]  # of the language of FORMULA
RANKED = "RANKED"  # in place of a rule: which assets are bought follows from their ranks
# the run of a ranked leg by itself
HOLD: Json = {
    "rule_type": "FORMULA",
    "params": {"buy": "close > 0", "sell": "close < 0", "inputs": {}},
}


class PortfolioStatus(StrEnum):
    """LEGS → TRADING, FAILED or CANCELLED; a retry moves the last two to LEGS. Then its Job's state decides."""

    LEGS = "LEGS"  # some runs of its legs have not ended
    TRADING = "TRADING"
    FAILED = "FAILED"  # a leg failed
    CANCELLED = "CANCELLED"


@frozen_by_name
class LegRequest(Closed):
    """One rule on one ticker; with mode ranked a ticker alone."""

    ticker: Ticker
    rule_type: RuleType = RANKED
    params: Params = field(default_factory=dict)
    weight: Annotated[
        Annotated[float, Gt(0), Le(1e6)] | None,
        About(
            "Weight",
            "orders",
            "share of the capital relative to other legs; set it for all legs or none",
        ),
    ] = None
    data_hash: DataHash = None


@frozen_by_name
class Sharing(Closed):
    """Sharing of one account among legs: the fields of a portfolio that a run does not have.

    With mode ranked no leg has a rule: at each rebalancing the assets with the highest scores are bought.
    """

    mode: Annotated[
        Mode,
        About(
            "Account",
            "orders",
            choices=(
                "shared account",
                "separate capital per ticker",
                "rotation into the best by score",
            ),
        ),
    ] = "shared"
    max_positions: Annotated[
        Annotated[int, Ge(1), Le(MAX_LEGS)] | None,
        About(
            "Max positions",
            "orders",
            "whole number, open at the same time",
        ),
    ] = None
    max_weight_pct: Annotated[
        WidePercent | None,
        About(
            "Max position size",
            "orders",
            "of equity in one ticker, at entry",
            "percent",
        ),
    ] = None
    max_gross_pct: Annotated[
        WidePercent,
        About(
            "Max gross exposure",
            "orders",
            "of equity, longs plus shorts; 100 means no leverage",
            "percent",
        ),
    ] = 100.0
    priority: Annotated[
        Expression | None,
        About(
            "Priority",
            "orders",
            "a formula, highest value first; by default the order of the legs",
        ),
    ] = None
    volatility_bars: Annotated[
        Annotated[int, Ge(2), Le(2000)] | None,
        About(
            "Volatility window",
            "orders",
            "whole number; weights capital by inverse volatility",
            "bars",
        ),
    ] = None
    rebalance: Annotated[
        Rebalance,
        About(
            "Rebalance",
            "orders",
            choices=(
                "never",
                "monthly",
                "quarterly",
                "yearly",
                "weekly",
                "when the ranking changes",
            ),
        ),
    ] = "never"
    rebalance_off_pct: Annotated[
        Annotated[float, Gt(0), Lt(100)] | None,
        About(
            "Rebalance threshold",
            "orders",
            "points off the target weight, checked on each bar",
            "percent",
        ),
    ] = None
    score: Annotated[
        Expression | None,
        About(
            "Score", "orders", "a formula over bars: assets are ranked by it, the higher first"
        ),
    ] = None
    keep: Annotated[
        Expression | None,
        About("Eligible while", "orders", "a condition over bars; otherwise all with a score"),
    ] = None
    inputs: Annotated[
        Annotated[dict[str, float], MaxLen(12)],
        About("Inputs", "orders", "numbers named in the formulas, such as n = 126"),
    ] = field(default_factory=dict)
    top: Annotated[
        Annotated[int, Ge(1), Le(MAX_LEGS)] | None,
        About("Top", "orders", "whole number of assets that are bought"),
    ] = None
    bottom: Annotated[
        Annotated[int, Ge(1), Le(MAX_LEGS)] | None,
        About("Bottom", "orders", "whole number of assets that are sold short"),
    ] = None
    buffer: Annotated[
        int,
        Ge(0),
        Le(MAX_LEGS),
        About(
            "Buffer",
            "orders",
            "whole number of ranks below the top within which a position is kept",
        ),
    ] = 0
    weights: Annotated[
        Weights,
        About(
            "Weights",
            "orders",
            choices=("equal", "inverse volatility", "proportional to the score"),
        ),
    ] = "equal"

    def chosen(self) -> Json:
        """Return the fields that are not at their default."""
        defaults = asdict(Sharing())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}


# the modes in which a field of Sharing has an effect
MODES_OF: dict[str, tuple[Mode, ...]] = {
    **dict.fromkeys(
        ("max_positions", "max_weight_pct", "max_gross_pct", "priority"), ("shared",)
    ),
    **dict.fromkeys(("volatility_bars", "rebalance"), ("sleeves", "ranked")),
    "rebalance_off_pct": ("sleeves",),
    **dict.fromkeys(
        ("score", "keep", "inputs", "top", "bottom", "buffer", "weights"), ("ranked",)
    ),
}
SHARING_FIELDS = tuple(each.name for each in fields(Sharing))
# fields of a run that all legs share; all others belong to a leg, or to its run
TERMS = tuple(
    each.name
    for each in fields(RunRequest)
    if each.name not in ("ticker", "rule_type", "params", "charts")
    and (about(each).in_forms or each.name == "benchmark_hash")
)


@frozen_by_name
class PortfolioRequest:
    """Several legs in one account. terms: the fields of a run in TERMS, as JSON values; in JSON at the top level."""

    legs: tuple[LegRequest, ...]
    sharing: Sharing
    terms: Values

    def to_json(self) -> Json:
        """Return this request as plain JSON values, all fields at one level."""
        return {"legs": [asdict(leg) for leg in self.legs], **self.terms, **asdict(self.sharing)}

    @classmethod
    def from_json(cls, values: Values) -> "PortfolioRequest":
        """Return the request that `to_json` wrote; trusted, since it was validated when it was submitted."""
        return cls(
            legs=tuple(LegRequest(**leg) for leg in values["legs"]),
            sharing=Sharing(**picked(values, SHARING_FIELDS)),
            terms=picked(values, TERMS),
        )

    @property
    def label(self) -> str:
        """Name of a ranked portfolio in lists: top 3 of 20, monthly, n = 63."""
        sharing = self.sharing
        inputs = [f"{name} = {value:g}" for name, value in sharing.inputs.items()]
        parts = [f"top {sharing.top} of {len(self.legs)}", sharing.rebalance, *inputs]
        return shorten(", ".join(parts), 64, placeholder=" …")

    def request_hash(self, of_runs: Sequence[str]) -> str:
        """Return the SHA-256 over everything that decides the result; of_runs: the request_hash of each leg's run.

        A field of sharing at its default is left out, as in the hash of a run.
        """
        weights = [leg.weight for leg in self.legs]
        return canonical_hash([self.sharing.chosen(), weights, list(of_runs)])

    def run_of(self, number: int) -> Json:
        """Return the request of a leg's run as JSON values; a sleeve gets its part of the capital by the weights."""
        leg = self.legs[number]
        run = {**self.terms, **without(asdict(leg), ("weight",)), "charts": False}
        if self.sharing.mode == "ranked":
            return run | HOLD
        if self.sharing.mode == "sleeves":
            total_weight = sum(each.weight or 1.0 for each in self.legs)
            capital = self.terms.get("initial_capital", DEFAULT_CAPITAL)
            # another value is refused later, as that of a run
            if type(capital) in (int, float) and abs(capital) <= 1e12:
                run["initial_capital"] = capital * ((leg.weight or 1.0) / total_weight)
        return run
