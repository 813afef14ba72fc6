"""The engine is frozen: recorded results must be reproduced by the very code that made them.

docs/engine.md says what to do instead: a wrapper, an adapter, or a new engine next to this one.
"""

import hashlib
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "engine"
CLOSED = "engine/ is frozen; see docs/engine.md, 'New behaviour stays outside'"


def recorded_sums() -> dict[str, str]:
    """SHA-256 by path, as engine/SHA256SUMS has them."""
    lines = (ENGINE / "SHA256SUMS").read_text().splitlines()
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def actual_sums() -> dict[str, str]:
    """SHA-256 by path of every file in engine/ but the sums themselves and compiled bytecode."""
    files = (
        path for path in ENGINE.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {
        f"engine/{path.relative_to(ENGINE).as_posix()}": hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
        if path.name != "SHA256SUMS"
    }


def test_no_file_of_the_engine_is_changed_added_or_gone():
    recorded = recorded_sums()

    assert len(recorded) > 5
    assert actual_sums() == recorded, CLOSED
