"""Secrets that do not show, fingerprints in one form, and the leaf that a server shows."""

import datetime
import pickle
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hypervisors import Problem, Secret, fetch_leaf, fingerprint_of, normal_fingerprint


def test_a_secret_shows_only_when_asked() -> None:
    secret = Secret("sesam")
    assert secret.reveal() == "sesam"
    assert {repr(secret), str(secret), f"{secret}", f"{[secret]}"} == {"Secret(…)", "[Secret(…)]"}
    assert secret == Secret("sesam") != Secret("other")
    assert hash(secret) == hash(Secret("sesam"))
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize("form", ["ab" * 32, "AB:" * 31 + "AB", "sha256:" + "ab" * 32, "SHA-256=" + "AB" * 32])
def test_fingerprints_come_in_one_form(form: str) -> None:
    assert normal_fingerprint(f" {form}\n") == "ab" * 32


@pytest.mark.parametrize("form", ["", "ab" * 31, "xy" * 32, "ab" * 20])
def test_what_is_no_sha256_is_refused(form: str) -> None:
    with pytest.raises(Problem, match="is no SHA-256 fingerprint"):
        normal_fingerprint(form)


def test_fingerprint_is_sha256_of_der() -> None:
    assert fingerprint_of(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, bytes]:
    """A PEM file with key and self-signed certificate, and the certificate's DER form."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example.test")])
    now = datetime.datetime.now(datetime.UTC)
    leaf = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now - datetime.timedelta(days=1))  # a pin does not ask for the date
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "both.pem"
    path.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    return path, leaf.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def tls_port(certificate: tuple[Path, bytes]) -> Iterator[int]:
    """A TLS server that shakes hands once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0])
    with create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_fetch_leaf_is_what_the_server_shows(certificate: tuple[Path, bytes], tls_port: int) -> None:
    assert fetch_leaf("127.0.0.1", tls_port) == certificate[1]


def test_fetch_leaf_of_nobody_is_an_os_error() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        fetch_leaf("127.0.0.1", port)
