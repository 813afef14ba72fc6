"""The reserved end of a series is read by nothing: every address is asked, and no answer has a bar of it."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.access_tables import audit
from adapters.database import reading
from adapters.prices.loading import delete_unused
from adapters.prices.packing import PackedPrices, run_prices, unpack_bars
from adapters.prices.store import prices_of
from contracts.errors import NoPricesInRange
from contracts.run_request import RunRequest
from contracts.timeframes import LENGTH_S
from tests.services.jobs import run_all
from tests.services.studies import leader, work_through
from tests.web.conftest import ON_BOTH_DATABASES

FROM = date(2012, 1, 1)  # a Sunday, so no bar is dated by it
START, END = date(2010, 1, 4), date(2012, 6, 29)
WHOLE = {"start_date": "2010-01-04", "end_date": "2012-12-31"}
RULE = {"rule_type": "MA_CROSS", "params": {"fast": 5, "slow": 20}}
# prices and volumes of reserved bars alone, as text, with or without commas and decimals
RESERVED = re.compile(r"(?<![\w.,-])7,?3\d\d,?\d\d\d(?:\.\d+)?(?![\w-])")
SECONDS = re.compile(r"(?<![\w.])13\d{8}(?![\w.])")
DAY = re.compile(r"2012-0[1-6]-(?!01)\d\d")


def starts(timeframe: str) -> Iterator[datetime]:
    """When the bars of a ticker begin: every weekday, each hour of some weeks, each Monday."""
    day = START
    while day <= END:
        if timeframe == "1h" and date(2011, 12, 1) <= day <= date(2012, 1, 31):
            yield from (
                datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in range(14, 21)
            )
        elif timeframe == "1d" or (timeframe == "1w" and day.weekday() == 0):
            yield datetime(day.year, day.month, day.day, tzinfo=UTC)
        day += timedelta(days=1 if day.weekday() < 4 else 3)


def price_file(timeframe: str = "1d", *, has_reserved: bool = True) -> bytes:
    """Bars of a random walk near 100; those that are to be reserved cost and trade 7.3 million."""
    random, rows, close = Random(1), ["Date,Open,High,Low,Close,Volume"], 100.0
    length = timedelta(seconds=LENGTH_S[timeframe])
    for start in starts(timeframe):
        close = round(close * random.uniform(0.96, 1.042), 2)
        is_reserved = (start + length).date() >= FROM and start + length > datetime(
            2012, 1, 1, tzinfo=UTC
        )
        if is_reserved and has_reserved:
            close = 7_300_000 + random.randrange(99_000)
        stamp = f"{start:%Y-%m-%dT%H:%M:%SZ}" if timeframe == "1h" else f"{start:%Y-%m-%d}"
        rows.append(f"{stamp},{close},{close},{close},{close},{int(close)}")
        if is_reserved and has_reserved:
            close = 100.0
    return "\n".join(rows).encode()


def load(client: FlaskClient, ticker: str, timeframe: str = "1d", **options: Any) -> Any:
    """Make a made-up file the current version of a series."""
    content = price_file(timeframe, has_reserved=options.pop("has_reserved", True))
    address = f"/api/prices/{ticker}/{timeframe}"
    answer = client.put(address, data=content, query_string=options, content_type="text/csv")
    assert answer.status_code in (200, 201), answer.text
    return answer.json


def post(client: FlaskClient, address: str, **values: Any) -> Any:
    answer = client.post(address, json=values)
    assert answer.status_code == 202, answer.text
    return answer.json


def make_all(client: FlaskClient, engine: Engine, capital: int) -> dict[str, set[str]]:
    """Make a run, plan and verdict of every kind that reads the series, work them off, and return their ids."""
    base = {**WHOLE, "initial_capital": capital, "charts": False}
    other = {**base, "ticker": "OTH", **RULE}
    of = {"buy": 'of("VLT", close) > 101', "sell": 'of("VLT", close) < 99', "inputs": {}}
    python = "def on_bar(bars):\n    print(bars.close[-1])\n    return 1\n"
    requests = [
        {**base, "ticker": "VLT", **RULE, "charts": True},
        {**base, "ticker": "VLT", "rule_type": "PYTHON", "params": {"code": python}},
        {**base, "ticker": "VLT", **RULE, "timeframe": "1h"},
        {**base, "ticker": "VLT", "rule_type": "RSI", "params": {}, "timeframe": "1w"},
        {**other, "benchmark": "VLT"},
        {**other, "rule_type": "FORMULA", "params": of},
        {**base, "ticker": "VLT", **RULE, "end_date": "2011-12-30"},
    ]
    runs = [post(client, "/run_backtest", **each)["run_id"] for each in requests]
    sweep = {
        "base": {**base, "ticker": "VLT", "rule_type": "MA_CROSS"},
        "parameters": {"fast": [3, 5], "slow": [20, 40]},
    }
    grid = [{"fast": 3, "slow": 20}, {"fast": 5, "slow": 40}]
    study_base = {name: value for name, value in sweep["base"].items() if name != "charts"}
    study = {"kind": "holdout", "base": study_base, "combinations": grid}
    legs = [{"ticker": ticker, **RULE} for ticker in ("VLT", "OTH")]
    batch = post(client, "/api/batches", name=f"b{capital}", **sweep)
    screen = post(client, "/api/screens", name=f"s{capital}", **sweep)
    study_id = post(client, "/api/studies", **study)["study_id"]
    del base["charts"]
    portfolio = post(client, "/api/portfolios", legs=legs, **base)
    ranked = post(
        client,
        "/api/portfolios",
        legs=[{"ticker": "VLT"}, {"ticker": "OTH"}],
        mode="ranked",
        rebalance="monthly",
        score="close / sma(close, 20)",
        top=1,
        **base,
    )
    run_all(engine)
    leader(engine).advance()
    run_all(engine)
    work_through(engine, study_id)
    robustness = [
        post(client, f"/api/runs/{each}/robustness")["robustness_id"]
        for each in (runs[0], portfolio["portfolio_id"])
    ]
    run_all(engine)
    portfolios = {portfolio["portfolio_id"], ranked["portfolio_id"]}
    return {
        "run_id": {*runs, *portfolios, *robustness, screen["screen_id"]},
        "batch_id": {batch["batch_id"]},
        "screen_id": {screen["screen_id"]},
        "study_id": {study_id},
        "portfolio_id": portfolios,
        "robustness_id": {*robustness},
    }


def addresses(app: Flask, ids: dict[str, set[str]]) -> Iterator[str]:
    """Every address that can be read, with each of these values in its place, and each tab and bar of a run."""
    fixed = {"asset_version": {"x"}, "filename": {"y"}, "name": {"equity_curve", "candlestick"}}
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or str(rule).startswith(("/docs", "/static")):
            continue
        names = sorted(rule.arguments)
        for values in product(*(sorted((ids | fixed)[name]) for name in names)):
            chosen = dict(zip(names, values, strict=True))
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: chosen[match[1]], str(rule))  # noqa: B023
            yield path
            if path.endswith(("/explanation", "/stretch", "/bars", "/lines")):
                yield from (f"{path}?bar=520", f"{path}?from=500&to=640", f"{path}?bar=530")
            if path.startswith("/result/") and path.count("/") == 2:
                yield from (f"{path}?tab={tab}" for tab in ("stats", "trades", "numbers"))
    for run_id in sorted(ids["run_id"]):
        yield from (f"/?clone={run_id}", f"/api/curves?run={run_id}", f"/compare?run={run_id}")


def text_of(data: bytes) -> str:
    """Return an answer as text, and the members of an archive."""
    if not data.startswith(b"PK"):
        return data.decode(errors="replace")
    archive = zipfile.ZipFile(io.BytesIO(data))
    return "\n".join(archive.read(name).decode(errors="replace") for name in archive.namelist())


def leaks(client: FlaskClient, address: str) -> list[str]:
    """Return the reserved bars in an answer; dates, too, where it is about the reserved series alone."""
    answer = client.get(address, buffered=True, headers={"Accept": "*/*"})
    assert answer.status_code < 500, f"{address}: {answer.status_code} {answer.text}"
    text = text_of(answer.data)
    hits = [match[0] for match in RESERVED.finditer(text)]
    if "VLT" in address:
        hits += [match[0] for match in DAY.finditer(text)]
        times = (int(match[0]) for match in SECONDS.finditer(text))
        hits += [
            str(each) for each in times if each >= datetime(2012, 1, 1, tzinfo=UTC).timestamp()
        ]
    return [f"{address}: {each}" for each in hits]


@pytest.fixture
def engine(app: Flask) -> Engine:
    database: Engine = app.extensions["platform"].engine
    return database


@pytest.fixture
def series(client: FlaskClient) -> dict[str, str]:
    """The data_hash of each timeframe of the ticker VLT, which is to be reserved, next to OTH, which is not."""
    load(client, "OTH", has_reserved=False)
    return {each: load(client, "VLT", each)["data_hash"] for each in ("1d", "1h", "1w")}


def reserve(client: FlaskClient, **query: str) -> Any:
    body = {"from_date": FROM.isoformat()}
    answer = client.put("/api/vaults/VLT", query_string=query, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json


def all_leaks(app: Flask, client: FlaskClient, ids: dict[str, set[str]]) -> list[str]:
    return [each for address in addresses(app, ids) for each in leaks(client, address)]


def test_nothing_reads_a_reserved_bar(
    app: Flask, client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    earlier = make_all(client, engine, 10_000)
    prices = {"ticker": {"VLT"}, "timeframe": {*series}}
    before = all_leaks(app, client, earlier | prices | {"data_hash": {*series.values()}})

    reserve(client)
    later = make_all(client, engine, 20_000)

    current = {each["data_hash"] for each in client.get("/api/prices").json["series"]}
    hashes = {"data_hash": {*series.values(), *current}}
    ids = {name: earlier[name] | later[name] for name in earlier} | prices | hashes
    assert (
        len({each.split("?")[0].split(":")[0] for each in before}) > 20
    )  # the search finds them
    assert all_leaks(app, client, ids) == []


RUN = {
    "ticker": "VLT",
    **RULE,
    **WHOLE,
    "charts": False,
    "size_type": "percent",
    "position_size": 100,
}


def completed(client: FlaskClient, engine: Engine, **fields: Any) -> str:
    """The run_id of a run that has completed."""
    run_id: str = post(client, "/run_backtest", **RUN | fields)["run_id"]
    run_all(engine)
    assert client.get(f"/status/{run_id}").json["status"] == "completed"
    return run_id


def last_day(client: FlaskClient, run_id: str) -> str:
    day: str = client.get(f"/api/runs/{run_id}").json["equity_curve"][-1]["date"]
    return day[:10]


@pytest.fixture
def frozen(client: FlaskClient, engine: Engine, series: dict[str, str]) -> str:
    """A run on the readable part of a reserved series."""
    reserve(client)
    return completed(client, engine)


@ON_BOTH_DATABASES
def test_a_vault_is_opened_once_for_a_request_and_only_its_study_reads_there(
    app: Flask, client: FlaskClient, engine: Engine, frozen: str
) -> None:
    opened = post(client, f"/api/runs/{frozen}/vault")
    work_through(engine, opened["study_id"])

    study = client.get(f"/api/studies/{opened['study_id']}").json
    test_run = study["choices"][0]["chosen"][0]["test_run"]
    assert study["status"] == "completed" and study["outcome"]
    assert study["windows"][0] == {
        "train": ["2010-01-04", "2011-12-31"],
        "test": ["2012-01-01", "2012-06-29"],
    }
    assert last_day(client, test_run) == "2012-06-29"
    prices = {
        "ticker": {"VLT"},
        "timeframe": {"1d"},
        "data_hash": {study["request"]["base"]["data_hash"]},
    }
    others = {
        "batch_id": "x",
        "screen_id": frozen,
        "study_id": frozen,
        "portfolio_id": frozen,
        "robustness_id": frozen,
    }
    ids = {"run_id": {frozen}, **{name: {value} for name, value in others.items()}}
    assert all_leaks(app, client, ids | prices) == []
    of_bars = [
        f"/api/runs/{test_run}/{name}" for name in ("bars", "explanation", "stretch", "lines")
    ]
    for address in addresses(app, ids | prices | {"run_id": {test_run}}):
        assert client.get(address).status_code < 500, address
    for address in (*of_bars, f"/result/{test_run}/bars.csv", f"/result/{test_run}/bars"):
        assert client.get(address).status_code == 409, address

    again = completed(client, engine, end_date="2012-11-30", start_date="2010-01-05")
    refused = [client.post(f"/api/runs/{each}/vault", json={}) for each in (frozen, again)]
    assert [each.status_code for each in refused] == [409, 409]
    assert opened["study_id"] in refused[0].json["error"]
    slower = completed(client, engine, params={"fast": 6, "slow": 30})
    post(client, f"/api/runs/{slower}/vault")
    openings = client.get("/api/vaults").json["openings"]
    assert [each["run_id"] for each in openings] == [frozen, slower]
    assert "opened 2 times" in re.sub(r"\s+", " ", client.get("/prices/VLT/1d").text)
    with reading(engine) as connection:
        actions = connection.scalars(select(audit.c.action).where(audit.c.status < 300)).all()
    assert actions.count("vault_api.open_vault") == 2


def test_bars_that_arrive_later_are_reserved_too(client: FlaskClient, frozen: str) -> None:
    readable = client.get("/api/prices/VLT/1d").json["versions"][0]

    longer = price_file() + b"\n2013-01-02,7300001,7300001,7300001,7300001,7300001"
    loaded = client.put("/api/prices/VLT/1d", data=longer, content_type="text/csv").json

    current = client.get("/api/prices/VLT/1d").json["versions"][0]
    assert loaded["last_bar"] == "2013-01-02"
    assert (current["data_hash"], current["last_bar"]) == (readable["data_hash"], "2011-12-30")


def test_what_is_read_in_place_of_an_older_version_is_not_pruned(
    client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    reserve(client)
    header, _, rest = price_file().split(b"\n", 2)
    client.put("/api/prices/VLT/1d", data=header + b"\n" + rest, content_type="text/csv")

    deleted = delete_unused(engine)

    assert client.get(f"/api/prices/VLT/1d/{series['1d']}.csv").status_code == 200
    assert deleted == []


def test_the_day_of_intraday_bars_begins_at_midnight_of_an_exchange_in_the_east(
    client: FlaskClient,
) -> None:
    for each in ("1d", "1h"):
        load(client, "VLT", each, timezone="Australia/Sydney")
    client.put("/api/vaults/VLT", json={"from_date": "2011-12-30"})

    series = client.get("/api/prices").json["series"]
    last = {each["timeframe"]: each["last_bar"] for each in series if each["ticker"] == "VLT"}
    assert last == {"1d": "2011-12-29", "1h": "2011-12-28T20:00:00Z"}


def test_a_released_series_is_whole_again(
    client: FlaskClient, engine: Engine, series: dict[str, str], frozen: str
) -> None:
    assert client.delete("/api/vaults/VLT").status_code == 204

    current = client.get("/api/prices/VLT/1d").json["versions"]
    assert [each["data_hash"] for each in current if each["is_current"]] == [series["1d"]]
    assert last_day(client, completed(client, engine)) == "2012-06-29"
    assert client.delete("/api/vaults/VLT").status_code == 404
    assert client.post(f"/api/runs/{frozen}/vault", json={}).status_code == 409


def test_what_earlier_runs_stored_of_reserved_bars_is_deleted_and_the_rest_stays(
    client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    inside, behind = completed(client, engine, end_date="2011-12-31"), completed(client, engine)
    before = client.get(f"/api/runs/{inside}").json
    metrics = client.get(f"/api/runs/{behind}").json["metrics"]

    assert (reserve(client, dry_run="true")["deleted"], last_day(client, behind)) == (
        1,
        "2012-06-29",
    )
    assert reserve(client)["deleted"] == 1

    after = client.get(f"/api/runs/{behind}").json
    assert (after["equity_curve"], after["trades"], after["metrics"]) == (None, None, metrics)
    assert client.get(f"/api/runs/{inside}").json == before
    assert client.post(f"/api/runs/{behind}/reproduce", json={}).status_code == 409
    again = client.post(f"/api/runs/{inside}/reproduce", json={}).json["run_id"]
    run_all(engine)
    assert client.get(f"/api/runs/{again}").json["result_hash"] == before["result_hash"]


def test_a_request_for_a_hidden_version_gets_its_readable_part(
    client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    waiting = RunRequest.from_json({**RUN, "start_date": "2010-01-04", "data_hash": series["1d"]})
    reserve(client)

    run_id = completed(client, engine, data_hash=series["1d"])
    with reading(engine) as connection:
        packed = prices_of(connection, waiting)
        of_no_opening = prices_of(connection, waiting, run_id)

    assert last_day(client, run_id) == "2011-12-30"
    assert isinstance(packed, PackedPrices) and isinstance(of_no_opening, PackedPrices)
    assert unpack_bars(packed).last == unpack_bars(of_no_opening).last == "2011-12-30"
    with pytest.raises(NoPricesInRange):
        run_prices(packed, FROM, END)
    beyond = client.post("/run_backtest", json=RUN | {"start_date": "2012-02-01"})
    assert "2010-01-04 to 2011-12-30" in beyond.json["errors"]["start_date"]


def test_a_receipt_needs_the_whole_of_each_version_that_its_run_read(
    client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    inside = {"end_date": "2011-12-31"}
    traded = completed(client, engine, **inside)
    compared = completed(client, engine, ticker="OTH", benchmark="VLT", **inside)
    formula = {
        "buy": 'of("VLT", close > sma(close, 5))',
        "sell": 'of("VLT", close < sma(close, 5))',
    }
    other = completed(client, engine, ticker="OTH", rule_type="FORMULA", params=formula, **inside)
    apart = completed(client, engine, ticker="OTH", **inside)
    reserve(client)

    answers = [
        client.get(f"/api/runs/{run_id}/receipt.zip{query}")
        for run_id in (traded, compared, other)
        for query in ("", "?prices=hash")
    ]

    assert [each.status_code for each in answers] == [409] * 6
    assert {each.json["error"] for each in answers} == {
        "the end of the prices of VLT is reserved"
    }
    assert client.get(f"/api/runs/{apart}/receipt.zip").status_code == 200


def test_nothing_is_reserved_while_a_run_reads_there(
    client: FlaskClient, engine: Engine, series: dict[str, str]
) -> None:
    run_id = post(client, "/run_backtest", **RUN)["run_id"]

    refused = client.put("/api/vaults/VLT", json={"from_date": "2012-01-01"})
    loaded = client.put(
        "/api/prices/VLT/1d", query_string={"reserve_years": 1}, data=price_file()
    )

    for answer in (refused, loaded):
        assert answer.status_code == 409 and run_id in answer.json["error"]
    assert client.get("/api/vaults").json["vaults"] == []
    versions = client.get("/api/prices/VLT/1d").json["versions"]
    assert [each["data_hash"] for each in versions] == [series["1d"]]


def test_the_last_years_of_a_file_are_reserved_as_it_is_loaded(client: FlaskClient) -> None:
    load(client, "VLT")
    load(client, "VLT", reserve_years=1)  # the same file

    [vault] = client.get("/api/vaults").json["vaults"]
    assert vault["from_date"] == "2011-06-30"
    assert client.get("/api/prices/VLT/1d").json["versions"][0]["last_bar"] == "2011-06-29"
    refused = client.put(
        "/api/prices/VLT/1w", query_string={"reserve_years": 9}, data=price_file("1w")
    )
    assert "reserve_years" in refused.json["errors"]


def test_a_timeframe_that_is_reserved_from_its_first_bar_has_no_prices(
    client: FlaskClient, series: dict[str, str]
) -> None:
    answer = client.put("/api/vaults/VLT", json={"from_date": "2011-11-01"})

    assert answer.status_code == 200
    assert client.get("/api/prices/VLT/1h").status_code == 404
    missing = client.post("/run_backtest", json=RUN | {"timeframe": "1h"}).json["errors"][
        "ticker"
    ]
    assert "it has 1d, 1w" in missing
    assert client.delete("/api/vaults/VLT").status_code == 204
    assert client.get("/api/prices/VLT/1h").json["versions"][0]["data_hash"] == series["1h"]


@pytest.mark.parametrize("day", ["", "2010-01-04", "1999-01-01", "soon"])
def test_a_day_that_reserves_nothing_or_everything_is_refused(
    client: FlaskClient, series: dict[str, str], day: str
) -> None:
    answer = client.put("/api/vaults/VLT", json={"from_date": day})

    assert answer.status_code == 400 and "accepted: " in answer.json["errors"]["from_date"]


def test_only_admins_reserve_release_and_open(anybody: FlaskClient, made: Any) -> None:
    headers = made("submit", "somebody")

    for method, address in (
        ("PUT", "/api/vaults/AAPL"),
        ("DELETE", "/api/vaults/AAPL"),
        ("POST", f"/api/runs/{'0' * 8}-0000-4000-8000-{'0' * 12}/vault"),
    ):
        assert anybody.open(address, method=method, headers=headers).status_code == 403
