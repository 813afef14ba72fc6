"""Pages name only files, targets, commands and objects that exist; where the site is built its links are checked."""

import re
from importlib.util import find_spec

import pytest

from tests.manifests.checks.documents import read_platform
from tests.services.processes import PROJECT_ROOT

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{each}.md" for each in ("architecture", "changing", "operations")),
)
ROOMS = "adapters|consumer|contracts|data|docs|engine|k8s|keda|portfolio|rules|scripts|tests|web|\\.github"
PATH = re.compile(rf"(?<![\w/.:])((?:{ROOMS})/[\w./*-]*\w/?)")
LOGGING = ("adapters", "consumer", "web")
EVENT = re.compile(r"`([a-z]+_[a-z_]+)[ `]")
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


def text_of(page: str) -> str:
    return (PROJECT_ROOT / page).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_the_page_exists(page: str) -> None:
    named = set(PATH.findall(text_of(page)))

    assert len(named) > 3
    assert sorted(path for path in named if not list(PROJECT_ROOT.glob(path))) == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    broken = []
    for target, anchor in LINK.findall(text_of("README.md")):
        path = PROJECT_ROOT / (target or "README.md")
        if not path.exists() or (
            anchor and anchor not in anchors(path.read_text(encoding="utf-8"))
        ):
            broken.append(f"{target}#{anchor}")

    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_target_and_module_of_the_page_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))
    modules = re.findall(r"-m ((?:scripts|tests|adapters)\.[\w.]+)", text_of(page))
    missing = [name for name in modules if not find_spec(name)]

    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE)) <= targets
    assert missing == []


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/deploy.md"])
def test_every_object_that_kubectl_names_exists(page: str) -> None:
    workloads = {
        f"{each.kind.lower()}/{each.name}" for each in read_platform(PROJECT_ROOT).documents
    }

    kinds = "deployment|statefulset|cronjob|service|scaledjob|job"
    named = set(re.findall(rf"kubectl [^`\n]*?\b({kinds})[/ ]([a-z]+)\b(?![-<])", text_of(page)))

    assert len(named) > 2
    assert (
        sorted(f"{kind}/{name}" for kind, name in named if f"{kind}/{name}" not in workloads)
        == []
    )


def test_every_user_of_mysql_that_a_command_names_is_made() -> None:
    made = set(re.findall(r"^ *add (\w+) ", text_of("k8s/mysql.yaml"), re.MULTILINE)) | {"root"}

    named = set(
        re.findall(r"--user=(\w+)", text_of("docs/operations.md") + text_of("scripts/demo.sh"))
    )

    assert "inspect" in named
    assert sorted(named - made) == []


def test_every_event_of_the_log_that_the_operations_page_names_is_logged() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for package in LOGGING
        for path in (PROJECT_ROOT / package).rglob("*.py")
    ]
    logged = set(re.findall(r'log\.\w+\(\s*"([a-z_]+)', "".join(sources)))
    table = text_of("docs/operations.md").partition("## What you see")[2].partition("\n## ")[0]

    named = {
        word
        for cell in re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
        for word in EVENT.findall(cell)
    }

    assert len(named) > 20
    assert sorted(named - logged) == []
