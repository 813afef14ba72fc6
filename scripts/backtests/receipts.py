"""Receipts: the result of a run as a file that anyone can check, and such a file as a run of another platform."""

import json
import zlib
from argparse import Namespace
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from backtests.client import Client
from backtests.commands import EXIT_OK, EXIT_SOME_FAILED
from backtests.output import Progress
from backtests.transport import BadInput, Json, Refused

TAG = "imported"  # of a run until its result is that of its receipt
MAX_PART = 64 * 2**20  # bytes of a part, unpacked
ASSIGNED = ("run_id", "batch_id")  # fields of a request that this platform assigns


def export(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Write the receipt of a completed run or portfolio, from which anyone can recompute it; print the file's name."""
    content = client.receipt(arguments.run_id, arguments.prices)
    path = arguments.output or Path(f"receipt-{arguments.run_id}.zip")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    print(path)
    return EXIT_OK


def import_(client: Client, arguments: Namespace, progress: Progress) -> int:
    """Run the request of a receipt here, on its prices, tagged imported until the result is equal; print the run_id."""
    try:
        archive = ZipFile(BytesIO(arguments.receipt.read_bytes()))
    except OSError as error:
        raise BadInput(f"{arguments.receipt}: {error.strerror}") from error
    except BadZipFile as error:
        raise BadInput(f"{arguments.receipt}: not a receipt: {error}") from error
    with archive:
        manifest, request, stated = (
            _json(archive, f"{name}.json") for name in ("manifest", "request", "result")
        )
        if (kind := manifest.get("kind")) != "run":
            raise BadInput(f"{arguments.receipt}: of kind {kind!r}; accepted: 'run'")
        for fact in manifest["prices"]:
            _load(client, archive, fact, progress)
    values = {name: value for name, value in request.items() if name not in ASSIGNED}
    tags = [*dict.fromkeys([*request.get("tags", ()), TAG])]
    run_id = client.submit(values | {"tags": tags})
    progress.say(f"page: {client.url}/result/{run_id}")
    print(run_id)
    return _compare(client, run_id, stated["result_hash"], progress)


def _compare(client: Client, run_id: str, stated: str, progress: Progress) -> int:
    progress.when_stopped = "stopped watching; the run continues, and keeps its tag imported"
    result = client.wait(run_id)
    if result["result_hash"] != stated:
        reason = result["error_message"] or f"result_hash {result['result_hash']}"
        progress.say(f"not equal: {reason}; the receipt has {stated}")
        return EXIT_SOME_FAILED
    client.post("/api/runs/tags", {"run_ids": [run_id], "remove": [TAG]})
    progress.say(f"equal: result_hash {stated}")
    return EXIT_OK


def _load(client: Client, archive: ZipFile, fact: Json, progress: Progress) -> None:
    """Load a version of prices that the platform does not have; the current version of its series stays."""
    ticker, timeframe, data_hash = (fact[name] for name in ("ticker", "timeframe", "data_hash"))
    named = f"{ticker} {timeframe} {data_hash[:12]}"
    if _has_version(client, ticker, timeframe, data_hash):
        return
    if "part" not in fact:
        raise BadInput(f"{named}: neither the receipt nor this platform has these prices")
    options: Json = {"timezone": fact["zone"] or None, "keep_dates": True, "adjust": False}
    content = _part(archive, fact["part"])
    checked = client.load_prices(ticker, content, timeframe, dry_run=True, **options)
    if checked["data_hash"] != data_hash:
        raise BadInput(f"{fact['part']}: its prices are not those of data_hash {data_hash}")
    client.load_prices(ticker, content, timeframe, current=False, source="receipt", **options)
    progress.say(f"loaded {named}")


def _has_version(client: Client, ticker: str, timeframe: str, data_hash: str) -> bool:
    try:
        versions = client.price_versions(ticker, timeframe)
    except Refused as refused:
        if refused.code != 404:
            raise
        return False
    return any(each["data_hash"] == data_hash for each in versions)


def _json(archive: ZipFile, name: str) -> Json:
    try:
        values: Json = json.loads(_part(archive, name))
    except ValueError as error:
        raise BadInput(f"{name}: not JSON: {error}") from error
    return values


def _part(archive: ZipFile, name: str) -> bytes:
    try:
        if (size := archive.getinfo(name).file_size) > MAX_PART:
            raise BadInput(f"{name}: {size:,} bytes; at most {MAX_PART:,} are accepted")
        return archive.read(name)
    except (KeyError, BadZipFile, zlib.error, EOFError) as error:
        raise BadInput(f"{name}: missing or damaged: {error}") from error
