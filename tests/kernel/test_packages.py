"""Packages import each other in one direction only, as docs/architecture.md says."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STDLIB = frozenset(sys.stdlib_module_names)
NOTHING = frozenset[str]()
# which of our packages, or modules of them, each package may import
PACKAGES = {
    "contracts": NOTHING,
    "engine": NOTHING,
    "portfolio": frozenset({"engine"}),
    "rules": NOTHING,
    "adapters": frozenset({"contracts"}),
    "web": frozenset({"contracts", "rules.catalog", "rules.language", "adapters"}),
    "consumer": frozenset({"contracts", "engine", "portfolio", "rules", "adapters"}),
    "scripts": frozenset({"contracts", "engine", "rules", "adapters"}),
}
# which others may be imported, where that is not open
LIBRARIES = {
    "contracts": STDLIB | {"annotated_types"},
    "engine": STDLIB | {"numpy"},
    "portfolio": STDLIB | {"numpy"},
}
HEAVY = frozenset({"pandas", "matplotlib", "scipy"})
CLIENT = "scripts/backtests/"  # knows the platform by its HTTP API only
CLIENT_LIBRARIES = STDLIB | {
    "backtests",
    "jsonschema",
    "mcp",
    "pandas",
    "tqdm",
    "uvicorn",
    "yaml",
    "yfinance",
}
# files that may import more than their package
MORE = {
    "rules/optimizer.py": frozenset({"engine"}),
    "scripts/verify.py": frozenset({"consumer"}),
    # pages and schemas that follow from web
    "scripts/reference/pages.py": frozenset({"web"}),
    "scripts/reference/__main__.py": frozenset({"web"}),
}
# Which subjects of its package each subject, a package or one file, may import. "kernel" stands for the files next to
# the subjects: all of the package may import them, and they import a subject only where they put the program together
# (ASSEMBLY).
SUBJECTS = {
    "adapters": {
        "prices": NOTHING,
        "queue": NOTHING,
        "metrics": frozenset({"prices"}),
        "runs": frozenset({"metrics", "prices", "queue"}),
        "plans": frozenset({"metrics", "prices", "runs"}),
        "charts": frozenset({"metrics", "prices", "runs"}),
        "studies": frozenset({"metrics", "plans", "runs"}),
        "maintenance": frozenset({"plans", "prices"}),
        "receipts": frozenset({"metrics", "plans", "prices", "runs", "studies"}),
        "kernel": NOTHING,
    },
    "consumer": {
        "job": frozenset({"kinds", "sealed"}),
        "kinds": frozenset(
            {"leader", "sealed"}
        ),  # the columns of a training part, which the verdict reads
        "leader": frozenset({"job", "kinds"}),
        "sealed": NOTHING,
        "kernel": NOTHING,
    },
    "web": {
        "access": NOTHING,
        "documents": NOTHING,
        "rules": frozenset({"prices", "runs"}),
        "maintenance": frozenset({"access"}),
        "charts": frozenset({"documents", "runs"}),
        "prices": frozenset({"charts", "documents"}),
        "queue": frozenset({"maintenance"}),
        "runs": frozenset({"charts", "documents", "prices", "queue"}),
        "plans": frozenset({"runs"}),
        "batches": frozenset({"documents", "plans", "runs"}),
        "studies": frozenset({"batches", "plans", "prices", "runs"}),
        "screens": frozenset({"batches", "documents", "plans", "prices", "runs", "studies"}),
        "ledger": NOTHING,
        "vaults": frozenset({"charts", "prices", "runs", "studies"}),
        "receipts": NOTHING,
        "robustness": frozenset({"plans", "runs", "studies"}),
        "portfolios": frozenset({"batches", "charts", "plans", "prices", "runs", "studies"}),
        "kernel": NOTHING,
    },
}
DRAWING = "charts"  # of adapters: only Jobs draw
# files that put a program together: commands, processes, the application
ASSEMBLY = {
    "adapters": {"prune", "schema", "tokens"},
    "consumer": {"__main__", "local_scaler", "reconciler"},
    "web": {"__init__"},
}
# imports against the direction that are still there; none may be added
BACKWARD = {("adapters/tables.py", "metrics")}
# packages whose __init__.py is what others import by name
NAMED_BY_OTHERS = (ROOT / "web" / "__init__.py", ROOT / "scripts" / "backtests" / "__init__.py")


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, also within functions, as dotted names down to the imported name."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides the package"
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
    return imported


def fault_of(path: Path, imported: str) -> str | None:
    """Return why a file may not import a module, or None."""
    name = path.relative_to(ROOT).as_posix()
    package, (target, *inside) = name.split("/")[0], imported.split(".")
    module = f"{target}.{inside[0]}" if inside else target
    if name.startswith(CLIENT):
        return None if target in CLIENT_LIBRARIES else "the client speaks HTTP to the platform"
    if target == package:
        return _fault_of_subject(name, inside)
    if package == "web" and (target in HEAVY or module == f"adapters.{DRAWING}"):
        return "web loads neither pandas nor matplotlib"
    if target == "tests" or target in PACKAGES:
        allowed = PACKAGES[package] | MORE.get(name, NOTHING)
        return None if {target, module} & allowed else f"{package} does not import {module}"
    libraries = LIBRARIES.get(package)
    return (
        None if libraries is None or target in libraries else f"{package} does without {target}"
    )


def _fault_of_subject(name: str, inside: list[str]) -> str | None:
    """Return why a file may not import another subject of its package, or None."""
    package, *parts = name.split("/")
    subjects = SUBJECTS.get(package, {})
    subject = first if (first := parts[0].removesuffix(".py")) in subjects else "kernel"
    target = inside[0] if inside else "kernel"
    if target not in subjects or target == subject or (name, target) in BACKWARD:
        return None
    if subject == "kernel" and first in ASSEMBLY[package]:
        return None
    allowed = subjects[subject]
    return (
        None if target in allowed else f"{package}/{subject} does not import {package}/{target}"
    )


def python_files() -> list[Path]:
    return [path for package in PACKAGES for path in files_of(package)]


def files_of(package: str) -> list[Path]:
    """The files of a package, without the examples that the built documentation has a copy of."""
    built = ROOT / "web" / "site"
    return sorted(each for each in (ROOT / package).rglob("*.py") if built not in each.parents)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_imports_only_what_its_package_may(package: str) -> None:
    faults = [
        (path.relative_to(ROOT).as_posix(), imported, why)
        for path in files_of(package)
        for imported in imports_of(path)
        if (why := fault_of(path, imported))
    ]

    assert faults == []


@pytest.mark.parametrize("package", SUBJECTS)
def test_every_subject_has_its_directions(package: str) -> None:
    packages = {path.parent.name for path in (ROOT / package).glob("*/*.py")}
    files = {path.stem for path in (ROOT / package).glob("*.py")}
    subjects = SUBJECTS[package].keys() - {"kernel"}

    assert packages <= subjects <= packages | files


def test_an_exception_is_still_needed() -> None:
    needed = {
        (name, imported.split(".")[1])
        for name, _ in BACKWARD
        for imported in imports_of(ROOT / name)
        if imported.startswith(name.split("/")[0] + ".")
    }

    assert needed >= BACKWARD


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("web/views.py", "adapters.charts.render.render_charts"),
        ("web/views.py", "portfolio.walk.Walk"),
        ("web/views.py", "rules.registry.build_rule"),
        ("web/views.py", "pandas.DataFrame"),
        ("web/app.py", "web.runs.page.tabs"),
        ("web/runs/page.py", "web.studies.views.study"),
        ("adapters/prices/bars.py", "adapters.runs.states.claim"),
        ("adapters/runs/states.py", "adapters.plans.store.plan"),
        ("adapters/rows.py", "adapters.runs.states.claim"),
        ("adapters/queue.py", "rules.catalog.RULES"),
        ("engine/engine.py", "contracts.errors.PlatformError"),
        ("contracts/values.py", "numpy"),
        ("consumer/job.py", "web.create_app"),
        ("consumer/job/worker.py", "consumer.leader.lead.Plans"),
        ("portfolio/walk.py", "contracts.status.Kind"),
        ("rules/registry.py", "engine.engine.BacktestEngine"),
        ("scripts/backtests/client.py", "rules.catalog.RULES"),
        ("scripts/demo.py", "tests.services.processes.Programs"),
    ],
)
def test_a_forbidden_import_is_noticed(name: str, imported: str) -> None:
    assert fault_of(ROOT / name, imported)


def test_an_allowed_import_is_accepted() -> None:
    assert not fault_of(ROOT / "web" / "views.py", "rules.catalog.RULES")
    assert not fault_of(ROOT / "rules" / "optimizer.py", "engine.engine.BacktestEngine")
    assert not fault_of(ROOT / "adapters" / "runs" / "states.py", "adapters.rows.one")


def loaded_by(statement: str) -> set[str]:
    """Return the top-level names in sys.modules after a statement, in a fresh process."""
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


def test_a_run_a_portfolio_and_a_verdict_are_computed_without_database_and_queue() -> None:
    loaded = loaded_by(
        "import consumer.kinds.portfolio, adapters.studies.verdict, consumer.sealed.evaluator"
    )

    assert not loaded & {"sqlalchemy", "redis", "rq", "pandas", "web"}


def test_an_init_file_holds_a_docstring_at_most_but_two() -> None:
    filled = [
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if path.name == "__init__.py"
        and path not in NAMED_BY_OTHERS
        and not _is_docstring_at_most(path)
    ]

    assert filled == []


def _is_docstring_at_most(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body
    )
