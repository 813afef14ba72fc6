"""The pages for people who change the project name only files, links, targets and commands that exist."""

import re
from importlib.util import find_spec

import pytest

from tests.services.processes import PROJECT_ROOT

PAGES = ("CONTRIBUTING.md", "docs/changing.md")
ROOMS = "adapters|consumer|contracts|data|docs|engine|k8s|keda|rules|scripts|tests|web|\\.github"
PATH = re.compile(rf"(?<![\w/.:])((?:{ROOMS})/[\w./*-]*\w/?)")
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

    assert len(named) > 5
    assert sorted(path for path in named if not list(PROJECT_ROOT.glob(path))) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_page_leads_somewhere(page: str) -> None:
    broken = []
    for target, anchor in LINK.findall(text_of(page)):
        path = (PROJECT_ROOT / page).parent / target if target else PROJECT_ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text(encoding="utf-8"))):
            broken.append(f"{target}#{anchor}")

    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_target_and_module_of_the_page_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE))
    modules = re.findall(r"-m ((?:scripts|tests|adapters)\.[\w.]+)", text_of(page))
    missing = [name for name in modules if not find_spec(name)]

    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE)) <= targets
    assert missing == []
