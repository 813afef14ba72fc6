"""Numbers as price files write them, read exactly."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import chain

_SCALES = {"K": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9)}


def _numbers(decimal: str, thousands: str) -> re.Pattern[str]:
    # India writes 12,34,567
    grouped = rf"[1-9]\d{{0,2}}({thousands}\d{{2,3}})*{thousands}\d{{3}}"
    return re.compile(
        rf"[+-]?(({grouped}|\d+)({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d{{1,2}})?[KMBkmb]?",
        re.ASCII,
    )


_WITH_POINT, _WITH_COMMA = _numbers(r"\.", ","), _numbers(",", r"\.")


def number(text: str, decimal_comma: bool) -> Decimal | None:
    """The number that a cell means: 1,234.50 and 12.3M too; None when it is none."""
    if not (_WITH_COMMA if decimal_comma else _WITH_POINT).fullmatch(text):
        return None
    plain = text.replace(".", "").replace(",", ".") if decimal_comma else text.replace(",", "")
    scale = _SCALES.get(plain[-1].upper())
    return Decimal(plain[:-1]) * scale if scale else Decimal(plain)


def writes_decimal_comma(columns: Mapping[str, Iterable[str]], delimiter: str) -> bool:
    """Whether a file's numbers have decimal commas.

    One cell that can be meant in one way only says it for all; without any, the separator of the prices is the
    decimals', unless it is a comma in a file of commas.
    """
    for fitting, other in ((_WITH_POINT, _WITH_COMMA), (_WITH_COMMA, _WITH_POINT)):
        cells = chain.from_iterable(columns.values())
        if any(fitting.fullmatch(cell) and not other.fullmatch(cell) for cell in cells):
            return fitting is _WITH_COMMA
    prices = chain.from_iterable(cells for name, cells in columns.items() if name != "volume")
    return delimiter != "," and {mark for cell in prices for mark in cell} & {*",."} == {","}


def ambiguous_cell(cells: Iterable[str], delimiter: str) -> str | None:
    """One of a column's cells with a separator, when it may be that of decimals or of thousands in all of them."""
    separated = [cell for cell in cells if "," in cell or ("." in cell and delimiter != ",")]
    ambiguous = all(
        _WITH_POINT.fullmatch(cell) and _WITH_COMMA.fullmatch(cell) for cell in separated
    )
    return min(separated, default=None) if ambiguous else None
