"""What the runs of a batch are ranked by: metric, goal and constraints, as they were submitted with it."""

import json

from sqlalchemy import Connection, delete, insert, select

from adapters.batches.leaderboard import Ranking, ranking_by
from adapters.database_errors import DuplicateKey
from adapters.tables import batch_rankings

DEFAULT = Ranking("sharpe_ratio", "max")


def hold_batch(connection: Connection, batch_id: str) -> None:
    """Lock a batch until the transaction ends, also one without runs, whose ranking is the default then."""
    known = (
        select(batch_rankings.c.batch_id)
        .where(batch_rankings.c.batch_id == batch_id)
        .with_for_update()
    )
    if connection.execute(known).first():
        return
    try:
        _insert(connection, batch_id, DEFAULT)
    except DuplicateKey:  # somebody else has begun it, and has committed by now
        connection.execute(known)


def keep_ranking(connection: Connection, batch_id: str, ranking: Ranking) -> None:
    """Record it as the batch's, in place of an earlier one."""
    connection.execute(delete(batch_rankings).where(batch_rankings.c.batch_id == batch_id))
    _insert(connection, batch_id, ranking)


def _insert(connection: Connection, batch_id: str, ranking: Ranking) -> None:
    texts = json.dumps([each.text for each in ranking.constraints])
    kept = {
        "batch_id": batch_id,
        "metric": ranking.metric,
        "goal": ranking.goal,
        "constraints_json": texts,
    }
    connection.execute(insert(batch_rankings).values(kept))


def ranking_of(connection: Connection, batch_id: str) -> Ranking:
    """The batch's own, or that by the Sharpe ratio when none was submitted."""
    row = connection.execute(
        select(batch_rankings).where(batch_rankings.c.batch_id == batch_id)
    ).one_or_none()
    return ranking_by(row.metric, row.goal, json.loads(row.constraints_json)) if row else DEFAULT
