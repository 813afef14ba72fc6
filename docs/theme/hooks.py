"""What MkDocs does not do by itself: files from outside of docs/, and links that leave it."""

import logging
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
OF_THE_DASHBOARD = ("css/light.css", "css/dark.css", "icon.svg")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:)([^)#\s]+)(#[^)]*)?\)")
log = logging.getLogger("mkdocs.hooks")  # a warning here fails the build


def on_files(files: Files, config: Any) -> Files:
    """The files that are kept elsewhere, beside those of docs/."""
    for name in PAGES:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for name in OF_THE_DASHBOARD:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / "web" / "static" / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A page whose links lead to pages of the site; of what is no part of it only the name stays."""
    folder = ROOT if page.file.src_uri in PAGES else ROOT / "docs"

    def inside(link: re.Match[str]) -> str:
        words, path, anchor = link.groups(default="")
        target = (folder / path).resolve()
        if not target.exists():
            log.warning("%s: there is no %s", page.file.src_uri, path)
        name = target.relative_to(ROOT).as_posix()
        if name in PAGES or name.startswith("docs/"):
            return f"[{words}]({name.removeprefix('docs/')}{anchor})"
        return words if words.startswith("`") else f"{words} (`{name}`)"

    return LINK.sub(inside, markdown)
