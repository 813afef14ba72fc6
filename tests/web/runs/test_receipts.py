"""A receipt is recomputed without the server, in a clone and by itself; what was changed in it is refused by place."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from adapters.receipts.archive import pack_receipt, read_receipt
from tests.services.portfolios import complete
from web import create_app

ROOT = Path(__file__).parents[3]


def verify(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd="/", capture_output=True, text=True, timeout=120
    )


def test_a_run_and_a_portfolio_are_recomputed_in_a_clone_and_by_their_receipts(
    app: Flask, client: FlaskClient, run_id: str, tmp_path: Path
) -> None:
    portfolio = complete(client, app.extensions["platform"].engine)
    for name in (run_id, portfolio["portfolio_id"]):
        content = client.get(f"/api/runs/{name}/receipt.zip").data
        file = tmp_path / f"{name}.zip"
        file.write_bytes(content)

        outcomes = verify(ROOT / "scripts" / "verify.py", file), verify("-I", file)

        assert content == client.get(f"/api/runs/{name}/receipt.zip").data
        for each in outcomes:
            assert (each.returncode, each.stdout[:7]) == (0, "equal: "), each.stderr


def test_a_signed_receipt_is_accepted_by_the_key_of_its_platform_alone(
    app: Flask, client: FlaskClient, run_id: str, tmp_path: Path
) -> None:
    address, program = f"/api/runs/{run_id}/receipt.zip", ROOT / "scripts" / "verify.py"
    signed, unsigned = tmp_path / "signed.zip", tmp_path / "unsigned.zip"
    unsigned.write_bytes(client.get(address).data)
    assert client.get("/.well-known/backtests-key").status_code == 404
    keys = []
    for number in (1, 2):
        there = create_app(
            replace(app.extensions["platform"].settings, receipt_key=bytes([number]) * 32)
        ).test_client()
        keys.append(tmp_path / f"{number}.pem")
        keys[-1].write_bytes(there.get("/.well-known/backtests-key").data)
        signed.write_bytes(there.get(address).data)

    accepted = verify(program, signed, "--key", keys[1])
    refused = [
        verify(program, file, "--key", key)
        for file, key in ((signed, keys[0]), (unsigned, keys[1]), (signed, unsigned))
    ]

    assert accepted.returncode == 0, accepted.stderr
    assert f"signed by the key in {keys[1]}" in accepted.stdout
    assert verify("-I", signed).returncode == 0
    assert [each.returncode for each in refused] == [1] * 3
    assert [each.stderr.split(": ", 1)[1].strip()[:50] for each in refused] == [
        "signature.json: the manifest was not signed by this key"[:50],
        "signature.json: missing; the receipt is not signed",
        "the key is not a public key in a PEM file: Unable to load PEM"[:50],
    ]


def test_a_changed_result_is_refused_with_its_place(
    client: FlaskClient, run_id: str, tmp_path: Path
) -> None:
    receipt = read_receipt(client.get(f"/api/runs/{run_id}/receipt.zip").data)
    result = receipt.parts["result.json"].replace(b'"size": ', b'"size": 1', 1)
    file = tmp_path / "changed.zip"
    file.write_bytes(pack_receipt(receipt.facts, {**receipt.parts, "result.json": result}))

    outcome = verify(ROOT / "scripts" / "verify.py", file)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("not equal: result.json: trades[0].size: ")
