"""Loading a price file: read, checked, compared with the current version, and stored; the same behind every door."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import Engine

from adapters.prices.bars import Bars
from adapters.prices.checks import changes, oddities
from adapters.prices.findings import Finding, Refused
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.tickers import FILE_NAMES, series_of_file
from adapters.store.prices import Origin, PriceStore, save_version
from contracts.errors import UnknownTicker


@dataclass(frozen=True, slots=True)
class Report:
    """What a file holds and what its loading does, or did: new, changed, or unchanged against the current version."""

    ticker: str
    outcome: Literal["new", "changed", "unchanged"]
    bars: Bars
    done: list[str]
    warnings: list[Finding]
    added: int
    revised: int
    removed: int

    def as_json(self) -> dict[str, Any]:
        """The report as the API answers it and as it is kept with the version."""
        return {
            "ticker": self.ticker,
            "timeframe": self.bars.timeframe,
            "data_hash": self.bars.data_hash,
            "outcome": self.outcome,
            "first_bar": self.bars.first,
            "last_bar": self.bars.last,
            "bars": len(self.bars),
            "added": self.added,
            "revised": self.revised,
            "removed": self.removed,
            "done": self.done,
            "warnings": [asdict(finding) for finding in self.warnings],
        }


def examine(store: PriceStore, ticker: str, content: bytes, meaning: Meaning) -> Report:
    """The report of a file; nothing is stored. Refused when it cannot be loaded."""
    reading = read_prices(content, meaning)
    bars, warnings = reading.bars, reading.warnings + oddities(reading.bars)
    try:
        current = store.get(ticker, meaning.timeframe)
    except UnknownTicker:
        return Report(ticker, "new", bars, reading.done, warnings, len(bars), 0, 0)
    if current.data_hash == bars.data_hash:
        return Report(ticker, "unchanged", bars, reading.done, warnings, 0, 0, 0)
    found = changes(bars, store.bars(current.data_hash))
    warnings = warnings + found.findings()
    return Report(ticker, "changed", bars, reading.done, warnings, found.added, len(found.revised), len(found.removed))


def load(
    engine: Engine, report: Report, *, source: str | None, note: str | None = None, loaded_by: str | None = None
) -> None:
    """Store what was examined as the current version of its series."""
    origin = Origin(source=source, note=note, report=report.as_json(), loaded_by=loaded_by)
    save_version(engine, report.ticker, report.bars, origin)


def load_folder(engine: Engine, folder: Path) -> list[tuple[str, str]]:
    """Take in the price files of a folder that the store does not know: (file, what became of it) of each.

    A file whose content is a version already changes nothing, so a newer version that somebody has loaded stays
    current. A broken file is left out, in words; the others are loaded all the same.
    """
    store = PriceStore(engine)
    return [(path.name, _take_in(engine, store, path)) for path in sorted(folder.glob("*.csv"))]


def _take_in(engine: Engine, store: PriceStore, path: Path) -> str:
    named = series_of_file(path.name)
    if named is None:
        return f"left out: not named {FILE_NAMES}"
    ticker, timeframe = named
    try:
        report = examine(store, ticker, path.read_bytes(), Meaning(timeframe=timeframe))
        store.get(ticker, timeframe, report.bars.data_hash)
        return "known"
    except UnknownTicker:
        load(engine, report, source=path.name)
        return f"{report.outcome}: {len(report.bars):,} bars from {report.bars.first} to {report.bars.last}"
    except Refused as fault:
        return f"left out: {fault}"
