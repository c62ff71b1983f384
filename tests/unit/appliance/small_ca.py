"""A CA of a test's own: root, intermediate and leaves with the names and dates asked for."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vmmigrate.appliance.keys import Pair

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(
    name: str,
    *,
    issuer: Issuer | None = None,
    names: tuple[str, ...] = (),
    days: int = 365,
    start: datetime = NOW - timedelta(days=1),
    ca: bool = False,
) -> Issuer:
    """A certificate and its key; self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    upper, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=upper, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return builder.sign(signing, hashes.SHA256()), key


def pair(name: str = "mailgw.example.test", *, days: int = 365, start: datetime = NOW - timedelta(days=1)) -> Pair:
    """A leaf of an intermediate of a root; the chain holds the intermediate."""
    root = certificate("Root", ca=True)
    middle = certificate("Intermediate", issuer=root, ca=True)
    leaf, key = certificate(name, issuer=middle, names=(name,), days=days, start=start)
    return Pair(key, leaf, (middle[0],))
