"""Set the image of every manifest: `python scripts/set_image.py ghcr.io/owner/stock-backtest:1a2b3c4`.

Commit the changes to promote an image. k8s/ and keda/ change together, so that web never enqueues for another build.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = r"[a-z0-9]+([./-][a-z0-9_]+)*/stock-backtest:[0-9a-f]{7,40}"
LINE = r"(?m)^(\s*(?:- )?image: )\S+/stock-backtest:\S+"


def set_image(root: Path, image: str) -> list[str]:
    """Write `image` into all manifests below `root`; return the changed files. ValueError for a tag that may move."""
    if not re.fullmatch(IMAGE, image):
        raise ValueError(
            f"{image!r}: <registry>/<owner>/stock-backtest:<git commit, 7 to 40 hex digits> is expected"
        )
    changed = []
    for file in sorted([*(root / "k8s").rglob("*.yaml"), *(root / "keda").rglob("*.yaml")]):
        before = file.read_text("utf-8")
        after = re.sub(LINE, rf"\g<1>{image}", before)
        if after != before:
            file.write_text(after, "utf-8")
            changed.append(str(file.relative_to(root)))
    return changed


def main() -> int:
    """Set the image of the command line."""
    if len(sys.argv) != 2:
        print(
            "usage: python scripts/set_image.py <registry>/<owner>/stock-backtest:<commit>",
            file=sys.stderr,
        )
        return 2
    try:
        changed = set_image(ROOT, sys.argv[1])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(changed) or "every manifest names this image already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
