"""What each role's database user may do, table by table; whoever has taken over one role cannot act as another.

The users are made, without any rights, by an administrator of the server: k8s/mysql.yaml shows how.
"""

from collections.abc import Iterator

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from adapters.tables import (
    audit,
    batch_rankings,
    ended_sessions,
    leases,
    metadata,
    presets,
    price_parts,
    price_series,
    price_versions,
    run_charts,
    run_events,
    run_lines,
    run_totals,
    runs,
    strangers,
    studies,
    tokens,
)

_ALL = tuple(metadata.sorted_tables)
_PRICES = (price_series, price_versions, price_parts)
_LEFT_BEHIND = (audit, strangers, ended_sessions)  # by who came in, was turned away, or went
# user → right → tables. A row that is only locked counts as updated. Nobody changes a row of the audit, and only the
# reconciler deletes any, when they are as old as KEEP_AUDIT_DAYS says.
RIGHTS: dict[str, dict[str, tuple[Table, ...]]] = {
    "web": {
        "SELECT": _ALL,
        "INSERT": (runs, run_events, run_charts, batch_rankings, studies, *_LEFT_BEHIND, *_PRICES, presets),
        "UPDATE": (runs, batch_rankings, studies, presets, price_series, strangers),
        "DELETE": (batch_rankings, ended_sessions, price_versions, price_parts, presets),
    },
    "worker": {
        "SELECT": (runs, run_charts, run_lines, *_PRICES),
        "INSERT": (run_events, run_charts, run_lines),
        "UPDATE": (runs,),
    },
    "reconciler": {  # and the commands that are run in its pod: adapters.prune and adapters.tokens
        "SELECT": _ALL,
        "INSERT": (runs, run_events, run_totals, leases, tokens, audit),
        "UPDATE": (runs, run_totals, studies, leases, tokens),
        "DELETE": (
            *(runs, run_charts, run_lines, run_events, batch_rankings, studies),
            *(audit, strangers, price_versions, price_parts),
        ),
    },
    "inspect": {  # people who look
        "SELECT": tuple(table for table in _ALL if table is not tokens),
    },
}


def grant(connection: Connection) -> None:
    """Give every role its rights; asks for the right to grant, and for users and tables that exist."""
    for statement in _statements():
        connection.exec_driver_sql(statement)


def _statements() -> Iterator[str]:
    for user, rights in RIGHTS.items():
        for right, tables in rights.items():
            yield from (f"GRANT {right} ON {table.name} TO '{user}'" for table in tables)
