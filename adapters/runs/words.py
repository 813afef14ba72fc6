"""Words that people search runs for: where each may stand, and which are found nowhere."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, or_, select, union_all

from adapters.database import has_rows
from adapters.plan_tables import PLAN
from adapters.tables import RUN, Criterion, run_tags, runs
from contracts.values import frozen

_OTHER = runs.alias("other").c


@frozen
class Word:
    """What somebody searches for: part of a text, in any case, and the tickers and rules whose names it is part of."""

    text: str
    tickers: Sequence[str]
    rules: Sequence[str]


def is_found(word: Word) -> Criterion:
    """Of a run; what no index of the lists holds is looked for first, in indexes of its own: few runs have it.

    Beside it, many runs have the ticker or rule, so that a page of them is found soon by walking through all.
    """
    tagged = select(_OTHER.id).join(run_tags, run_tags.c.run_id == _OTHER.run_id)
    texts = (
        ids_with("label", word.text),
        ids_with("title", word.text),
        tagged.where(run_tags.c.tag.icontains(word.text, autoescape=True)),
        select(_OTHER.id).where(_OTHER.plan_id.in_(_plans_with(word.text))),
    )
    found = [RUN.id.in_(select(union_all(*texts).subquery().c.id))]
    found += [RUN.ticker.in_(word.tickers)] if word.tickers else []
    found += [RUN.rule_type.in_(word.rules)] if word.rules else []
    return or_(*found)


def ids_with(column: str, text: str) -> Select[Any]:
    """Runs whose label or title contains it, from the index of that alone."""
    told = _OTHER[column]
    return select(_OTHER.id).where(told.is_not(None), told.icontains(text, autoescape=True))


def _plans_with(text: str) -> Select[Any]:
    """Batches whose name or title contains it."""
    contains = (PLAN[name].icontains(text, autoescape=True) for name in ("name", "title"))
    return select(PLAN.plan_id).where(or_(*contains), PLAN.name.is_not(None))


def unmatched(connection: Connection, words: Sequence[Word]) -> list[str]:
    """Those of the words that are found in no run at all."""
    queries = {word.text: select(RUN.id).where(is_found(word)) for word in words}
    return [text for text, query in queries.items() if not has_rows(connection, query)]
