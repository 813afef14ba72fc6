"""The commands `export` and `import`: a run of one platform becomes a run of another, on the prices that it read."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from adapters.receipts.archive import pack_receipt, read_receipt
from tests.services.processes import PROJECT_ROOT, Programs
from tests.services.waiting import wait_until
from tests.sweep.test_command_line import run

REQUEST = {
    "ticker": "MINE",
    "rule_type": "MA_CROSS",
    "params": {"fast": 10, "slow": 30},
    "start_date": "2004-01-01",
    "end_date": "2006-12-31",
    "benchmark": "AAPL",
    "tags": ["paper"],
}
ADDRESS = "/api/prices/MINE/1d"


def load(client: FlaskClient, ticker: str) -> str:
    content = (PROJECT_ROOT / "data" / f"{ticker}.csv").read_bytes()
    answer = client.put(ADDRESS, data=content, content_type="text/csv")
    assert answer.status_code == 201, answer.json
    return str(answer.json["data_hash"])


@pytest.fixture
def scaler(programs: Programs) -> None:
    """Start a local scaler, which starts Jobs."""
    programs.start("consumer.local_scaler")


@pytest.fixture
def receipt(client: FlaskClient, base_url: str, scaler: None, tmp_path: Path) -> Path:
    """The receipt of a run that is deleted, like its prices, in place of which there are others."""
    load(client, "IBM")
    submitted = client.post("/run_backtest", json=REQUEST)
    run_id, file = submitted.json["run_id"], tmp_path / "mine.zip"
    wait_until(lambda: client.get(f"/status/{run_id}").json["status"] == "completed")
    exported = run(base_url, "export", run_id, "--output", file)
    assert (exported.returncode, exported.stdout) == (0, f"{file}\n"), exported.stderr
    deleted = run(base_url, "delete", "run", run_id, "--yes")
    assert deleted.returncode == 0, deleted.stderr
    assert run(base_url, "delete", "prices", "MINE", "--yes").returncode == 0
    return file


def test_a_run_is_imported_with_its_prices_next_to_the_current_ones(
    client: FlaskClient, base_url: str, receipt: Path
) -> None:
    stated = read_receipt(receipt.read_bytes()).json("result.json")
    current = load(client, "MSFT")

    first, again = (run(base_url, "import", receipt) for _ in range(2))

    for outcome in (first, again):
        assert outcome.returncode == 0, outcome.stderr
        imported = client.get(f"/api/runs/{outcome.stdout.strip()}").json
        assert imported["result_hash"] == stated["result_hash"]
        assert imported["request"]["tags"] == ["paper"]
    versions = client.get(ADDRESS).json["versions"]
    assert {each["data_hash"]: each["is_current"] for each in versions} == {
        current: True,
        stated["data_hash"]: False,
    }


def test_a_result_that_is_not_equal_keeps_the_tag(
    client: FlaskClient, base_url: str, receipt: Path
) -> None:
    packed = read_receipt(receipt.read_bytes())
    hashed = packed.json("result.json")["result_hash"].encode()
    result = packed.parts["result.json"].replace(hashed, b"0" * 64)
    receipt.write_bytes(pack_receipt(packed.facts, {**packed.parts, "result.json": result}))

    outcome = run(base_url, "import", receipt)

    assert outcome.returncode == 1
    assert f"not equal: result_hash {hashed.decode()}; the receipt has 000" in outcome.stderr
    imported = client.get(f"/api/runs/{outcome.stdout.strip()}").json
    assert imported["request"]["tags"] == ["paper", "imported"]
    assert client.get(ADDRESS).json["versions"][0]["is_current"]  # where there is no other


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"text"])
def test_a_file_that_is_no_receipt_is_refused(
    base_url: str, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "file.zip"
    if content is not None:
        file.write_bytes(content)

    outcome = run(base_url, "import", file)

    assert outcome.returncode == 2
    assert outcome.stderr.startswith(f"{file}: "), outcome.stderr


def test_other_prices_than_those_of_the_hash_are_not_loaded(
    client: FlaskClient, base_url: str, receipt: Path
) -> None:
    packed = read_receipt(receipt.read_bytes())
    part = packed.facts["prices"][0]["part"]
    lines = packed.parts[part].splitlines(keepends=True)[:-1]
    changed = {**packed.parts, part: b"".join(lines)}
    receipt.write_bytes(pack_receipt(packed.facts, changed))

    outcome = run(base_url, "import", receipt)

    assert outcome.returncode == 2
    assert f"{part}: its prices are not those of data_hash" in outcome.stderr
    assert client.get(ADDRESS).status_code == 404
