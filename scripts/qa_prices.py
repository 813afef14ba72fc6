"""Check a folder of price files and print every fault with its file and line; exit status 1 when there is any."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adapters.prices.price_file import price_faults, price_lines
from adapters.prices.tickers import FILE_NAME, is_ticker, price_path
from contracts.errors import PlatformError
from contracts.run_request import Timeframe


def file_faults(path: Path) -> Iterator[str]:
    """Yield every fault of one price file as a line of text."""
    name = FILE_NAME.fullmatch(path.name)
    if name is None or not is_ticker(name[1]):
        yield f"{path.name}: not named <TICKER>.csv, <TICKER>_1h.csv or <TICKER>_5m.csv (A-Z 0-9 . ^ = -)"
        return
    timeframe = cast(Timeframe, name[2] or "1d")
    try:
        lines = price_lines(price_path(path.parent, name[1], timeframe).read_bytes(), path.name)
    except PlatformError as error:
        yield str(error)
        return
    for line_no, fault in price_faults(lines, timeframe):
        yield f"{path.name}, line {line_no}: {fault}"


def main() -> int:
    """Print the faults of all files and a summary; 0 when there are files and none has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("data"), help="folder to check (default: data)")
    folder = parser.parse_args().folder
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        print(f"{folder}: no *.csv files")
        return 1
    faults = [fault for path in paths for fault in file_faults(path)]
    print(*faults, f"{len(faults)} faults in {len(paths)} files", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
