"""What a request carries beside its path: query, headers and body, each with a bound and one style of fault."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from contracts.errors import InvalidRequest
from contracts.values import without
from web.operation import Argument, current_operation, most_bytes
from web.parsers import Parser, flag, whole_number, words

MAX_KEY_LENGTH = 128  # of an Idempotency-Key, the width of its column

_KEY = Parser(str, words(MAX_KEY_LENGTH).schema | {"minLength": 1})
KEY = Argument(
    "Idempotency-Key", _KEY, "printable; the same key makes no second run", in_header=True
)
DRY_RUN = Argument("dry_run", flag, "say what would happen, record nothing", False)
AFTER = Argument("after", whole_number(0), "next_after of the page before")


def limit(most: int, default: int) -> Argument:
    """How many of a list at once."""
    return Argument("limit", whole_number(1, most), f"{default} by default", default)


def read_arguments(
    values: Mapping[str, str], *asked: Argument, strict: bool = False
) -> dict[str, Any]:
    """The value of each argument by name, its default where it is absent or empty; InvalidRequest with every fault.

    strict: a value of another name is a fault, too.
    """
    names = [each.name for each in asked]
    unknown = without(values, names) if strict else ()
    errors = dict.fromkeys(unknown, f"unknown; accepted: {', '.join(names)}")
    found: dict[str, Any] = {}
    for each in asked:
        text = values.get(each.name, "").strip()
        try:
            found[each.name] = each.parse(text) if text else each.default
        except ValueError as error:
            errors[each.name] = f"{text[:60]!r} is not accepted; accepted: {error}"
    if errors:
        raise InvalidRequest(errors)
    return found


def arguments(*narrowed: Argument) -> dict[str, Any]:
    """What the view's operation asks for, by name; InvalidRequest with every fault.

    narrowed: in place of declared arguments of the same name, for bounds and defaults that only the view can know.
    """
    declared = current_operation()
    asked = {each.name: each for each in (*declared.query(), *narrowed)}
    return read_arguments(request.args, *asked.values(), strict=declared.strict)


def read_argument(name: str, parse: Parser[Any], default: Any) -> Any:
    """One argument whose accepted values only the view knows; InvalidRequest when it is none of them."""
    return read_arguments(request.args, Argument(name, parse, "", default))[name]


def idempotency_key() -> str | None:
    """The Idempotency-Key header, or None; InvalidRequest when it is empty, too long or not printable."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(
            {"Idempotency-Key": f"1 to {MAX_KEY_LENGTH} printable characters are accepted"}
        )
    return key


def json_body() -> Any:
    """The request's JSON; 415 without the content type, 413 when it is too large, InvalidRequest for bad JSON."""
    return parse_json(typed_body("application/json"))


def typed_body(*accepted: str) -> bytes:
    """The body of a request that has one of the accepted content types; 415, or what `read_body` raises."""
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(
            f"Content-Type {request.mimetype or 'is missing'}; accepted: {', '.join(accepted)}"
        )
    return read_body()


def read_body(max_bytes: int | None = None) -> bytes:
    """The body, or nothing when it is a form, whose fields are in `request.form` then; 413 above what a view takes."""
    max_bytes = max_bytes or most_bytes(current_app, request.endpoint)
    # a body that does not tell its length is cut there, and so noticed
    request.max_content_length = max_bytes + 1
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = request.get_data(parse_form_data=True)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"the body is too large; at most {max_bytes} bytes are accepted")


def parse_json(body: bytes) -> Any:
    """The JSON value of a body; InvalidRequest for anything else: NaN, half a surrogate pair, 200 levels, 4,300 digits.

    The parser is pydantic's, which later reads the values again: what one takes, the other takes.
    """
    try:
        return from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(
            {"body": f"not valid JSON: {error}"}, "the body is not valid JSON"
        ) from None
