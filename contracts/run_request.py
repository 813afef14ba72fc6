"""The request of one backtest. Frozen: fields are never removed or renamed, a new field has a default."""

import hashlib
import json
import re
from dataclasses import Field, field, fields
from datetime import date
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, Predicate

from contracts.timeframes import IN_WORDS
from contracts.timeframes import Timeframe as Timeframe
from contracts.values import Json, Values, frozen, frozen_by_name, picked, without

SizeType = Literal["value", "percent"]
Direction = Literal["longonly", "longshort", "shortonly"]
Fill = Literal["close", "next_open"]

Section = Literal["market", "rule", "orders", "stops", "label"]


@frozen
class About:
    """Texts of a field for forms, messages, presets and the API's description.

    The sections rule, orders and stops of a request are its strategy, which a preset keeps; market is what it trades
    and when. Two requests that differ only in fields of the section label have the same result.
    """

    title: str
    section: Section
    help: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()  # names of a Literal's values in forms, in their order
    in_forms: bool = True  # False: not filled in by people
    suggested: Any = None  # initial value in forms where it is not the default
    added_later: bool = False  # see Newer


# a field that was added after hashes of requests were recorded: at its default it is left out of the hash
Newer = partial(About, added_later=True)


class Closed:
    """Base of requests and their parts: unknown fields are refused."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Json] = {"extra": "forbid"}


Percent = Annotated[float, Gt(0), Lt(100)]
WidePercent = Annotated[float, Gt(0), Le(1000)]  # percent, may be over 100
Money = Annotated[float, Gt(0), Le(1e12)]
Rate = Annotated[float, Ge(0), Lt(1)]  # per year
Text = Annotated[str, MaxLen(64)]
Uuid = Annotated[str, MinLen(36), MaxLen(36)]
Symbol = Annotated[str, MinLen(1), MaxLen(15)]


def _is_tag(text: str) -> bool:
    return text.isprintable() and text == text.strip() and "," not in text


def _is_note(text: str) -> bool:
    return all(each.isprintable() or each in "\n\t" for each in text)


def _are_distinct(texts: list[str]) -> bool:
    return len({*texts}) == len(texts)


TAG_LENGTH = 32
NOTE_LENGTH = 2000  # characters of the note on a run or plan
MOST_TAGS = 10  # of a run
Tag = Annotated[str, MinLen(1), MaxLen(TAG_LENGTH), Predicate(_is_tag)]
Tags = Annotated[list[Tag], MaxLen(MOST_TAGS), Predicate(_are_distinct)]
TAG_HELP = "to filter runs by; no duplicates, no commas"


def about(field_: Field[Any]) -> About:
    """Return the About that the type of a dataclass field is annotated with."""
    texts: About = next(each for each in field_.type.__metadata__ if isinstance(each, About))  # type: ignore[union-attr]
    return texts


DEFAULT_CAPITAL = 100_000.0
# fields that a leg of a portfolio has, too
Ticker = Annotated[Symbol, About("Ticker", "market", "A-Z 0-9 . ^ = -")]
RuleType = Annotated[
    str, MinLen(1), MaxLen(32), About("Trading rule", "rule", "a name in the catalog, /api/rules")
]
Params = Annotated[Json, About("Parameters", "rule", "see the rule's page for accepted values")]
Sha256 = Annotated[str, MinLen(64), MaxLen(64)]


def minute_of_day(clock: str) -> int | None:
    """Return the minutes from midnight of a time of day as HH:MM; None for another text."""
    digits = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", clock)
    return int(digits[1]) * 60 + int(digits[2]) if digits else None


def _is_clock(text: str) -> bool:
    return minute_of_day(text) is not None


Clock = Annotated[str, MinLen(5), MaxLen(5), Predicate(_is_clock)]
DataHash = Annotated[
    Sha256 | None,
    Newer("Prices", "market", "a version of the ticker's prices", in_forms=False),
]


@frozen_by_name
class RunRequest(Closed):
    """One backtest, as the web tier accepted it and as the Job runs it."""

    ticker: Ticker
    rule_type: RuleType
    start_date: Annotated[date, About("From", "market", "first day, included")]
    end_date: Annotated[date, About("To", "market", "last day, included")]
    run_id: Annotated[
        Uuid | None,
        About("Run", "label", "UUID4, assigned on submission", in_forms=False),
    ] = None
    params: Params = field(default_factory=dict)
    rule_id: Annotated[
        Text | None,
        About("Name", "label", "a label only; does not affect the result", in_forms=False),
    ] = None
    initial_capital: Annotated[Money, About("Initial capital", "orders", unit="money")] = (
        DEFAULT_CAPITAL
    )
    fee_rate: Annotated[
        float,
        Ge(0),
        Lt(0.1),
        About("Fee rate", "orders", "of the traded value, each side", "fraction"),
    ] = 0.001
    slippage_bps: Annotated[
        float,
        Ge(0),
        Le(1000),
        About("Slippage", "orders", "each side", "basis points"),
    ] = 0.0
    position_size: Annotated[
        Money,
        About(
            "Position size",
            "orders",
            "money per trade, or up to 100 % of equity",
            suggested=100,
        ),
    ] = 10_000.0
    size_type: Annotated[
        SizeType,
        About(
            "Sizing",
            "orders",
            choices=("money per trade", "% of equity"),
            suggested="percent",
        ),
    ] = "value"
    direction: Annotated[
        Direction,
        About("Direction", "orders", choices=("long only", "long and short", "short only")),
    ] = "longonly"
    timeframe: Annotated[
        Timeframe, About("Timeframe", "market", choices=(*IN_WORDS.values(),))
    ] = "1d"
    data_hash: DataHash = None
    fill: Annotated[
        Fill, About("Fill price", "orders", choices=("signal bar's close", "next bar's open"))
    ] = "close"
    stop_loss_pct: Annotated[
        Percent | None, About("Stop loss", "stops", "of the entry price", "percent")
    ] = None
    take_profit_pct: Annotated[
        WidePercent | None,
        About("Take profit", "stops", "of the entry price", "percent"),
    ] = None
    trailing_stop_pct: Annotated[
        Percent | None,
        About("Trailing stop", "stops", "of the best close since the entry", "percent"),
    ] = None
    exit_after_bars: Annotated[
        Annotated[int, Ge(1), Le(100_000)] | None,
        Newer("Time exit", "stops", "whole number, after the entry bar", "bars"),
    ] = None
    flat_at: Annotated[
        Clock | None,
        Newer(
            "Flat at",
            "stops",
            "HH:MM by the exchange's clock, such as 15:55; intraday bars only",
        ),
    ] = None
    atr_stop_multiple: Annotated[
        Annotated[float, Gt(0), Le(50)] | None,
        Newer(
            "ATR stop", "stops", "distance from the entry price, by the ATR at entry", "times ATR"
        ),
    ] = None
    atr_stop_period: Annotated[
        int,
        Ge(2),
        Le(200),
        Newer("ATR period", "stops", "whole number, for the ATR stop", "bars"),
    ] = 14
    liquidate_below_pct: Annotated[
        Annotated[float, Ge(0), Lt(100)] | None,
        Newer(
            "Liquidation",
            "stops",
            "of the initial capital; at or below it the account is closed for good",
            "percent",
            suggested=0,
        ),
    ] = None
    fractional_shares: Annotated[
        bool, About("Fractional shares", "orders", "allow fractions of a share")
    ] = False
    risk_free_rate: Annotated[
        Rate,
        About("Risk-free rate", "orders", "per year, for Sharpe and Sortino", "fraction"),
    ] = 0.0
    borrow_rate: Annotated[
        Rate,
        Newer("Borrow fee", "orders", "per year, on the value of short positions", "fraction"),
    ] = 0.0
    cash_rate: Annotated[
        Rate,
        Newer("Interest on cash", "orders", "per year, on idle cash", "fraction"),
    ] = 0.0
    bars_per_year: Annotated[
        Annotated[int, Ge(1), Le(200_000)] | None,
        Newer(
            "Bars per year", "market", "whole number; by default counted from the prices", "bars"
        ),
    ] = None
    benchmark: Annotated[
        Symbol | None,
        Newer("Benchmark", "orders", "a ticker, for alpha and beta; by default the traded one"),
    ] = None
    benchmark_hash: Annotated[
        Sha256 | None,
        Newer("Benchmark prices", "market", "a version of its prices", in_forms=False),
    ] = None
    others: Annotated[
        dict[Symbol, Sha256] | None,
        Newer(
            "Other prices",
            "market",
            "by ticker: the versions of other tickers' prices that the rule reads",
            in_forms=False,
        ),
    ] = None
    charts: Annotated[bool, About("PNG charts", "label", "render charts as pictures")] = True
    batch_id: Annotated[
        Annotated[str, MinLen(1), MaxLen(64)] | None,
        About("Batch", "label", "groups runs that are submitted together", in_forms=False),
    ] = None
    label: Annotated[Text | None, About("Label", "label", "to find the run by")] = None
    tags: Annotated[Tags, About("Tags", "label", TAG_HELP)] = field(default_factory=list)

    @property
    def price_hashes(self) -> dict[str, str]:
        """The version that it reads of each ticker: its own, its benchmark's, and those that its rule reads."""
        hashes = {self.ticker: self.data_hash, **(self.others or {})}
        if self.benchmark:
            hashes[self.benchmark] = self.benchmark_hash
        return {ticker: data_hash for ticker, data_hash in hashes.items() if data_hash}

    def to_json(self) -> Json:
        """Return this request as plain JSON values, dates as YYYY-MM-DD. `params` is not copied: do not change it."""
        # asdict copies each value and takes ten times as long
        values = {name: getattr(self, name) for name in FIELD_NAMES}
        values["start_date"] = self.start_date.isoformat()
        values["end_date"] = self.end_date.isoformat()
        return values

    @classmethod
    def from_json(cls, values: Values) -> "RunRequest":
        """Return the request that `to_json` wrote; trusted, since it was validated when it was submitted."""
        fields_read = picked(values, FIELD_NAMES)
        fields_read["start_date"] = date.fromisoformat(fields_read["start_date"])
        fields_read["end_date"] = date.fromisoformat(fields_read["end_date"])
        return cls(**fields_read)


@frozen_by_name
class ChosenRuns(Closed):
    """Runs named by their ids."""

    run_ids: Annotated[
        Annotated[
            list[Annotated[Uuid, Predicate(str.isascii)]],
            MinLen(1),
            MaxLen(200),
        ],
        About("Runs", "label"),
    ]


@frozen_by_name
class TagChange(ChosenRuns):
    """Tags to add to runs, and tags to remove from them."""

    add: Annotated[Tags, About("Add", "label", TAG_HELP)] = field(default_factory=list)
    remove: Annotated[Tags, About("Remove", "label", TAG_HELP)] = field(default_factory=list)


TITLE_LENGTH = 120  # characters of the title of a run, a batch, a study or a portfolio


@frozen_by_name
class Titled(Closed):
    """The new title of a run, a batch, a study or a portfolio."""

    title: Annotated[
        str,
        MaxLen(TITLE_LENGTH),
        Predicate(str.isprintable),
        About("Title", "label", "leave empty to use the default title"),
    ]


@frozen_by_name
class Noted(Closed):
    """The new note on a run, a batch, a screen, a study or a portfolio."""

    text: Annotated[
        str,
        MaxLen(NOTE_LENGTH),
        Predicate(_is_note),
        About("Note", "label", "in lines; leave empty to delete the note"),
    ]


@frozen_by_name
class Reservation(Closed):
    """The end of a ticker's prices that is to be reserved."""

    from_date: Annotated[date, About("First reserved day", "market", "all later bars, too")]


FIELD_NAMES = tuple(each.name for each in fields(RunRequest))
# how a run is named and displayed; everything else decides the result
LABEL_FIELDS = frozenset(
    each.name for each in fields(RunRequest) if about(each).section == "label"
)
_ADDED_LATER = {each.name: each.default for each in fields(RunRequest) if about(each).added_later}


def canonical_json(values: Any) -> str:
    """Return JSON with sorted keys and no spaces, so that equal values give equal text."""
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def canonical_hash(values: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `values`."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def request_hash(request: RunRequest, full_params: Values) -> str:
    """Return the SHA-256 over everything that decides the result; `full_params`: params with defaults filled in.

    A field that was added later is left out at its default, so that older requests keep their hash.
    """
    unchanged = {
        name for name, default in _ADDED_LATER.items() if getattr(request, name) == default
    }
    values = without(request.to_json(), LABEL_FIELDS | unchanged)
    values["params"] = dict(full_params)
    return canonical_hash(_floats(values))


def _floats(value: Any) -> Any:
    """Return the values with every number as a float, since 100000 and 100000.0 are the same request."""
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if type(value) is int else value  # a bool stays a bool
