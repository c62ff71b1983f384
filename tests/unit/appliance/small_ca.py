"""A CA of a test's own: root, intermediate and leaves with the names and dates asked for.

Without trustme: it makes no leaf that signed itself, no authority that has expired, and a new RSA key for each leaf.
"""

from datetime import UTC, datetime, timedelta

from asn1crypto import keys, pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from vmmigrate.appliance.tls.keys import Pair

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Issuer = tuple[x509.Certificate, Key]
_RSA: list[rsa.RSAPrivateKey] = []  # made once: a prime search takes its time


def certificate(
    name: str,
    *,
    issuer: Issuer | None = None,
    names: tuple[str, ...] = (),
    days: int = 365,
    start: datetime = NOW - timedelta(days=1),
    ca: bool = False,
    kind: str = "ECDSA",
) -> Issuer:
    """A certificate and its key; self-signed without an issuer. All of kind RSA have one key."""
    key: Key = rsa_key() if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
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


def rsa_key() -> rsa.RSAPrivateKey:
    if not _RSA:
        _RSA.append(rsa.generate_private_key(65537, 2048))
    return _RSA[0]


def authority() -> tuple[Issuer, Issuer]:
    """An intermediate, and the root above it."""
    root = certificate("Root", ca=True)
    return certificate("Intermediate", issuer=root, ca=True), root


def pair(
    name: str = "mailgw.example.test",
    *,
    days: int = 365,
    start: datetime = NOW - timedelta(days=1),
    kind: str = "ECDSA",
    issuer: Issuer | None = None,
) -> Pair:
    """A leaf of an intermediate of a root; the chain holds the intermediate."""
    middle = issuer or authority()[0]
    leaf, key = certificate(name, issuer=middle, names=(name,), days=days, start=start, kind=kind)
    return Pair(key, leaf, (middle[0],))


def rsa_of(first: int, second: int) -> bytes:
    """A key of two Mersenne primes, by their exponents, in PEM."""
    p, q, e = 2**first - 1, 2**second - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    parts = {"version": 0, "modulus": p * q, "public_exponent": e, "private_exponent": d, "prime1": p, "prime2": q}
    crt = {"exponent1": d % (p - 1), "exponent2": d % (q - 1), "coefficient": pow(q, -1, p)}
    return bytes(pem.armor("RSA PRIVATE KEY", keys.RSAPrivateKey(parts | crt).dump()))
