"""What the runs of a batch are ranked by: metric, goal and constraints, as they were submitted with it."""

import json

from sqlalchemy import Connection, delete, insert, select

from adapters.batches.leaderboard import Ranking, ranking_by
from adapters.database import inserted
from adapters.tables import batch_rankings
from contracts.values import Json

DEFAULT = Ranking("sharpe_ratio", "max")


def hold_batch(connection: Connection, batch_id: str) -> None:
    """Lock a batch until the transaction ends, also one without runs, whose ranking is the default then."""
    known = select(batch_rankings.c.batch_id).filter_by(batch_id=batch_id).with_for_update()
    if connection.execute(known).first():
        return
    if not inserted(connection, batch_rankings, **_row(batch_id, DEFAULT)):
        connection.execute(known)  # somebody else has begun it, and has committed by now


def keep_ranking(connection: Connection, batch_id: str, ranking: Ranking) -> None:
    """Record it as the batch's, in place of an earlier one."""
    connection.execute(delete(batch_rankings).filter_by(batch_id=batch_id))
    connection.execute(insert(batch_rankings).values(_row(batch_id, ranking)))


def _row(batch_id: str, ranking: Ranking) -> Json:
    told = ranking.to_json()
    return {"batch_id": batch_id, "constraints_json": json.dumps(told.pop("constraints")), **told}


def ranking_of(connection: Connection, batch_id: str) -> Ranking:
    """The batch's own, or that by the Sharpe ratio when none was submitted."""
    row = connection.execute(select(batch_rankings).filter_by(batch_id=batch_id)).one_or_none()
    return ranking_by(row.metric, row.goal, json.loads(row.constraints_json)) if row else DEFAULT
