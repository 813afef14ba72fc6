"""What each role's database user may do, by what each table declares; whoever has taken over one cannot act as another.

The users are made, without any rights, by an administrator of the server: k8s/mysql.yaml shows how.
"""

from collections.abc import Iterator

from sqlalchemy import Table

from adapters.declarations import rows_of
from adapters.tables import metadata


def statements() -> Iterator[str]:
    """SQL for each right of each role on each table; needs the right to grant, and users and tables that exist."""
    for table in metadata.sorted_tables:
        for role, rights in rights_on(table).items():
            yield from (f"GRANT {right} ON {table.name} TO '{role}'" for right in rights)


def rights_on(table: Table) -> dict[str, list[str]]:
    """What each role may do with a table's rows, in SQL's words."""
    rows = rows_of(table)
    deleting = ["DELETE"] if rows.kept else []
    return {
        "web": ["SELECT", *rows.web.split()],
        "worker": rows.worker.split(),
        # and commands that are run in its pod
        "reconciler": ["SELECT", *rows.reconciler.split(), *deleting],
        "inspect": [] if rows.is_secret else ["SELECT"],  # people who look
    }
