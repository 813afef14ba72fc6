"""What a user asks for: one backtest. Frozen: fields are never removed or renamed, a new field has a default."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

Timeframe = Literal["1d", "1h", "5m"]
SizeType = Literal["value", "percent"]
Direction = Literal["longonly", "longshort"]
Fill = Literal["close", "next_open"]

# What the run is called and how it is shown; two requests that differ only here have the same result.
LABEL_FIELDS = frozenset({"run_id", "rule_id", "batch_id", "label", "charts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One backtest, as the web tier accepted it and as the Job runs it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    ticker: Annotated[str, MinLen(1), MaxLen(15)]
    rule_type: Annotated[str, MinLen(1), MaxLen(32)]
    start_date: date
    end_date: date
    run_id: Annotated[str, MinLen(36), MaxLen(36)] | None = None  # UUID4, issued by the web tier
    params: dict[str, Any] = field(default_factory=dict)  # as sent; the rule catalog knows the bounds
    rule_id: Annotated[str, MaxLen(64)] | None = None  # a label only; never drives execution
    initial_capital: Annotated[float, Gt(0), Le(1e12)] = 100_000.0  # money
    fee_rate: Annotated[float, Ge(0), Lt(0.1)] = 0.001  # fraction of traded value, each side
    slippage_bps: Annotated[float, Ge(0), Le(1000)] = 0.0  # basis points against the trade, each side
    position_size: Annotated[float, Gt(0), Le(1e12)] = 10_000.0  # money, or percent (≤ 100) of equity
    size_type: SizeType = "value"
    direction: Direction = "longonly"
    timeframe: Timeframe = "1d"
    fill: Fill = "close"  # at the close of the signal's bar, or at the next bar's open
    stop_loss_pct: Annotated[float, Gt(0), Lt(100)] | None = None  # percent of the entry price
    take_profit_pct: Annotated[float, Gt(0), Le(1000)] | None = None  # percent of the entry price
    trailing_stop_pct: Annotated[float, Gt(0), Lt(100)] | None = None  # percent of the best price since entry
    fractional_shares: bool = False
    risk_free_rate: Annotated[float, Ge(0), Lt(1)] = 0.0  # fraction per year, for the Sharpe and Sortino ratios
    charts: bool = True  # whether the Job renders the PNG charts
    batch_id: Annotated[str, MinLen(1), MaxLen(64)] | None = None
    label: Annotated[str, MaxLen(64)] | None = None

    def to_json(self) -> dict[str, Any]:
        """This request as plain JSON values; dates as YYYY-MM-DD. `params` is this request's own: do not change it."""
        values = {name: getattr(self, name) for name in FIELD_NAMES}  # asdict copies each value, at ten times the cost
        values["start_date"] = self.start_date.isoformat()
        values["end_date"] = self.end_date.isoformat()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RunRequest":
        """The request that `to_json` wrote; trusted, since it was validated at the border."""
        known = {name: values[name] for name in FIELD_NAMES if name in values}
        known["start_date"] = date.fromisoformat(known["start_date"])
        known["end_date"] = date.fromisoformat(known["end_date"])
        return cls(**known)


FIELD_NAMES = tuple(each.name for each in fields(RunRequest))


def canonical_json(values: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def request_hash(request: RunRequest, full_params: Mapping[str, Any]) -> str:
    """SHA-256 over everything that decides the result; `full_params` are the params with their defaults filled in."""
    values = {name: value for name, value in request.to_json().items() if name not in LABEL_FIELDS}
    values["params"] = dict(full_params)
    return hashlib.sha256(canonical_json(_floats(values)).encode()).hexdigest()


def _floats(value: Any) -> Any:
    """The same values with every number as a float, since 100000 and 100000.0 ask for the same run."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return value
