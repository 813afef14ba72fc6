"""`python -m scripts.manifests`: every fault of the manifests, one per line; exit code 1 when there is one."""

import sys
from pathlib import Path

from scripts.manifests.checks import faults_of
from scripts.manifests.documents import read_platform


def main() -> int:
    """Check the checkout that this file stands in."""
    platform = read_platform(Path(__file__).resolve().parent.parent.parent)
    faults = faults_of(platform)
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    if not faults:
        print(f"{len(platform.documents)} manifests are in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
