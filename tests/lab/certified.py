"""Pairs for the lab's TLS tests, with an intermediate between leaf and root, and what openssl sees at a port."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

NAME = "mailgw.example.test"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_MADE: dict[str, Callable[[], Key]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "ECDSA": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
_SIGALGS = {"RSA": "rsa_pss_rsae_sha256", "ECDSA": "ecdsa_secp256r1_sha256"}


@dataclass(frozen=True)
class Certified:
    """A key, its leaf and the intermediate that issued it."""

    key: Key
    leaf: x509.Certificate
    middle: x509.Certificate

    @property
    def leaf_pem(self) -> bytes:
        return self.leaf.public_bytes(Encoding.PEM)

    @property
    def middle_pem(self) -> bytes:
        return self.middle.public_bytes(Encoding.PEM)

    @property
    def chain_pem(self) -> bytes:
        return self.leaf_pem + self.middle_pem

    @property
    def pem(self) -> bytes:
        return self.key_pem() + self.chain_pem

    @property
    def shown(self) -> list[str]:
        """What a server must send: fingerprints of leaf and intermediate."""
        return [cert.fingerprint(hashes.SHA256()).hex() for cert in (self.leaf, self.middle)]

    def key_pem(self, password: str = "") -> bytes:
        shut = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, shut)


class Authority:
    """A root and an intermediate; issues leaves for the lab's gateway."""

    def __init__(self) -> None:
        root = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate("Lab Root", root, "Lab Root", root, ca=True)
        self.middle = _certificate("Lab Intermediate", self._key, "Lab Root", root, ca=True)

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)

    def issue(self, kind: str) -> Certified:
        """'RSA', 'ECDSA' or 'Ed25519'."""
        key = _MADE[kind]()
        return Certified(key, _certificate(NAME, key, "Lab Intermediate", self._key, ca=False), self.middle)


def pkcs12(folder: Path, content: dict[str, Certified], password: str, *, legacy: bool = False) -> bytes:
    """A store by openssl; of several keys by keytool, which puts what openssl makes into one."""
    stores = [_exported(folder, alias, each, password, legacy) for alias, each in content.items()]
    if len(stores) > 1:
        words = ["-srcstorepass", password, "-deststorepass", password, "-deststoretype", "PKCS12", "-noprompt"]
        for other in stores[1:]:
            run("keytool", "-importkeystore", "-srckeystore", other, "-destkeystore", stores[0], *words)
    return stores[0].read_bytes()


def shown_at(host: str, port: int, *, starttls: bool = False, kind: str = "") -> list[str]:
    """Fingerprints of the chain that openssl is sent; with `kind` it takes signatures of that kind alone."""
    words = ["openssl", "s_client", "-showcerts", "-connect", f"{host}:{port}"]
    words += ["-starttls", "smtp"] if starttls else []
    words += ["-sigalgs", _SIGALGS[kind]] if kind else []
    said = subprocess.run(words, input=b"", capture_output=True, check=False, timeout=30).stdout
    found = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL)
    return [x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex() for pem in found]


def run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def _exported(folder: Path, alias: str, each: Certified, password: str, legacy: bool) -> Path:
    source, store = folder / f"{alias}.pem", folder / f"{alias}.p12"
    source.write_bytes(each.pem)
    way = ["-legacy"] if legacy else []
    run(
        "openssl",
        "pkcs12",
        "-export",
        *way,
        "-in",
        source,
        "-name",
        alias,
        "-passout",
        f"pass:{password}",
        "-out",
        store,
    )
    return store


def _certificate(
    name: str, key: Key, issuer: str, signing: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(_name(issuer), _name(name), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(signing, hashes.SHA256())
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
