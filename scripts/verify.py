"""Check a receipt: recompute its result from its request and prices, without server, database or Redis, and compare.

It is also the program of each receipt: `python -I receipt.zip` needs nothing but Python and numpy. Exit codes: 0, all
is equal; 1, something differs or was changed, and the first place is named.
"""

import argparse
import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent  # scripts/ of a clone, or a receipt
IS_RECEIPT = HERE.name != "scripts"
sys.path.insert(0, str(HERE if IS_RECEIPT else HERE.parent))

from adapters.receipts.archive import read_receipt  # noqa: E402
from adapters.receipts.signature import check_signature  # noqa: E402
from adapters.settings import Settings  # noqa: E402
from consumer.kinds.receipt import check, compare_code  # noqa: E402
from contracts.errors import PlatformError  # noqa: E402


def main() -> int:
    """Check the receipt that the command line names, by default the one that this program is in."""
    arguments = _parser().parse_args()
    seal = "trusted" if arguments.trust_code else "sealed"
    try:
        receipt = read_receipt(arguments.file.read_bytes())
        if arguments.key:
            check_signature(receipt, arguments.key.read_bytes())
        # open_access: not a private machine, on which code may run unsealed
        settings = Settings(python_rules=seal, open_access=True)
        print(f"equal: {check(receipt, _csv_files(arguments.prices), settings)}")
    except (PlatformError, OSError) as error:
        print(f"not equal: {error}", file=sys.stderr)
        return 1
    if arguments.key:
        print(f"signed by the key in {arguments.key}")
    print("recomputed by its own code" if IS_RECEIPT else compare_code(receipt))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", type=Path, nargs="?" if IS_RECEIPT else None, default=HERE if IS_RECEIPT else None
    )
    parser.add_argument(
        "--prices",
        type=Path,
        metavar="DIR",
        help="a folder with the CSVs of a receipt that has hashes alone",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the sender's public key (/.well-known/backtests-key), by which the receipt must be signed",
    )
    parser.add_argument(
        "--trust-code",
        action="store_true",
        help="run a strategy in Python where this machine cannot seal it",
    )
    return parser


def _csv_files(folder: Path | None) -> dict[str, bytes]:
    files = (path.read_bytes() for path in sorted(folder.glob("*.csv"))) if folder else ()
    return {hashlib.sha256(content).hexdigest(): content for content in files}


if __name__ == "__main__":
    sys.exit(main())
