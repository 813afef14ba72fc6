"""What runs, batches, studies and screens are called: as people say, or else as follows from what was asked for."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from textwrap import shorten
from typing import Any

from flask.typing import ResponseReturnValue

from adapters.plans.batch import Batch
from adapters.plans.flat_params import flat_params
from contracts.run_request import Titled
from contracts.status import Kind
from contracts.study import StudyRequest
from contracts.values import Json, Values
from rules.catalog import RULES, checked_rule, complete_params
from web.arguments import json_body
from web.formats import plain
from web.runs.validation import checked

Row = Mapping[Any, Any]  # of a run: ticker, rule_type, rule_id, and params or params_json
UNNAMED = next(each.default for each in fields(StudyRequest) if each.name == "name")
CONDITION_LENGTH = 48  # characters of a title
PART = "inputs."  # of a rule of one's own: what its numbers are called inside


def asked_title() -> str | None:
    """The title that the request's body gives; None for an empty one. InvalidRequest."""
    return checked(Titled, json_body()).title.strip() or None


def titled(title: str) -> ResponseReturnValue:
    """The answer to whoever gave something a title: what it is called now."""
    return {"title": title}


def run_title(run: Row) -> str:
    """What a run is called: AAPL Own rule, n = 50, v = 1M; of a portfolio's Job, how many legs it has."""
    if run.get("title"):
        return str(run["title"])
    name, of, legs = (run["rule_id"] or "").partition(" x ")
    if of and name == Kind.PORTFOLIO:
        return f"Portfolio of {legs} legs"
    return f"{run['ticker']} {rule_title(run)}"


def rule_title(run: Row) -> str:
    """The rule of a run with its parameters in the rule's order, or the name that somebody submitted with it."""
    rule_type, rule_id = run["rule_type"], run["rule_id"]
    if rule_type not in RULES:
        return str(rule_id or rule_type)
    rule = checked_rule(rule_type, _params(run))
    name, of, combinations = (rule_id or "").partition(" x ")
    if of and name == rule_type:  # a screen
        return f"{rule_name(rule_type)}, {combinations} combinations"
    if rule_id not in (None, rule.label):
        return str(rule_id)
    said = [*params_said(rule_type, rule.params)] or [_condition(rule.params)]
    return ", ".join(filter(None, [rule_name(rule_type), *said]))


def _condition(params: Values) -> str:
    """When a rule of one's own buys, where it has no parameters by which it could be told from others."""
    lines = [line.partition("#")[0].strip() for line in str(params.get("buy", "")).splitlines()]
    return shorten(next(filter(None, reversed(lines)), ""), CONDITION_LENGTH, placeholder=" …")


def params_said(rule_type: str, params: Values) -> Iterator[str]:
    """Complete parameters as `n = 50`, in the rule's order; without the texts of a rule of one's own."""
    kinds = {param.name: param.kind for param in RULES[rule_type].params}
    for name, value in flat_params(params).items():
        if kinds.get(name) == "rules":
            yield " + ".join(RULES[member["rule_type"]].short_title for member in value)
        elif kinds.get(name) != "text":
            yield f"{name.removeprefix(PART)} = {short(value)}"


def short(value: Any) -> str:
    """A parameter's value as titles have it: large round numbers as 1M, 2.5B."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
            if abs(value) >= size and value * 1000 % size == 0:
                return f"{plain(value / size)}{letter}"
    return plain(value)


def batch_title(batch: Batch) -> str:
    """What a batch is called: its title, its runs' label, or RSI on AAPL … MSFT · period, oversold."""
    first, last = batch.first, batch.last
    if batch.plan["title"]:
        return str(batch.plan["title"])
    if first["label"] not in (None, "", UNNAMED) and first["label"] == last["label"]:
        return str(first["label"])
    are_alike = first["rule_type"] == last["rule_type"] and {first["kind"], last["kind"]} == {
        Kind.RUN
    }
    return _of_both(first, last, _varying(first, last) if are_alike else [])


def study_title(title: str | None, summary: Row) -> str:
    """The title of a study: the given one, its name, or RSI on AAPL."""
    if title or summary["name"] != UNNAMED:
        return str(title or summary["name"])
    return of_tickers(rule_name(summary["rule_type"]), summary["ticker"])


def portfolio_title(title: str | None, summary: Row) -> str:
    """The title of a portfolio: the given one, its label, or RSI on AAPL … MSFT."""
    return title or summary["label"] or _of_both(*summary["legs"])


def screen_title(job: Row, tickers: Iterable[str], swept: Iterable[str]) -> str:
    """What a screen is called, of whose Jobs `job` is the first: its title, its label, or RSI on AAPL · period."""
    own = job["title"] or job["label"]
    return own or of_tickers(rule_name(job["rule_type"]), ", ".join(tickers), swept)


def of_tickers(rule: str, tickers: str, varying: Iterable[str] = ()) -> str:
    """RSI on AAPL … MSFT · period, oversold."""
    names = ", ".join(name.removeprefix(PART) for name in varying)
    return f"{rule} on {tickers}{f' · {names}' if names else ''}"


def rule_name(rule_type: str) -> str:
    """What titles call a rule, also one that is no more."""
    return RULES[rule_type].short_title if rule_type in RULES else rule_type


def _of_both(first: Row, last: Row, varying: Iterable[str] = ()) -> str:
    both = [(rule_name(each["rule_type"]), each["ticker"]) for each in (first, last)]
    rules, tickers = (" … ".join(dict.fromkeys(ends)) for ends in zip(*both, strict=True))
    return of_tickers(rules, tickers, varying)


def _varying(first: Row, last: Row) -> list[str]:
    """Parameters that have other values in the last run than in the first one, in the rule's order."""
    one, other = (full_params(each["rule_type"], _params(each)) for each in (first, last))
    return [name for name, value in one.items() if other.get(name) != value]


def full_params(rule_type: str, params: Values) -> Json:
    """Params with the defaults of those that were not given, side by side by their names."""
    return flat_params(complete_params(rule_type, params))


def _params(run: Row) -> Json:
    found: Json = json.loads(run["params_json"]) if "params_json" in run else run["params"]
    return found


FILTERS = (run_title, rule_title, rule_name, batch_title)
