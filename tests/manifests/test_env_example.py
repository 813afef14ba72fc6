""".env.example names every setting, with the value that it has anyway."""

from pathlib import Path

from adapters.settings import Settings, load_settings
from tests.manifests.checks.environment import KNOWN_NAMES

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".env.example"


def example() -> dict[str, str]:
    lines = [
        line
        for line in FILE.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    return dict(line.split("=", 1) for line in lines)


def test_every_setting_is_in_the_example() -> None:
    assert example().keys() == KNOWN_NAMES


def test_the_example_changes_nothing() -> None:
    assert load_settings(example()) == Settings()


def test_every_setting_in_the_example_has_a_comment() -> None:
    paragraphs = FILE.read_text(encoding="utf-8").split("\n")
    bare = [
        line
        for before, line in zip(paragraphs, paragraphs[1:], strict=False)
        if "=" in line and not line.startswith("#") and before == ""
    ]

    assert bare == []


def test_every_name_is_read_by_the_code() -> None:
    settings = (ROOT / "adapters/settings.py").read_text(encoding="utf-8")

    unread = [
        name for name in KNOWN_NAMES if name not in settings and name.lower() not in settings
    ]

    assert unread == []
