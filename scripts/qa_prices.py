"""Check a folder of price files as loading does, and print faults and warnings; exit code 1 when there are faults."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adapters.prices.checks import oddities, other_tickers
from adapters.prices.decoding import unpacked
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.table import RefusedFile
from adapters.prices.tickers import name_fault, price_files, series_of_file


def findings(path: Path) -> list[str]:
    """Return the faults of one price file, or its warnings."""
    series = series_of_file(path.name)
    if series is None:
        return [f"error: {name_fault(path.name)}"]
    try:
        reading = read_prices(unpacked(path.read_bytes()), Meaning(timeframe=series[1]))
    except OSError as error:  # a dangling link, a folder, or no permission
        return [f"error: cannot be read: {error.strerror}"]
    except RefusedFile as fault:
        return [f"error: {each}" for each in fault.findings]
    warnings = (
        other_tickers(reading.tickers, series[0]) + reading.warnings + oddities(reading.bars)
    )
    return [f"warning: {each}" for each in warnings]


def main() -> int:
    """Print the findings of all files and a summary; 0 when there are files and none is refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("data"),
        help="folder to check (default: data)",
    )
    folder = parser.parse_args().folder
    paths = price_files(folder)
    if not paths:
        print(f"{folder}: no *.csv or *.csv.gz files")
        return 1
    messages = [(path.name, each) for path in paths for each in findings(path)]
    faults = sum(each.startswith("error") for _, each in messages)
    summary = f"{faults} faults and {len(messages) - faults} warnings in {len(paths)} files"
    print(*map(": ".join, messages), summary, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
