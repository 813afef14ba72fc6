"""Rotation at the border: the faults of a ranked portfolio, and sweeps over its fields."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, Literal

from adapters.plans.expansion import Expansion
from adapters.prices.store import PriceStore
from contracts.errors import InvalidRequest
from contracts.portfolio_request import (
    MAX_LEGS,
    RANKED,
    SHARING_FIELDS,
    PortfolioRequest,
    Sharing,
)
from contracts.run_request import RunRequest, about
from contracts.values import Json, Values, picked, without
from rules.catalog import RULES
from rules.language import FormulaError, Market, open_names, series_fault
from web.app import platform
from web.batches.submission import read_sweep
from web.prices import market_of
from web.runs.validation import Faults, ValidRequest

# positions end when their rank does, or the account
REFUSED_TERMS = tuple(
    each.name
    for each in fields(RunRequest)
    if about(each).section == "stops" and each.name != "liquidate_below_pct"
)
# of equity, for all positions together
WHOLE_ACCOUNT = {"size_type": "percent", "position_size": 100}
# formulas, and what each gives on a bar
TEXTS: dict[str, Literal["number", "condition"]] = {"score": "number", "keep": "condition"}
_INPUTS = next(param for param in RULES["FORMULA"].params if param.name == "inputs")


def is_ranked(values: Any) -> bool:
    """Return whether the values of a portfolio, or of the section of a sweep, have mode ranked."""
    return isinstance(values, dict) and values.get("mode") == "ranked"


def read_ranked(values: Json) -> Expansion:
    """Expand a sweep over the fields of a ranked portfolio; InvalidRequest with faults by field.

    Its rule is RANKED, and the section portfolio the rule's params.
    """
    base = values.get("base")
    if isinstance(base, dict):
        base = without(base, ("rule_type", "params")) | {
            "rule_type": RANKED,
            "params": values["portfolio"],
        }
    sweep = without(values, ("portfolio",)) | {"base": base}
    most = platform().settings.max_bulk_runs
    try:
        return read_sweep(sweep, most, {RANKED: asdict(Sharing())})
    except InvalidRequest as error:
        faults = {
            field.replace("base.params", "portfolio"): fault
            for field, fault in error.errors.items()
        }
        raise InvalidRequest(faults, str(error)) from None


def place_in_sweep(sweep: Expansion, field: str) -> str:
    """Return the place of a portfolio's field in the sweep that it was made of."""
    if field.startswith("legs"):
        return "base.tickers"
    if field in sweep.swept:
        return f"parameters.{field}"
    return f"portfolio.{field}" if field.partition(".")[0] in SHARING_FIELDS else f"base.{field}"


def assets_of(of_batch: Values) -> Json:
    """Return the tickers of a batch's runs as legs, with the terms that a ranked portfolio has."""
    tickers = dict.fromkeys(leg["ticker"] for leg in of_batch["legs"])
    terms = without(of_batch, (*WHOLE_ACCOUNT, *REFUSED_TERMS))
    return terms | {"legs": [{"ticker": ticker} for ticker in tickers]}


def portfolio_values(sweep: Expansion, params: Values) -> Json:
    """Return the portfolio of a combination of a sweep."""
    label = {"label": sweep.spec.name[:64]} if sweep.spec.name else {}
    terms = without(sweep.base, ("rule_type", "params", "charts", "data_hash"))
    return {**label, **terms, **params, "legs": [{"ticker": each} for each in sweep.tickers]}


def ranked_faults(values: Values, sharing: Sharing, market: Market) -> Faults:
    """Return the faults of the fields of a ranked portfolio, those of its legs aside."""
    faults = dict(_formula_faults(sharing, market)) | dict(_term_faults(values, sharing))
    legs = values.get("legs")
    if isinstance(legs, list) and legs:
        faults |= _count_faults(sharing, len(legs))
    return faults


def market_of_legs(values: Values, prices: PriceStore) -> Market:
    """Return the series that a text for all legs may name: the further columns that all of them have."""
    legs = values["legs"] if isinstance(values.get("legs"), list) else []
    markets = [
        market_of({**values, **leg}, prices)
        for leg in legs[:MAX_LEGS]
        if isinstance(leg, dict) and isinstance(leg.get("ticker"), str)
    ]
    columns = set[str]().union(*(each.columns for each in markets))
    common = [name for name in sorted(columns) if all(name in each.columns for each in markets)]
    return Market(markets[0].timeframe if markets else "", common, _no_other)


def _no_other(ticker: str) -> list[str]:
    raise LookupError(f"`{ticker}`: a text that all legs share cannot name another ticker")


def _formula_faults(sharing: Sharing, market: Market) -> Iterator[tuple[str, str]]:
    inputs = _INPUTS.faults(sharing.inputs, "inputs")
    yield from inputs.items()
    if sharing.score is None:
        yield "score", "required with mode ranked: a number over bars, such as roc(close, 126)"
    if inputs:
        return
    numbers = tuple(sharing.inputs.items())
    texts = {name: text for name in TEXTS if (text := getattr(sharing, name))}
    for name, text in texts.items():
        if fault := series_fault(text, TEXTS[name], numbers, market):
            yield name, fault.with_place(text)
    try:
        used = open_names(*texts.values())
    except FormulaError:
        return
    for name in sharing.inputs.keys() - {*used}:
        yield f"inputs.{name}", f"neither score nor keep names {name}"


def _term_faults(values: Values, sharing: Sharing) -> Iterator[tuple[str, str]]:
    direction = values.get("direction", "longonly")
    bottom, only = sharing.bottom, "is not accepted with mode ranked"
    if sharing.rebalance == "never":
        yield (
            "rebalance",
            f"'never' {only}; accepted: weekly, monthly, quarterly, yearly, ranking",
        )
    if direction == "shortonly":
        yield "direction", f"'shortonly' {only}; use longonly or longshort with bottom"
    elif direction == "longonly" and bottom:
        yield (
            "bottom",
            f"{bottom} assets cannot be sold short with direction longonly; use longshort",
        )
    elif direction == "longshort" and not bottom:
        yield "bottom", "required with direction longshort: how many assets are sold short"
    if values.get("size_type") == "value":
        size = "position_size is percent of equity, for all positions together"
        yield "size_type", f"'value' {only}: {size}"
    if sharing.weights == "inverse_volatility" and not sharing.volatility_bars:
        bars = "a number of bars from 2 to 2000"
        yield "volatility_bars", f"required with weights inverse_volatility: {bars}"
    for name in REFUSED_TERMS:
        if values.get(name) not in (None, RunRequest.__dataclass_fields__[name].default):
            yield name, f"{values[name]!r} {only}, in which ranks end a position"


def _count_faults(sharing: Sharing, legs: int) -> Faults:
    top, bottom = sharing.top or 0, sharing.bottom or 0
    if not top:
        return {"top": f"required with mode ranked: whole number from 1 to {legs}, the legs"}
    if top > legs:
        return {"top": f"{top} is more than the {legs} legs; accepted: 1 to {legs}"}
    if (most := legs - top) < bottom:
        fault = f"{bottom} with top {top} are more than the {legs} legs; accepted: at most {most}"
        return {"bottom": fault}
    if (most := most - bottom) < sharing.buffer:
        fault = f"{sharing.buffer} reaches beyond the {legs} legs; accepted: 0 to {most}"
        return {"buffer": fault}
    return {}


def ranked_job(
    portfolio: PortfolioRequest, runs: Sequence[ValidRequest], batch_id: str | None = None
) -> ValidRequest:
    """Return the Job that trades a ranked portfolio; runs: of its legs, which are not run themselves."""
    job = RunRequest.from_json(
        runs[0].request.to_json()
        | {"rule_type": RANKED, "params": without(portfolio.sharing.chosen(), ("mode",))}
        | {"rule_id": portfolio.label, "batch_id": batch_id}
        | picked(portfolio.terms, ("initial_capital",))
    )
    hashes = [valid.request_hash for valid in runs]
    return ValidRequest(job, portfolio.request_hash(hashes), portfolio)
