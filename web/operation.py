"""What an operation of the platform is, declared at its view: who may ask, with what, and what comes back.

Access, the check of queries and bodies, and the description for programs follow from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Literal, TypeVar

from flask import Flask, current_app, request

from contracts.values import Values, frozen, frozen_by_name
from web.parsers import Parser

View = TypeVar("View", bound=Callable[..., Any])
Who = Literal["anybody", "read", "submit", "admin"]
# where a view says nothing else; the largest COMPOSITE takes under 4 KB
MAX_BODY_BYTES = 64 * 1024


@frozen
class Argument:
    """A value beside the path: what is accepted, what it means, and what it is where it is absent or empty.

    in_header: it is no part of the query. many: how often it is given, at least and at most; the view reads it itself.
    """

    name: str
    parse: Parser[Any]
    about: str
    default: Any = None
    in_header: bool = False
    many: tuple[int, int] | None = None


@frozen_by_name
class Operation:
    """What one view says of itself.

    answers: each as `200 Status: words`, where a schema's or a media type's name before the colon may be left out.
    json: a body of JSON: a contract whose fields are Annotated with About, schemas of the document by name (with |
    between them), or a schema. body: by media type a schema, where it is not JSON alone. body_setting: names the
    setting that bounds the body, in MiB. needs: who may ask; None is `read` for methods that change nothing, else
    `submit`. owned: of submitters, only whoever submitted it may ask. unguarded: nobody is asked for a name, or
    counted. any_host: by whatever name it is addressed. strict: an argument that is not declared is a fault.
    """

    answers: tuple[str, ...] = ("200 the answer",)
    asks: tuple[Argument, ...] = ()
    json: Any = None
    body: Values = field(default_factory=dict)
    body_setting: str | None = None
    needs: Who | None = None
    owned: bool = False
    unguarded: bool = False
    any_host: bool = False
    strict: bool = False

    def query(self) -> Iterator[Argument]:
        """The arguments that are read from the query, one value each."""
        return (each for each in self.asks if not each.in_header and each.many is None)


_UNDECLARED = Operation()

NO_RUN, UNFINISHED, ENDED = (
    "404 no such run",
    "409 it has not completed",
    "409 it has ended already",
)
FAULTS = "400 every fault by field"
TITLED = "200 Titled: what it is called now"
REFUSED = (FAULTS, "413 too large", "415 not JSON", "429 the queue is full, see Retry-After")


def operation(*answers: str, **facts: Any) -> Callable[[View], View]:
    """Declare what a view is, with the fields of `Operation`."""
    declared = Operation(answers=answers or _UNDECLARED.answers, **facts)

    def at(view: View) -> View:
        view.operation = declared  # type: ignore[attr-defined]
        return view

    return at


def operation_at(app: Flask, endpoint: str | None) -> Operation:
    """What the view of an endpoint says of itself."""
    view = app.view_functions.get(endpoint or "")
    declared: Operation = getattr(view, "operation", _UNDECLARED)
    return declared


def current_operation() -> Operation:
    """That of the request."""
    return operation_at(current_app, request.endpoint)


def most_bytes(app: Flask, endpoint: str | None) -> int:
    """How large a body may be at an endpoint."""
    setting = operation_at(app, endpoint).body_setting
    return (
        int(getattr(app.extensions["platform"].settings, setting)) * 2**20
        if setting
        else MAX_BODY_BYTES
    )
