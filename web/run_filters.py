"""The filters of the runs list as they stand in an address: read, checked, and written back."""

from collections.abc import Callable, Mapping
from datetime import date
from math import isfinite
from typing import Any, TypeVar

from adapters.results.metrics.table import HEADLINES
from adapters.store.run_list import Cursor, RunFilter
from contracts.errors import InvalidRequest
from contracts.status import RunStatus
from rules.catalog import RULES

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
SORTS = {"created": "created", **{short: metric.name for short, metric in HEADLINES.items()}}
BOUNDS = tuple(f"{short}_{side}" for short in HEADLINES for side in ("min", "max"))
MORE_NAMES = ("batch", "from", "to", *BOUNDS)
NAMES = ("ticker", "rule", "status", "label", *MORE_NAMES)
ALL_NAMES = (*NAMES, "sort", "order", "limit", "after", "before")
T = TypeVar("T")


def read_filter(arguments: Mapping[str, str]) -> RunFilter:
    """The filter that an address asks for; InvalidRequest names every value that cannot be meant."""
    errors: dict[str, str] = {
        name: f"unknown; accepted: {', '.join(ALL_NAMES)}" for name in arguments if name not in ALL_NAMES
    }

    def read(name: str, parse: Callable[[str], T]) -> T | None:
        text = arguments.get(name, "").strip()
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            errors[name] = f"{text[:60]!r} is not accepted; accepted: {error}"
            return None

    sort = read("sort", _one_of(*SORTS)) or "created"
    order = read("order", _one_of("desc", "asc")) or "desc"
    wanted: dict[str, Any] = {
        "ticker": read("ticker", _words(15)),
        "rule_type": read("rule", _one_of(*RULES)),
        "status": read("status", RunStatus.from_public),
        "batch_id": read("batch", _words(64)),
        "label": read("label", _words(64)),
        "created_from": read("from", _day),
        "created_to": read("to", _day),
        "ranges": {
            metric.name: (read(f"{short}_min", _number), read(f"{short}_max", _number))
            for short, metric in HEADLINES.items()
        },
        "sort": SORTS[sort],
        "descending": order == "desc",
        "after": read("after", _cursor(sort)),
        "before": read("before", _cursor(sort)),
        "limit": read("limit", _limit) or DEFAULT_LIMIT,
    }
    if errors:
        raise InvalidRequest(errors, "the filter is not valid")
    return RunFilter(**wanted)


def cursor_text(cursor: Cursor | None) -> str | None:
    """A cursor as it stands in an address: 812, or 812~1.25 in an order by a metric."""
    if cursor is None:
        return None
    return str(cursor.id) if cursor.value is None else f"{cursor.id}~{cursor.value!r}"


def _cursor(sort: str) -> Callable[[str], Cursor]:
    def parse(text: str) -> Cursor:
        number, _, value = text.partition("~")
        if not number.isascii() or not number.isdigit() or len(number) > 18 or (sort == "created") == bool(value):
            raise ValueError("what the link to the next or previous page says")
        return Cursor(int(number), _number(value) if value else None)

    return parse


def _one_of(*accepted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in accepted:
            raise ValueError(", ".join(accepted))
        return text

    return parse


def _words(length: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if len(text) > length or not text.isprintable():
            raise ValueError(f"at most {length} printable characters")
        return text

    return parse


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date of the form YYYY-MM-DD") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or abs(value) > 1e15:
        raise ValueError("a number from -1e15 to 1e15")
    return value


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"a whole number from 1 to {MAX_LIMIT}")
    return int(text)
