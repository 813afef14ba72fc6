"""MkDocs hooks: files from outside of docs/, the notebook as a page, links that leave docs/."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
NOTEBOOK = "notebook.ipynb"
OF_THE_DASHBOARD = ("css/palette.css", "icon.svg")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:)([^)#\s]+)(#[^)]*)?\)")
log = logging.getLogger("mkdocs.hooks")  # a warning here fails the build


def on_files(files: Files, config: Any) -> Files:
    """Files outside docs/ that belong to the documentation."""
    for name in PAGES:
        files.append(
            File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8"))
        )
    for name in OF_THE_DASHBOARD:
        files.append(
            File.generated(config, name, abs_src_path=str(ROOT / "web" / "static" / name))
        )
    cells = json.loads((ROOT / "docs" / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    files.append(File.generated(config, "notebook.md", content="\n\n".join(_parts(cells))))
    return files


def _parts(cells: list[Any]) -> Iterator[str]:
    """A notebook's words, code and what the code printed or drew."""
    for cell in cells:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
        for output in cell.get("outputs", ()):
            if "text" in output:
                yield "```text\n" + "".join(output["text"]).rstrip() + "\n```"
            elif picture := output.get("data", {}).get("image/png"):
                yield f"![What the code above draws](data:image/png;base64,{''.join(picture.split())})"


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
            page_name = name.removeprefix("docs/").replace(NOTEBOOK, "notebook.md")
            return f"[{words}]({page_name}{anchor})"
        return words if words.startswith("`") else f"{words} (`{name}`)"

    return LINK.sub(inside, markdown)
