"""Price files, or Yahoo's prices, sent to the platform one after another, and what became of each."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.price_names import TIMEFRAMES, Series, series_named
from backtests.results import aligned
from backtests.yahoo import require_yfinance, yahoo_csv

TOO_LARGE = 413
COLUMNS = ("file", "ticker", "timeframe", "bars", "from", "to", "outcome", "warnings")


class Source(NamedTuple):
    """A price file, or what stands for one."""

    name: str
    ticker: str
    timeframe: str
    read: Callable[[], bytes]


class Outcome(NamedTuple):
    """What became of a source."""

    source: Source
    cells: list[str]  # of the table, behind those of the source
    said: list[str]  # all else that there is to say about it, a sentence each
    is_refused: bool


def sources_of(asked: Namespace) -> list[Source]:
    """What the command line names; BadInput with all that is wrong about it, before anything is sent."""
    if asked.yahoo:
        return _yahoo(asked)
    paths = _paths(asked)
    named = [(path, _series(path, asked)) for path in paths]
    faults = list(filter(None, (_fault(*each) for each in named)))
    if faults := faults or _repeated(named):
        raise BadInput(*faults)
    return [
        Source(path.name, series.ticker, str(series.timeframe), path.read_bytes)
        for path, series in named
    ]


def _paths(asked: Namespace) -> list[Path]:
    paths = [Path(name) for name in asked.files]
    for folder in asked.folder:
        paths += sorted([*Path(folder).glob("*.csv"), *Path(folder).glob("*.csv.gz")])
    if not paths:
        raise BadInput(
            "no price files: name some, or a --folder that has *.csv files, or --yahoo TICKER"
        )
    if asked.ticker and len(paths) > 1:
        raise BadInput(f"--ticker {asked.ticker} is for one file, and these are {len(paths)}")
    return paths


def _yahoo(asked: Namespace) -> list[Source]:
    if asked.files or asked.folder or asked.ticker or asked.since is None:
        raise BadInput(
            "--yahoo takes the tickers and --from YYYY-MM-DD, and neither files nor --ticker"
        )
    require_yfinance()
    frame = asked.timeframe or "1d"
    return [
        Source(f"Yahoo Finance {each}", each, frame, partial(yahoo_csv, each, frame, asked.since))
        for each in asked.yahoo
    ]


def _series(path: Path, asked: Namespace) -> Series:
    named = series_named(path.name) or Series("", "1d")
    return Series(asked.ticker or named.ticker, asked.timeframe or named.timeframe)


def _fault(path: Path, series: Series) -> str | None:
    if not path.is_file():
        return f"{path}: no such file"
    if not series.ticker:
        return f"{path}: its name does not say which ticker it holds: name it <TICKER>.csv, or say --ticker"
    if series.timeframe is None:
        known = ", ".join(TIMEFRAMES)
        return f"{path}: its name speaks of another timeframe than {known}; if it is one of them, say --timeframe"
    return None


def _repeated(named: Sequence[tuple[Path, Series]]) -> list[str]:
    """Files of one series, of which only the last would stay current."""
    seen: dict[Series, Path] = {}
    return [
        f"{seen[series]} and {path} are both {series.ticker} {series.timeframe}; load one of them"
        for path, series in named
        if seen.setdefault(series, path) != path
    ]


def load_source(client: Client, source: Source, asked: Namespace) -> Outcome:
    """Send one source. Refused when the question is wrong, or who asks, so that no other would be taken either."""
    try:
        report = client.load_prices(
            source.ticker,
            source.read(),
            source.timeframe,
            dry_run=asked.dry_run,
            adjust=not asked.no_adjust,
            timezone=asked.timezone,
            source=source.name,
            note=asked.note,
        )
    except (BadInput, OSError) as error:
        return _refused(source, {"file": str(error)})
    except Refused as refused:
        if not _is_about_the_file(refused, asked) and refused.code != TOO_LARGE:
            raise
        return _refused(source, refused.errors or {"file": refused.message})
    cells = [f"{report['bars']:,}", report["first_bar"], report["last_bar"], report["outcome"]]
    warnings = [
        f"warning: line {each['line']}: {each['message']}"
        if each["line"]
        else f"warning: {each['message']}"
        for each in report["warnings"]
    ]
    return Outcome(
        source, [*cells, str(len(warnings))], [*report["done"], *warnings], is_refused=False
    )


def _refused(source: Source, faults: Mapping[str, str]) -> Outcome:
    said = [f"{place}: {fault}" for place, fault in faults.items()]
    return Outcome(source, ["-", "-", "-", "refused", "-"], said, is_refused=True)


def _is_about_the_file(refused: Refused, asked: Namespace) -> bool:
    """Whether other files may be taken all the same: not where the command names what no platform knows."""
    of_file = {"file", "timeframe", *([] if asked.timezone else ["timezone"])}
    return any(place in of_file or place.startswith("line ") for place in refused.errors)


def as_table(outcomes: Sequence[Outcome]) -> str:
    """A row for each source, and below it all that was done, warned of, and wrong."""
    rows = [
        [each.source.name, each.source.ticker, each.source.timeframe, *each.cells]
        for each in outcomes
    ]
    said = [f"{each.source.name}: {line}" for each in outcomes for line in each.said]
    return "\n".join([*aligned([COLUMNS, *rows]), *([""] if said else []), *said])
