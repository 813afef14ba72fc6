"""`python -m adapters.tokens make NAME --scope admin`: make, list, limit and revoke the web tier's tokens."""

import argparse
import sys

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import OperationalError, ProgrammingError

from adapters.access import (
    SCOPES,
    list_tokens,
    make_token,
    record_entry,
    revoke_token,
    set_budget,
)
from adapters.budgets import Budget
from adapters.database import connect_database
from adapters.runs.states import HOST
from adapters.settings import load_settings
from contracts.errors import PlatformError

MOST_LIMIT = 10**12


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
    limit = commands.add_parser("limit", help="replace a token's budget")
    limit.add_argument("name")
    for command in (make, limit):
        for option, about in _BUDGETS.items():
            command.add_argument(
                option, type=_limit, help=f"{about} (default: as in the settings)"
            )
    commands.add_parser("revoke", help="end a token and its sessions").add_argument("name")
    commands.add_parser("list", help="all tokens that were ever made")
    return parser


_BUDGETS = {
    "--daily-combinations": "combinations that it may submit on a UTC day",
    "--daily-cpu-s": "CPU seconds that its Jobs may use on a UTC day before submissions are refused",
}


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted; accepted: 0 to {MOST_LIMIT}")
    return int(text)


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
    if arguments.command == "revoke":
        revoke_token(connection, arguments.name)
        return f"{arguments.name} is revoked, and its sessions have ended\n"
    budget = Budget(arguments.daily_combinations, arguments.daily_cpu_s)
    if arguments.command == "limit":
        set_budget(connection, arguments.name, budget)
        return (
            f"{arguments.name}: {', '.join(budget.words()) or 'limited by the settings only'}\n"
        )
    token = make_token(connection, arguments.name, arguments.scope, arguments.days, budget)
    return f"{token}\n"


def _line(token: RowMapping) -> str:
    times = {"made": token.made_at, "until": token.expires_at, "revoked": token.revoked_at}
    parts = [f"{word} {at:%Y-%m-%d %H:%M}" for word, at in times.items() if at]
    budget = Budget(token.daily_combinations, token.daily_cpu_s)
    return f"{token.name}: {token.scope}, {', '.join([*parts, *budget.words()])}\n"


if __name__ == "__main__":
    sys.exit(main())
