"""The filters of the runs list as an address holds them: read, checked, and written back."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.metrics.table import HEADLINES
from adapters.runs.lists import Cursor, RunFilter
from contracts.status import ErrorType, RunStatus
from rules.catalog import RULES
from web.arguments import (
    Reader,
    day,
    is_digits,
    number,
    one_of,
    reading_arguments,
    sha256,
    ticker_symbol,
    whole_number,
    words,
)

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
CANCELLED = ErrorType.CANCELLED.value  # asked for as a state of its own, and then not among the failed
STATES = (*(status.public for status in RunStatus), CANCELLED)
SORTS = {"created": "created", **{short: metric.name for short, metric in HEADLINES.items()}}
BOUNDS = tuple(f"{short}_{side}" for short in HEADLINES for side in ("min", "max"))
FOLDED = ("batch", "prices", "from", "to", *BOUNDS)  # seldom wanted, so the page folds them away
NAMES = ("ticker", "rule", "name", "status", "label", *FOLDED)
ALL_NAMES = (*NAMES, "sort", "order", "limit", "after", "before")


def read_filter(arguments: Mapping[str, str]) -> RunFilter:
    """The filter that an address asks for; InvalidRequest names every value that cannot be meant."""
    with reading_arguments(arguments, known=ALL_NAMES) as read:
        return RunFilter(**_wanted(read))


def _wanted(read: Reader) -> dict[str, Any]:
    sort = read("sort", one_of(*SORTS), "created")
    order = read("order", one_of("desc", "asc"), "desc")
    return {
        "ticker": read("ticker", ticker_symbol, None),
        "rule_type": read("rule", one_of(*RULES), None),
        "rule_id": read("name", words(64), None),  # its column and field kept the older word
        **_state(read("status", one_of(*STATES), None)),
        "batch_id": read("batch", words(64), None),
        "label": read("label", words(64), None),
        "data_hash": read("prices", sha256, None),
        "created_from": read("from", day, None),
        "created_to": read("to", day, None),
        "ranges": {
            metric.name: (read(f"{short}_min", number, None), read(f"{short}_max", number, None))
            for short, metric in HEADLINES.items()
        },
        "sort": SORTS[sort],
        "descending": order == "desc",
        "after": read("after", _cursor(sort), None),
        "before": read("before", _cursor(sort), None),
        "limit": read("limit", whole_number(1, MAX_LIMIT), DEFAULT_LIMIT),
    }


def _state(word: str | None) -> dict[str, Any]:
    if word is None:
        return {}
    status = RunStatus.FAILED if word == CANCELLED else RunStatus.from_public(word)
    return {"status": status, "cancelled": word == CANCELLED if status is RunStatus.FAILED else None}


def cursor_text(cursor: Cursor | None) -> str | None:
    """A cursor as an address holds it: 812, or 812~1.25 in an order by a metric."""
    if cursor is None:
        return None
    return str(cursor.id) if cursor.value is None else f"{cursor.id}~{cursor.value!r}"


def _cursor(sort: str) -> Callable[[str], Cursor]:
    def parse(text: str) -> Cursor:
        start, _, value = text.partition("~")
        if not is_digits(start) or (sort == "created") == bool(value):
            raise ValueError("what the link to the next or previous page says")
        return Cursor(int(start), number(value) if value else None)

    return parse
