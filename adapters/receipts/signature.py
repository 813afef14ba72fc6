"""Signature of a receipt's manifest (Ed25519), by which its sender is known."""

from collections.abc import Callable

from adapters.receipts.archive import SIGNATURE, Receipt
from contracts.errors import BadReceipt
from contracts.values import Json

ALGORITHM = "Ed25519"


def signer(private_key: bytes) -> Callable[[bytes], Json]:
    """Return a function that signs a manifest; private_key: 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # few need it

    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return lambda manifest: {"algorithm": ALGORITHM, "signature": key.sign(manifest).hex()}


def public_key(private_key: bytes) -> bytes:
    """Return the public key of a private one as a PEM file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(private_key).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def check_signature(receipt: Receipt, pem: bytes) -> None:
    """Raise BadReceipt unless the receipt is signed by the private key of this public one."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadReceipt(f"the key is not a public key in a PEM file: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadReceipt(f"the key is not of {ALGORITHM}")
    if receipt.signature is None:
        raise BadReceipt(f"{SIGNATURE}: missing; the receipt is not signed")
    try:
        key.verify(bytes.fromhex(str(receipt.signature.get("signature"))), receipt.manifest)
    except (InvalidSignature, ValueError) as error:
        raise BadReceipt(f"{SIGNATURE}: the manifest was not signed by this key") from error
