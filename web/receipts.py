"""Receipts as files to download."""

from flask import Blueprint, Response

from adapters.receipts.archive import pack_receipt
from adapters.receipts.signature import public_key, signer
from adapters.receipts.stored import Content, run_content
from adapters.runs.queries import run_row
from contracts.errors import Unknown
from web.api import NO_RUN, UNFINISHED, Argument, arguments, operation
from web.app import platform, reading_database
from web.formats import one_of

blueprint = Blueprint("receipts", __name__)

PRICES = Argument(
    "prices", one_of("bars", "hash"), "hash: leave the prices out but for their hashes", "bars"
)
ZIPPED = "200 application/zip: the receipt"


@blueprint.get("/api/runs/<uuid:run_id>/receipt.zip")
@operation(ZIPPED, NO_RUN, UNFINISHED, asks=(PRICES,))
def run(run_id: str) -> Response:
    """Return a ZIP archive by which anyone can recompute a run or a portfolio, without this server.

    It has the request, the prices that were read, the result, the code that computes it, and a manifest with the
    SHA-256 of each; ?prices=hash leaves out the prices but for their hashes.
    """
    with reading_database() as connection:
        row = run_row(connection, run_id)
        return _answer(run_id, run_content(connection, row, has_bars()))


@blueprint.get("/.well-known/backtests-key")
@operation("200 text/plain: a PEM file", "404 receipts are not signed", unguarded=True)
def key() -> Response:
    """Return the public key (Ed25519) of the signatures of this platform's receipts."""
    if (private := platform().settings.receipt_key) is None:
        raise Unknown("receipts of this platform are not signed; RECEIPT_KEY is not set")
    return Response(public_key(private), mimetype="text/plain")


def has_bars() -> bool:
    """Return whether the receipt has the prices themselves."""
    return bool(arguments()["prices"] == "bars")


def _answer(name: str, content: Content) -> Response:
    key = platform().settings.receipt_key
    packed = pack_receipt(*content, signer(key) if key else None)
    response = Response(packed, mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=f"receipt-{name}.zip")
    return response
