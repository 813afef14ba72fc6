"""`python -m adapters.tokens make NAME --scope admin`: make, list and revoke the tokens that the web tier asks for."""

import argparse
import sys

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.access import SCOPES, list_tokens, make_token, record_entry, revoke_token
from adapters.database import connect_database
from adapters.runs.states import HOST
from adapters.settings import load_settings
from contracts.errors import PlatformError


def main() -> int:
    """Run a command on the database of DATABASE_URL; return 0 on success."""
    arguments = _arguments().parse_args()
    try:
        with connect_database(load_settings().database_url).begin() as connection:
            sys.stdout.write(_do(connection, arguments))
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OperationalError, ProgrammingError) as error:
        sys.stderr.write(f"the database could not be used: {error.orig}\n")
        return 1
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.tokens", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="print a new token; it is shown this once")
    make.add_argument("name", help="name of the person or program that gets it")
    make.add_argument(
        "--scope", choices=SCOPES, default="submit", help="what it may do (default: %(default)s)"
    )
    make.add_argument(
        "--days", type=int, help="how long it is valid; by default until it is revoked"
    )
    commands.add_parser("revoke", help="end a token and its sessions").add_argument("name")
    commands.add_parser("list", help="all tokens that were ever made")
    return parser


def _do(connection: Connection, arguments: argparse.Namespace) -> str:
    """Run one command and return its output; changes are recorded in the audit in the same transaction."""
    if arguments.command == "list":
        return "".join(map(_line, list_tokens(connection))) or "there is no token\n"
    action = f"tokens.{arguments.command}"
    record_entry(
        connection,
        actor="command",
        address=HOST,
        action=action,
        subject=arguments.name,
        status=200,
    )
    if arguments.command == "make":
        return f"{make_token(connection, arguments.name, arguments.scope, arguments.days)}\n"
    revoke_token(connection, arguments.name)
    return f"{arguments.name} is revoked, and its sessions have ended\n"


def _line(token: RowMapping) -> str:
    times = {"made": token.made_at, "until": token.expires_at, "revoked": token.revoked_at}
    parts = (f"{word} {at:%Y-%m-%d %H:%M}" for word, at in times.items() if at)
    return f"{token.name}: {token.scope}, {', '.join(parts)}\n"


if __name__ == "__main__":
    sys.exit(main())
