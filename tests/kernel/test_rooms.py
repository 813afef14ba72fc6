"""The rooms import each other in one direction only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("contracts", "engine", "portfolio", "rules", "adapters", "web", "consumer", "scripts")
STDLIB = frozenset(sys.stdlib_module_names)
# The rooms inside adapters, and which of their neighbours each may import; settings and logs are open to all of them.
ADAPTERS = {
    "prices": frozenset[str](),
    "metrics": frozenset({"prices"}),
    "charts": frozenset({"metrics", "prices", "runs"}),
    "queue": frozenset[str](),
    "runs": frozenset({"metrics", "prices", "queue"}),
    "batches": frozenset({"metrics", "runs"}),
    "studies": frozenset({"batches", "metrics", "runs"}),
    "portfolios": frozenset({"metrics", "prices", "runs"}),
    "access": frozenset({"studies"}),
    "upkeep": frozenset({"access", "studies"}),
}
DRAWING = "charts"  # what only Jobs do
WRITTEN_FROM_WEB = (
    "scripts/reference/api.py",
    "scripts/reference/contract.py",
)  # pages and schemas that follow from it
# what others import by name
NAMING = (ROOT / "web" / "__init__.py", ROOT / "scripts" / "backtests" / "__init__.py")
HEAVY = frozenset({"pandas", "matplotlib", "scipy"})


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, hidden in functions or not, as dotted names down to the imported name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def module_of(name: str) -> str:
    """The module part of a dotted name: at most room and file or inner room, for our rooms; the package for others."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] in ROOMS else parts[0]


def forbidden(path: Path, imported: str) -> str | None:
    """Why this file may not import that, or None."""
    room, target = path.relative_to(ROOT).parts[0], module_of(imported)
    target_room, name = target.split(".")[0], path.relative_to(ROOT).as_posix()
    ours = target_room in ROOMS
    if room in ("contracts", "engine") and ours and target_room != room:
        return f"{room} imports nothing of ours"
    if room == "contracts" and not ours and target not in STDLIB | {"annotated_types"}:
        return "contracts uses the standard library and annotated_types only"
    if room == "portfolio" and (
        target_room not in ("portfolio", "engine") if ours else target not in STDLIB | {"numpy"}
    ):
        return "portfolio uses the engine and numpy only"
    if room == "engine" and not ours and target not in STDLIB | {"numpy"}:
        return "engine uses numpy only"
    if (
        room == "rules"
        and ours
        and target_room != "rules"
        and not (name == "rules/optimizer.py" and target_room == "engine")
    ):
        return "rules imports nothing of ours; the optimizer also the engine"
    if room == "adapters" and ours and target_room not in ("adapters", "contracts"):
        return "adapters imports contracts only"
    if room == "adapters" and (inner := path.relative_to(ROOT).parts[1]) in ADAPTERS:
        neighbour = target.partition(".")[2]
        if neighbour in ADAPTERS.keys() - {inner} - ADAPTERS[inner]:
            return f"adapters/{inner} does not know adapters/{neighbour}"
    if room == "web":
        if ours and not (
            target_room in ("web", "contracts")
            or target in ("rules.catalog", "rules.language")
            or (target_room == "adapters" and target.partition(".")[2] != DRAWING)
        ):
            return "web imports contracts, rules.catalog, rules.language and what adapters does without Jobs"
        if target in HEAVY:
            return "web loads neither pandas nor matplotlib"
    if room == "consumer" and target_room == "web":
        return "consumer does not know web"
    if name.startswith("scripts/backtests/") and target not in STDLIB | {
        "backtests",
        "yaml",
        "yfinance",
    }:
        return "the client knows the platform by its HTTP API only"
    if (
        room == "scripts"
        and target_room in ("web", "consumer", "tests")
        and name not in WRITTEN_FROM_WEB
    ):
        # that one writes the page of the application's routes
        return (
            "scripts import contracts, rules and adapters, and speak HTTP to a running platform"
        )
    return None


def python_files() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(
    "path", python_files(), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    faults = {
        imported: why for imported in imports_of(path) if (why := forbidden(path, imported))
    }

    assert faults == {}


def test_a_forbidden_import_is_noticed() -> None:
    assert forbidden(ROOT / "web" / "views.py", "adapters.charts.render.render_charts")
    assert forbidden(ROOT / "adapters" / "prices" / "bars.py", "adapters.runs.states.claim")
    assert forbidden(ROOT / "engine" / "engine.py", "contracts.errors.PlatformError")
    assert forbidden(ROOT / "consumer" / "job.py", "web.create_app")
    assert forbidden(ROOT / "portfolio" / "walk.py", "contracts.status.Kind")
    assert forbidden(ROOT / "web" / "views.py", "portfolio.walk.Walk")
    assert forbidden(ROOT / "adapters" / "queue.py", "rules.catalog.RULES")
    assert forbidden(ROOT / "scripts" / "backtests" / "client.py", "rules.catalog.RULES")
    assert forbidden(ROOT / "scripts" / "demo.py", "tests.services.processes.Programs")
    assert not forbidden(ROOT / "web" / "views.py", "rules.catalog.RULES")


def loaded_by(statement: str) -> set[str]:
    """Top-level names in sys.modules after a statement, in a fresh process."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return set(output.split())


def test_the_web_tier_loads_no_pandas_and_no_engine() -> None:
    loaded = loaded_by("import web; web.create_app")

    assert not loaded & {"pandas", "matplotlib", "engine", "portfolio", "consumer"}


def test_the_reconciler_loads_no_pandas_and_no_engine() -> None:
    loaded = loaded_by("import consumer.reconciler")

    assert not loaded & {"pandas", "matplotlib", "engine", "portfolio", "web"}


def test_a_job_loads_neither_pandas_nor_pydantic_nor_matplotlib_nor_the_orm() -> None:
    loaded = loaded_by(
        "import consumer.job.worker, consumer.job.task, sys; assert 'sqlalchemy.orm' not in sys.modules"
    )

    assert not loaded & {"pandas", "pydantic", "matplotlib", "flask", "web"}


def test_an_init_file_holds_a_docstring_at_most_but_two() -> None:
    filled = [
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
        if path not in NAMING and not _is_docstring_at_most(path)
    ]

    assert filled == []


def _is_docstring_at_most(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body
    )
