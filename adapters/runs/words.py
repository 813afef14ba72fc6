"""Search of runs by words: the fields that are searched, and the words that no run has."""

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
    """Search term: part of a text, in any case, with the tickers and rules whose names contain it."""

    text: str
    tickers: Sequence[str]
    rules: Sequence[str]


def has_word(word: Word) -> Criterion:
    """Select runs with a word in label, title, tags, ticker, rule, or the name or title of their batch.

    Texts are searched in indexes of their own, since few runs match. Many runs have a ticker or rule, so a walk through
    all runs soon fills a page of them.
    """
    tagged = select(_OTHER.id).join(run_tags, run_tags.c.run_id == _OTHER.run_id)
    texts = (
        ids_with("label", word.text),
        ids_with("title", word.text),
        tagged.where(run_tags.c.tag.icontains(word.text, autoescape=True)),
        select(_OTHER.id).where(_OTHER.plan_id.in_(_plans_with(word.text))),
    )
    matches = [RUN.id.in_(select(union_all(*texts).subquery().c.id))]
    matches += [RUN.ticker.in_(word.tickers)] if word.tickers else []
    matches += [RUN.rule_type.in_(word.rules)] if word.rules else []
    return or_(*matches)


def ids_with(column: str, text: str) -> Select[Any]:
    """Select the ids of runs whose label or title contains a text, from the index of that column alone."""
    content = _OTHER[column]
    return select(_OTHER.id).where(content.is_not(None), content.icontains(text, autoescape=True))


def _plans_with(text: str) -> Select[Any]:
    """Select the batches whose name or title contains a text."""
    contains = (PLAN[name].icontains(text, autoescape=True) for name in ("name", "title"))
    return select(PLAN.plan_id).where(or_(*contains), PLAN.name.is_not(None))


def unmatched_words(connection: Connection, words: Sequence[Word]) -> list[str]:
    """List the words that no run matches."""
    queries = {word.text: select(RUN.id).where(has_word(word)) for word in words}
    return [text for text, query in queries.items() if not has_rows(connection, query)]
