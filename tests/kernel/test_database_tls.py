"""DB_TLS_CA: the connection to MySQL is encrypted, and a server that another authority vouches for is refused."""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from adapters.database import connect_database
from adapters.settings import load_settings
from tests.services.mariadb_server import DATABASE, PASSWORD, USER, MariaDBServer, data_template


def make_certificate(directory: Path, name: str) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key next to it."""
    key, subject = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name.from_rfc4514_string(f"CN={name}"),
    )
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = directory / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(pem))
    key_bytes = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.with_suffix(".key").write_bytes(key_bytes)
    return path


@pytest.fixture
def tls_server(tmp_path: Path, shared_directory: Path) -> Iterator[MariaDBServer]:
    certificate = make_certificate(tmp_path, "own")
    options = (
        f"--ssl-cert={certificate}",
        f"--ssl-key={certificate.with_suffix('.key')}",
        "--skip-name-resolve",
    )
    server = MariaDBServer(tmp_path / "server", data_template(shared_directory), options)
    server.start()
    try:
        server.create_database()
        yield server
    finally:
        server.stop()


def url_with(server: MariaDBServer, authority: Path, host: str = "127.0.0.1") -> str:
    parts = {"DB_HOST": host, "DB_PORT": str(server.port), "DB_NAME": DATABASE, "DB_USER": USER}
    return load_settings(
        parts | {"DB_PASSWORD": PASSWORD, "DB_TLS_CA": str(authority)}
    ).database_url


def test_a_connection_with_an_authority_is_encrypted(
    tls_server: MariaDBServer, tmp_path: Path
) -> None:
    engine = connect_database(url_with(tls_server, tmp_path / "own.pem"))

    with engine.connect() as connection:
        _, cipher = connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()

    assert cipher


@pytest.mark.parametrize(
    ("authority", "host", "reason"),
    [
        ("other", "127.0.0.1", "CERTIFICATE_VERIFY_FAILED"),
        ("own", "localhost", "Hostname mismatch"),
    ],
)
def test_a_server_that_cannot_be_trusted_is_refused(
    authority: str, host: str, reason: str, tls_server: MariaDBServer, tmp_path: Path
) -> None:
    make_certificate(tmp_path, "other")

    with pytest.raises(OperationalError, match=reason):
        connect_database(url_with(tls_server, tmp_path / f"{authority}.pem", host)).connect()


def test_a_server_without_our_certificate_is_refused(
    mariadb_server: MariaDBServer, tmp_path: Path
) -> None:
    make_certificate(tmp_path, "own")

    with pytest.raises(OperationalError, match="SSL is required|CERTIFICATE_VERIFY_FAILED"):
        connect_database(url_with(mariadb_server, tmp_path / "own.pem")).connect()
