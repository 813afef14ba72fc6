"""Ledger of trials: for each price series every different rule that was tried on it, whoever did, whatever was deleted.

Distinct rules are counted by their lowest hashes (Bar-Yossef et al. 2002, Counting Distinct Elements in a Data Stream):
exactly up to COUNTED, within about 1.6% beyond. The positions of a sample are kept: of each calendar year those of the
SAMPLED rules with the lowest hashes, as steps in time, so that they can be compared on any bars.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, insert, select, text

from adapters.database import database_now, insert_if_new
from adapters.metrics.moments import Array
from adapters.plan_tables import LEDGER, TRIAL, ledger, ledger_trials
from adapters.runs.times import utc_text
from adapters.studies.trials import SAMPLED, UNKNOWN, Steps, Trials, Tries, distinct, in_blocks
from contracts.values import Json, Values

COUNTED = 4096
SPACE = 2**63  # of hashes
EVERYBODY = ""  # actor of the row that counts all of a series


# plain SQL, since each Job would compile SQLAlchemy's for a millisecond each
_COUNT = text(
    """
    UPDATE ledger SET tried = tried + :tried, latest = :latest,
      sampled_to = CASE WHEN first_day <= :first_year_end AND last_day >= :last_year_start THEN sampled_to END,
      first_day = CASE WHEN first_day > :first_day THEN :first_day ELSE first_day END,
      last_day = CASE WHEN last_day < :last_day THEN :last_day ELSE last_day END
    WHERE ticker = :ticker AND timeframe = :timeframe AND actor = :actor"""
)
_ROWS = text(
    """
    SELECT actor, first_day, last_day, sampled_to, CASE WHEN distinct_rules <= :are_above THEN hashes END AS hashes
    FROM ledger WHERE ticker = :ticker AND timeframe = :timeframe AND actor IN ('', :actor) ORDER BY actor"""
)


def record_trials(
    connection: Connection, trials: Trials, actor: str | None, study_id: str | None
) -> None:
    """Count the trials of a Job, which was finished in the same transaction, and sample their positions.

    study_id: of the study that they belong to; None for others.
    """
    if not trials.hashes:
        return
    series, lowest = _of_series(trials.series), min(trials.hashes)
    for name in dict.fromkeys((EVERYBODY, actor or EVERYBODY)):
        _count(connection, trials, name)
    # with more rules all hashes of a row are below these: see `_distinct`, whose result is rounded
    are_above = max(COUNTED, (COUNTED - 1) * SPACE // (lowest + 1) + 1)
    names = {**series, "actor": actor or EVERYBODY}
    rows = connection.execute(_ROWS, {**names, "are_above": are_above}).all()
    for row in rows:
        if changed := _counted(row.hashes, trials):
            is_row = {**series, "actor": row.actor}
            connection.execute(ledger.update().filter_by(**is_row).values(changed))
    everybody = rows[0]
    if everybody.sampled_to is None or lowest <= everybody.sampled_to:
        sampled_to = _sample(connection, trials, study_id, everybody)
        if sampled_to != everybody.sampled_to:
            is_row = {**series, "actor": EVERYBODY}
            connection.execute(ledger.update().filter_by(**is_row).values(sampled_to=sampled_to))


def _count(connection: Connection, trials: Trials, actor: str) -> None:
    """Count trials in a row, which is locked then."""
    first, last = trials.days
    is_row = {**_of_series(trials.series), "actor": actor}
    days = {"first_day": first, "last_day": last}
    values = {
        **is_row,
        **days,
        "tried": len(trials.hashes),
        "latest": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}",
        "first_year_end": f"{first[:4]}-12-31",
        "last_year_start": f"{last[:4]}-01-01",
    }
    if connection.execute(_COUNT, values).rowcount == 0:
        empty = {"tried": 0, "distinct_rules": 0, "hashes": b"", "since": database_now()}
        insert_if_new(connection, ledger, **is_row, **days, **empty)
        connection.execute(_COUNT, values)


def _counted(packed: bytes | None, trials: Trials) -> Json:
    """Return the columns that change where some of the trials are among the lowest hashes."""
    if packed is None:
        return {}
    hashes = np.frombuffer(packed, "<u8")
    lowest = distinct(np.concatenate((hashes, np.array(trials.hashes, "<u8"))))[:COUNTED]
    if np.array_equal(lowest, hashes):
        return {}
    return {"hashes": lowest.tobytes(), "distinct_rules": _distinct(lowest)}


def _of_series(series: tuple[str, str]) -> Json:
    return dict(zip(("ticker", "timeframe"), series, strict=True))


def _distinct(lowest: Array) -> int:
    """Return the number of different hashes whose lowest ones these are."""
    if len(lowest) < COUNTED:
        return len(lowest)
    return round((COUNTED - 1) / (float(lowest[-1]) / SPACE))


def _sample(
    connection: Connection, trials: Trials, study_id: str | None, everybody: Row[Any]
) -> int | None:
    """Keep the positions of rules among the SAMPLED lowest hashes of any year, and delete what no longer is.

    everybody: row of the series. Returns its `sampled_to`.
    """
    first, last = _years(*trials.days)
    is_series = _of_series(trials.series)
    keys = select(*TRIAL["hash", "first_year", "last_year"]).filter_by(**is_series)
    rows_of_keys = map(tuple, connection.execute(keys))
    stored = np.array([*rows_of_keys], dtype=np.int64).reshape(-1, 3)
    bounds = _bounds(stored)
    joining = trials.sample(lambda number: bool(_sampled_years(number, first, last, bounds)))
    if joining:
        bounds = _join(connection, is_series, stored, joining, study_id)
    first, last = _years(everybody.first_day, everybody.last_day)
    years = range(first, last + 1)
    return max(bounds[year] for year in years) if {*years} <= bounds.keys() else None


def _years(*days: str) -> Iterator[int]:
    return (int(day[:4]) for day in days)


def _join(
    connection: Connection,
    is_series: Values,
    stored: Array,
    added: dict[int, Steps],
    study_id: str | None,
) -> dict[int, int]:
    """Add the positions of rules to the sample; return its bounds afterwards. stored: its keys."""
    repeated = [number for number in stored[:, 0].tolist() if number in added]
    before = select(*TRIAL["hash", "steps", "study_id"]).filter_by(**is_series)
    rows_before = (
        connection.execute(before.where(TRIAL.hash.in_(repeated))).all() if repeated else ()
    )
    for number, packed, owner in rows_before:
        steps, new = Steps.unpacked(packed), added.pop(number)
        joined = new.over(steps)
        if steps.equals(joined) and owner in (None, study_id):
            continue
        values = _row(joined) | {"study_id": owner if owner == study_id else None}
        is_trial = {**is_series, "hash": number}
        connection.execute(ledger_trials.update().filter_by(**is_trial).values(values))
    rows = [
        {**is_series, "hash": number, "study_id": study_id, **_row(steps)}
        for number, steps in added.items()
    ]
    if not rows:
        return _bounds(stored)
    connection.execute(insert(ledger_trials), rows)
    keys_added = [[each["hash"], each["first_year"], each["last_year"]] for each in rows]
    stored = np.concatenate((stored, keys_added))
    bounds = _bounds(stored)
    beyond = [
        number
        for number, first, last in stored.tolist()
        if not _sampled_years(number, first, last, bounds)
    ]
    if beyond:
        is_beyond = TRIAL.hash.in_(beyond)
        connection.execute(delete(ledger_trials).filter_by(**is_series).where(is_beyond))
    return bounds


def _row(steps: Steps) -> Json:
    first, last = steps.years
    return {"first_year": first, "last_year": last, "steps": steps.packed()}


def _bounds(keys: Array) -> dict[int, int]:
    """Return the highest hash of the sample by year; SPACE where it is not full. keys: hash, first and last year."""
    hashes, first, last = keys.T
    years = range(int(first.min()), int(last.max()) + 1) if len(keys) else ()
    by_year = {year: hashes[(first <= year) & (year <= last)] for year in years}
    return {
        year: int(np.partition(each, SAMPLED - 1)[SAMPLED - 1])
        for year, each in by_year.items()
        if len(each) >= SAMPLED
    }


def _sampled_years(number: int, first: int, last: int, bounds: Mapping[int, int]) -> list[int]:
    """Return the years of whose sample a trial is part."""
    return [year for year in range(first, last + 1) if number <= bounds.get(year, SPACE)]


def tries_on(
    connection: Connection,
    series: tuple[str, str],
    parts: Sequence[tuple[Array, Array]],
    study_id: str | None = None,
) -> Tries:
    """Return the trials that read any of these bars. parts: times and closes of each; study_id: one to leave out."""
    query = select(ledger_trials).filter_by(**_of_series(series))
    rows = connection.execute(query).all()
    keys = [[row.hash, row.first_year, row.last_year] for row in rows]
    bounds = _bounds(np.array(keys, dtype=np.int64).reshape(-1, 3))
    years = {
        int(year) + 1970
        for times, _ in parts
        for year in np.unique(times.astype("M8[s]").astype("M8[Y]").astype(int))
    }
    moves = np.concatenate([closes[1:] / closes[:-1] - 1.0 for _, closes in parts])
    excess, stands_for = list[Array](), list[float]()
    for row in rows:
        extent = row.first_year, row.last_year
        sampled = years.intersection(_sampled_years(row.hash, *extent, bounds))
        if not sampled or (study_id and row.study_id == study_id):
            continue
        share = max(bounds.get(year, SPACE) / SPACE for year in sampled)
        steps = Steps.unpacked(row.steps)
        sides = np.concatenate([steps.at(times)[:-1] for times, _ in parts]).astype(float)
        is_known = sides != UNKNOWN
        if is_known.any():
            excess.append(in_blocks((sides - sides[is_known].mean()) * moves * is_known))
            stands_for.append(1 / share)
    return Tries(excess, stands_for)


def list_ledger(connection: Connection, /, limit: int, **series: str) -> list[Json]:
    """Return the counts of each series, those with the most trials first, with those of each actor."""
    counts = select(*LEDGER[_COUNTED_COLUMNS]).filter_by(**series)
    most = counts.filter_by(actor=EVERYBODY).order_by(LEDGER.tried.desc()).limit(limit)
    listed = {(row.ticker, row.timeframe): _counts(row) for row in connection.execute(most)}
    are_listed = LEDGER.ticker.in_({ticker for ticker, _ in listed})
    by_actor = select(*LEDGER["ticker", "timeframe", "actor", "tried", "distinct_rules"])
    for row in connection.execute(by_actor.where(are_listed, LEDGER.actor != EVERYBODY)):
        if of_series := listed.get((row.ticker, row.timeframe)):
            of_series["by"].append({"actor": row.actor, **_numbers(row)})
    return [*listed.values()]


def tried_on(connection: Connection, ticker: str, timeframe: str) -> int:
    """Return the number of different rules that were tried on a series."""
    is_row = {**_of_series((ticker, timeframe)), "actor": EVERYBODY}
    return connection.scalar(select(LEDGER.distinct_rules).filter_by(**is_row)) or 0


_COUNTED_COLUMNS = (
    *("ticker", "timeframe", "actor", "tried", "distinct_rules", "first_day", "last_day"),
    *("since", "latest"),
)


def _counts(row: Any) -> Json:
    return {
        "ticker": row.ticker,
        "timeframe": row.timeframe,
        "years": [*_years(row.first_day, row.last_day)],
        **_numbers(row),
        "since": utc_text(row.since),
        "latest": utc_text(row.latest),
        "by": [],
    }


def _numbers(row: Any) -> Json:
    return {"tried": row.tried, "distinct": row.distinct_rules}
