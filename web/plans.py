"""List, title, note, cancel, retry, delete plans: one implementation each, which a kind binds to its addresses."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from adapters.maintenance.deletion import delete_plan
from adapters.plans.store import list_plans, plan_row, set_title
from adapters.tables import RUN
from contracts.errors import Conflict
from contracts.run_request import Noted, Titled
from contracts.status import PlanKind
from contracts.values import Json, picked
from web.api import (
    DELETED,
    DRY_RUN,
    FAULTS,
    NEEDED,
    NOTE,
    TITLED,
    Argument,
    arguments,
    conditional,
    operation,
)
from web.app import LISTED, ask_database, change_database, fetch_page, platform
from web.runs.operations import cancel_among, read_note, retry_among, write_note
from web.runs.validation import read_title

Row = Mapping[Any, Any]  # of a plan
# of each action: its participle, and the fault of a plan that it does not apply to
_WORDS = {
    "cancel": ("cancelled", "has ended already"),
    "retry": ("retried", "has not failed"),
}


def cancel_runs(plan: Row) -> int:
    """Cancel the waiting and running runs of a plan; return their number."""
    return len(cancel_among(RUN.plan_id == plan["plan_id"]))


def retry_runs(plan: Row) -> int:
    """Retry the failed and cancelled runs of a plan; return their number."""
    return len(retry_among(RUN.plan_id == plan["plan_id"]))


class PlanResource:
    """A kind of plan in the web tier: its addresses, its blueprints, and the operations that are added to them.

    api, pages: blueprints whose views `<kind>` and `page` show one plan. id_name: of its id in addresses and JSON.
    """

    def __init__(
        self,
        kind: PlanKind,
        plural: str,
        find: Callable[[Connection, str], RowMapping] | None = None,
        state: Callable[[str], Json] | None = None,
        accepts_none: bool = False,
        id_type: str = "uuid:",
    ) -> None:
        """Name the kind; find: a plan's row by the id in an address, or the kind's own error.

        state: the answer to a change, by plan_id; None: the number of changed runs. accepts_none: to cancel or retry
        nothing is no Conflict.
        """
        self.kind, self.plural, self.id_name = kind, plural, f"{kind}_id"
        self.api, self.pages = Blueprint(f"{kind}_api", __name__), Blueprint(plural, __name__)
        self.path, self.missing = (
            f"/api/{plural}/<{id_type}{self.id_name}>",
            f"404 no such {kind}",
        )
        self._find = find or (lambda connection, plan_id: plan_row(connection, kind, plan_id))
        self._state, self._accepts_none = state, accepts_none

    def accepted(
        self, plan_id: str, is_new: bool, page: str = "page_url", **facts: Any
    ) -> ResponseReturnValue:
        """Answer a submission: 202, or 200 for a plan that existed already, with its addresses."""
        address: dict[str, Any] = {self.id_name: plan_id}
        body = {
            **address,
            **facts,
            "status_url": url_for(f"{self.api.name}.{self.kind}", **address),
            page: url_for(f"{self.pages.name}.page", **address),
        }
        return body, 202 if is_new else 200

    def add_list(
        self,
        present: Callable[[Sequence[RowMapping]], list[tuple[Any, Json]]],
        asks: tuple[Argument, ...] = (),
        filters: tuple[Argument, ...] = (),
        context: Callable[[], Json] = dict,
        query: Callable[[Connection, int | None, int], Sequence[RowMapping]] | None = None,
    ) -> None:
        """Add the list of plans, newest first, as JSON and as a page.

        present: each row as the page and as the API show it. asks, context: more arguments and variables of the page.
        filters: more arguments of both.
        query: a page of rows; by default those of list_plans.
        """
        query = query or partial(list_plans, kind=self.kind)
        listing = (*LISTED, *filters)

        def page_of_plans() -> tuple[list[tuple[Any, Json]], int | None]:
            rows, next_after = fetch_page(query)
            return present(rows), next_after

        def listed() -> Response:
            plans, next_after = page_of_plans()
            return conditional(
                {self.plural: [body for _, body in plans], "next_after": next_after}
            )

        def list_page() -> str:
            plans, next_after = page_of_plans()
            return render_template(
                f"{self.plural}/list.html",
                **{self.plural: plans},
                next_after=next_after,
                query=picked(request.args, [each.name for each in listing]),
                **context(),
            )

        about = f"All {self.plural}, newest first, a page at a time"
        listed.__doc__ = f"{about}: ?limit=25, then &after=<next_after>."
        list_page.__doc__ = f"{about}."
        answer = f"200 {self.plural.capitalize()}: {self.plural}, newest first, a page at a time"
        declared = operation(answer, asks=listing)(listed)
        self.api.add_url_rule(f"/api/{self.plural}", "listed", declared)
        page = operation(asks=(*listing, *asks))(list_page)
        self.pages.add_url_rule(f"/{self.plural}", "listed", page)

    def add_title(self, about: str, title: Callable[[Row], str]) -> None:
        """Add PUT …/title; title: what a plan with this row is called."""

        def change(plan: RowMapping) -> ResponseReturnValue:
            new_title = read_title()
            change_database(set_title, plan["plan_id"], new_title)
            return {"title": title({**plan, "title": new_title})}

        self._add("PUT", "title", change, about, (TITLED, FAULTS), json=Titled)

    def add_cancel(
        self, about: str, *answers: str, cancel: Callable[[RowMapping], int] = cancel_runs
    ) -> None:
        """Add POST …/cancel; cancel: ends a plan with its runs and returns the number of changes."""

        def end(plan: RowMapping) -> ResponseReturnValue:
            return self._answer(plan, "cancel", cancel(plan))

        self._add("POST", "cancel", end, about, answers)

    def add_retry(
        self,
        about: str,
        *answers: str,
        retry: Callable[[RowMapping], int] = retry_runs,
        **facts: Any,
    ) -> None:
        """Add POST …/retry; retry: lets what has failed of a plan wait again and returns the number of changes."""

        def restart(plan: RowMapping) -> ResponseReturnValue:
            retried = retry(plan)
            body = self._answer(plan, "retry", retried)
            return body, 202 if retried else 200

        self._add("POST", "retry", restart, about, answers, **facts)

    def add_note(self) -> None:
        """Add GET and PUT …/note."""

        def read(plan: RowMapping) -> ResponseReturnValue:
            return read_note(plan["plan_id"])

        def write(plan: RowMapping) -> ResponseReturnValue:
            return write_note(plan["plan_id"])

        self._add("GET", "note", read, f"Read the note on a {self.kind}.", (NOTE,))
        about = f"Set the note on a {self.kind}; an empty one deletes it."
        self._add("PUT", "note", write, about, (NOTE, FAULTS), json=Noted)

    def add_delete(self) -> None:
        """Add DELETE of the plan with its runs."""

        def remove(plan: RowMapping) -> ResponseReturnValue:
            if plan["kind"] != self.kind:
                raise Conflict(
                    f"these are the Jobs of {plan['kind']} {plan['plan_id']}; delete that"
                )
            return delete_plan(platform().engine, plan, dry_run=arguments()["dry_run"])

        about = f"Delete a {self.kind} with its runs; ?dry_run=true only counts them."
        self._add("DELETE", "", remove, about, (DELETED, NEEDED), asks=(DRY_RUN,))

    def _add(
        self,
        method: str,
        action: str,
        change: Callable[[RowMapping], ResponseReturnValue],
        about: str,
        answers: tuple[str, ...],
        **facts: Any,
    ) -> None:
        """Serve one plan, or a change of it that only its submitter may ask for; about: the view's docstring."""

        def view(**address: str) -> ResponseReturnValue:
            return change(ask_database(self._find, address[self.id_name]))

        view.__doc__ = about
        declared = operation(*answers, self.missing, owned=method != "GET", **facts)(view)
        path = f"{self.path}/{action}".rstrip("/")
        endpoint = f"read_{action}" if method == "GET" else action or "delete"
        self.api.add_url_rule(path, endpoint, declared, methods=[method])

    def _answer(self, plan: RowMapping, action: str, changes: int) -> Json:
        """Return a plan after a change; Conflict when nothing was changed, unless the kind accepts that."""
        done, refusal = _WORDS[action]
        if not (changes or self._accepts_none):
            name = f"{self.kind} {plan['plan_id']}"
            raise Conflict(f"{name} {refusal}, so there is nothing to {action}")
        if self._state:
            return self._state(plan["plan_id"])
        name = plan["name"] if self.kind is PlanKind.BATCH else plan["plan_id"]
        return {self.id_name: name, done: changes}
