"""TLS keys and certificates as values: load, check, and write them again. Pure functions, no files."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from hypervisors import Secret, fingerprint_of
from vmmigrate.errors import BadKeys

_SOON = timedelta(days=30)
_PEM_KEY = re.compile(rb"-----BEGIN ((?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class TlsFinding:
    """Something to say of a pair. `severity`: 'error' (unusable) or 'warning' (as bad as it was before)."""

    id: str
    severity: str
    text: str
    remedy: str


@dataclass(frozen=True)
class Pair:
    """A private key, its certificate, and the certificates above it, nearest first."""

    key: PrivateKeyTypes = field(repr=False)
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf's DER form, 64 lower-case hex digits."""
        return fingerprint_of(self.leaf.public_bytes(Encoding.DER))


def load_pkcs12(data: bytes, password: Secret) -> Pair:
    """Raises BadKeys: not PKCS#12, wrong password, no key in it."""
    try:
        store = pkcs12.load_pkcs12(data, password.reveal().encode())
    except ValueError as error:
        raise BadKeys(
            "the PKCS#12 store does not open: it is damaged, or server.xml names another password",
            hint="try `openssl pkcs12 -info -in FILE` on the appliance",
        ) from error
    if store.key is None:
        raise BadKeys("the PKCS#12 store holds no private key", hint="is it the store that Tomcat serves?")
    leaf = [store.cert.certificate] if store.cert else []
    return _pair(store.key, [*leaf, *(extra.certificate for extra in store.additional_certs)])


def pkcs12_alias(data: bytes, password: Secret) -> str | None:
    """The friendly name of the key's certificate, None where it has none. Raises BadKeys as `load_pkcs12`."""
    load_pkcs12(data, password)
    store = pkcs12.load_pkcs12(data, password.reveal().encode())
    name = store.cert.friendly_name if store.cert else None
    return name.decode("utf-8", "replace") if name else None


def load_pem(data: bytes) -> Pair:
    """From PEM text with one private key and certificates in any order. Raises BadKeys."""
    keys = list({match[0]: None for match in _PEM_KEY.finditer(data)})
    if len(keys) != 1:
        raise BadKeys(
            f"the PEM text holds {len(keys)} private keys, one is needed",
            hint="several pairs (RSA beside ECDSA) are not carried over: copy them by hand",
        )
    try:
        key = load_pem_private_key(keys[0], password=None)
        certificates = [x509.load_pem_x509_certificate(found) for found in _PEM_CERTIFICATE.findall(data)]
    except (ValueError, TypeError) as error:  # TypeError: an encrypted key
        raise BadKeys(
            f"the PEM text cannot be read: {error}", hint="Postfix needs its key without a password"
        ) from error
    return _pair(key, certificates)


def to_pkcs12(pair: Pair, password: Secret, alias: str) -> bytes:
    """As Tomcat of every family reads it."""
    return pkcs12.serialize_key_and_certificates(
        alias.encode(),
        pair.key,  # type: ignore[arg-type]  # DH keys, which no certificate has, are all that differs
        pair.leaf,
        pair.chain or None,
        BestAvailableEncryption(password.reveal().encode()),
    )


def to_pem(pair: Pair) -> bytes:
    """Key, leaf, chain: the combined file of Postfix."""
    return key_pem(pair) + certificates_pem(pair)


def certificates_pem(pair: Pair) -> bytes:
    """Leaf and chain alone."""
    return b"".join(cert.public_bytes(Encoding.PEM) for cert in (pair.leaf, *pair.chain))


def key_pem(pair: Pair) -> bytes:
    """The private key alone, PKCS#8, not encrypted."""
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def check(pair: Pair, host: str, now: datetime) -> tuple[TlsFinding, ...]:
    """Key and leaf, chain, dates, name; `now` with a time zone. () where all is well."""
    return (*_key_findings(pair), *_chain_findings(pair), *_date_findings(pair, now), *_name_findings(pair, host))


def _pair(key: PrivateKeyTypes, certificates: list[x509.Certificate]) -> Pair:
    """The leaf is the certificate of that key; the others stay in the order they came in."""
    unique = list(dict.fromkeys(certificates))
    if not unique:
        raise BadKeys("there is a private key, but no certificate", hint="is the certificate in another file?")
    leaf = next((cert for cert in unique if _public(cert) == _spki(key)), unique[0])
    return Pair(key, leaf, tuple(cert for cert in unique if cert != leaf))


def _spki(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(cert: x509.Certificate) -> bytes:
    return cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_findings(pair: Pair) -> Iterator[TlsFinding]:
    if _public(pair.leaf) != _spki(pair.key):
        yield TlsFinding(
            "tls-key-mismatch",
            "error",
            f"the private key does not belong to the certificate {_subject(pair.leaf)}",
            "put the matching key beside the certificate on the old appliance",
        )


def _chain_findings(pair: Pair) -> Iterator[TlsFinding]:
    if not pair.chain and not _issued(pair.leaf, pair.leaf):
        yield TlsFinding(
            "tls-chain-missing",
            "warning",
            f"no intermediate certificate is sent with {_subject(pair.leaf)}, issued by {_name(pair.leaf.issuer)}",
            "append the issuer's certificate where clients do not have it",
        )
    for lower, upper in zip((pair.leaf, *pair.chain), pair.chain, strict=False):
        if not _issued(upper, lower):
            yield _broken(pair, lower, upper)


def _broken(pair: Pair, lower: x509.Certificate, upper: x509.Certificate) -> TlsFinding:
    if any(_issued(other, lower) for other in pair.chain):
        return TlsFinding(
            "tls-chain-order",
            "warning",
            f"the chain is out of order: {_subject(upper)} follows {_subject(lower)}, which another one issued",
            "order it from the leaf upwards",
        )
    return TlsFinding(
        "tls-chain-broken",
        "warning",
        f"the chain is broken: {_subject(lower)} is not issued by {_subject(upper)}",
        "replace the intermediate certificates by the issuer's current ones",
    )


def _issued(upper: x509.Certificate, lower: x509.Certificate) -> bool:
    """Name and signature; not its dates."""
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _date_findings(pair: Pair, now: datetime) -> Iterator[TlsFinding]:
    for cert in (pair.leaf, *pair.chain):
        begin, end = cert.not_valid_before_utc, cert.not_valid_after_utc
        if now > end:
            yield _date_finding("tls-expired", cert, f"expired on {end:%Y-%m-%d}")
        elif now < begin:
            yield _date_finding("tls-not-yet-valid", cert, f"is valid from {begin:%Y-%m-%d} only")
        elif end - now < _SOON:
            yield _date_finding("tls-expires-soon", cert, f"expires on {end:%Y-%m-%d}")


def _date_finding(identity: str, cert: x509.Certificate, text: str) -> TlsFinding:
    return TlsFinding(identity, "warning", f"the certificate {_subject(cert)} {text}", "renew it")


def _name_findings(pair: Pair, host: str) -> Iterator[TlsFinding]:
    names = list(_names(pair.leaf))
    if not any(_matches(name, host) for name in names):
        yield TlsFinding(
            "tls-name-mismatch",
            "warning",
            f"the certificate is for {', '.join(names) or 'no name'}, not for {host}",
            "clients that check names refuse it, as they did before: renew it with that name",
        )


def _names(cert: x509.Certificate) -> Iterable[str]:
    """Subject alternative names; the common name alone where there are none, as old clients do."""
    try:
        extension = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(a.value) for a in cert.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    addresses = extension.get_values_for_type(x509.IPAddress)
    return [*extension.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _matches(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and "." in host and name[2:] == host.split(".", 1)[1])


def _subject(cert: x509.Certificate) -> str:
    return _name(cert.subject)


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else repr(name.rfc4514_string())
