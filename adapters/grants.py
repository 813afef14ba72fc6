"""Rights of each role's database user, as the tables declare them, so that a compromised role cannot act as another.

An administrator of the server makes the users, without any rights: k8s/mysql.yaml shows how.
"""

from collections.abc import Iterator

from sqlalchemy import Table

from adapters.declarations import rows_of
from adapters.tables import metadata


def statements() -> Iterator[str]:
    """Yield a GRANT for each right of each role on each table; users and tables must exist."""
    for table in metadata.sorted_tables:
        for role, rights in rights_on(table).items():
            yield from (f"GRANT {right} ON {table.name} TO '{role}'" for right in rights)


def rights_on(table: Table) -> dict[str, list[str]]:
    """Return the SQL rights of each role on a table."""
    rows = rows_of(table)
    deleting = ["DELETE"] if rows.kept else []
    of_people = deleting if rows.of in ("run", "plan") else []
    return {
        "web": ["SELECT", *rows.web.split(), *of_people],
        "worker": rows.worker.split(),
        # commands run in its pod, too
        "reconciler": ["SELECT", *rows.reconciler.split(), *deleting],
        "inspect": [] if rows.is_secret else ["SELECT"],  # people
    }
