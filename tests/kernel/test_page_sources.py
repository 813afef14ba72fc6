"""Templates and scripts can be read without scrolling sideways; linters leave long texts and comments alone."""

from pathlib import Path

from adapters.settings import PROJECT_ROOT

LONGEST = 120


def test_no_line_of_a_page_source_is_too_long() -> None:
    sources = [
        path
        for folder, kind in (("templates", "html"), ("static/js", "js"))
        for path in Path(PROJECT_ROOT, "web", folder).rglob(f"*.{kind}")
    ]

    too_long = [
        f"{path.relative_to(PROJECT_ROOT)}:{number} has {len(line)} characters"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LONGEST
    ]

    assert len(sources) > 50
    assert too_long == []
