"""`python -m scripts.manifests`: every fault of the manifests, one per line; exit code 1 when there is one."""

import sys
from pathlib import Path

from scripts.manifests.checks import faults_of
from scripts.manifests.documents import read_platform

ROOT = Path(__file__).resolve().parent.parent.parent


def main(root: Path = ROOT) -> int:
    """Check the manifests below `root`; 0 when there is nothing to say."""
    try:
        platform = read_platform(root)
        faults = faults_of(platform)
    except ValueError as error:
        faults = [str(error)]
    if not faults:
        print(f"{len(platform.documents)} manifests are in order")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
