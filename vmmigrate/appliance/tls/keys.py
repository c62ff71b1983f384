"""TLS pairs as values: what a pair is, and how it is read from PEM and written to it. No files, no checks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hypervisors import Secret, fingerprint_of
from vmmigrate.errors import BadKeys

_BLOCK = re.compile(
    rb"-----BEGIN ((?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY|(?:X509 )?CERTIFICATE)-----.*?-----END \1-----",
    re.DOTALL,
)
_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "RSA"),
    (ec.EllipticCurvePublicKey, "ECDSA"),
    (dsa.DSAPublicKey, "DSA"),
)


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

    @property
    def kind(self) -> str:
        return kind_of(self.leaf)


def kind_of(certificate: x509.Certificate) -> str:
    """What a server signs with: 'RSA', 'ECDSA', 'DSA', else the key's own name ('Ed25519')."""
    public = certificate.public_key()
    named = type(public).__name__.removesuffix("PublicKey")
    return next((kind for class_, kind in _KINDS if isinstance(public, class_)), named)


def load_pem(data: bytes, password: Secret | None = None) -> Pair:
    """From PEM text with one private key and certificates in any order. Raises BadKeys."""
    blocks = _blocks(data)
    keys = [block for block in blocks if _is_key(block)]
    if len(keys) != 1:
        raise BadKeys(
            f"the PEM text holds {len(keys)} private keys, one is needed",
            hint="Postfix reads several keys from one file only with smtpd_tls_chain_files",
        )
    return pair_of(_key(keys[0], password), _certificates(blocks))


def load_pem_chains(data: bytes) -> tuple[Pair, ...]:
    """From PEM text as smtpd_tls_chain_files needs it: each key is followed by its chain. Raises BadKeys."""
    groups: list[list[bytes]] = []
    before: list[bytes] = []
    for block in _blocks(data):
        if _is_key(block):
            groups.append([block, *(before if not groups else ())])  # a key in the last place is tolerated
        else:
            (groups[-1] if groups else before).append(block)
    if not groups:
        raise BadKeys("the PEM text holds no private key", hint="is it in another file?")
    everything = _certificates(_blocks(data))
    return tuple(_own_chain(_key(group[0], None), _certificates(group[1:]), everything) for group in groups)


def holds_key(data: bytes) -> bool:
    """Whether PEM text has a private key in it."""
    return any(_is_key(block) for block in _blocks(data))


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of PEM text, in their order. Raises BadKeys."""
    return _certificates(_blocks(data))


def pair_of(key: PrivateKeyTypes, certificates: Sequence[x509.Certificate]) -> Pair:
    """The leaf is the certificate of that key; the others stay in the order they came in. Raises BadKeys."""
    unique = list(dict.fromkeys(certificates))
    if not unique:
        raise BadKeys("there is a private key, but no certificate", hint="is the certificate in another file?")
    leaf = next((cert for cert in unique if belongs(key, cert)), unique[0])
    return Pair(key, leaf, tuple(cert for cert in unique if cert != leaf))


def belongs(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    return _spki(key.public_key()) == _spki(certificate.public_key())


def to_pem(pair: Pair) -> bytes:
    """Key, leaf, chain: the combined file of Postfix."""
    return key_pem(pair) + certificates_pem(pair)


def certificates_pem(pair: Pair) -> bytes:
    """Leaf and chain, without the key."""
    return chain_pem((pair.leaf, *pair.chain))


def chain_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(cert.public_bytes(Encoding.PEM) for cert in certificates)


def key_pem(pair: Pair, password: Secret | None = None) -> bytes:
    """Only the private key, PKCS#8; not encrypted without a password."""
    shut = BestAvailableEncryption(password.reveal().encode()) if password else NoEncryption()
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, shut)


def _own_chain(
    key: PrivateKeyTypes, following: tuple[x509.Certificate, ...], everything: tuple[x509.Certificate, ...]
) -> Pair:
    """If the leaf does not follow its key, it is looked for in the whole text."""
    if not any(belongs(key, cert) for cert in following):
        following = (*(cert for cert in everything if belongs(key, cert)), *following)
    return pair_of(key, following)


def _blocks(data: bytes) -> list[bytes]:
    """Keys and certificates in their order, each once."""
    return list(dict.fromkeys(match[0] for match in _BLOCK.finditer(data)))


def _is_key(block: bytes) -> bool:
    return b"PRIVATE KEY-----" in block.partition(b"\n")[0]


def _key(block: bytes, password: Secret | None) -> PrivateKeyTypes:
    shut = b"ENCRYPTED" in block
    try:
        return load_pem_private_key(block, password.reveal().encode() if password and shut else None)
    except TypeError as error:
        raise BadKeys(
            "the private key is encrypted, and nothing here names its password",
            hint="Postfix needs its key without a password: `openssl pkey -in FILE -out NEW-FILE` takes it away; "
            "Tomcat needs certificateKeyPassword beside certificateKeyFile",
        ) from error
    except ValueError as error:
        raise BadKeys(
            "the private key cannot be read: it is damaged" + (", or its password is another one" if shut else ""),
            hint="try `openssl pkey -in FILE -noout` on the appliance",
        ) from error
    except UnsupportedAlgorithm as error:
        raise unusable(error) from error


def _certificates(blocks: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(x509.load_pem_x509_certificate(block) for block in blocks if not _is_key(block))
        for cert in found:
            cert.public_key()  # else an unknown kind of key would fail later, at some other place
        return found
    except UnsupportedAlgorithm as error:
        raise unusable(error) from error
    except ValueError as error:
        raise BadKeys(
            f"a certificate cannot be read: {error}", hint="try `openssl x509 -in FILE -noout -text` on the appliance"
        ) from error


def unusable(error: Exception) -> BadKeys:
    """A kind of key or encryption that no library here knows."""
    return BadKeys(
        f"it cannot be used: {str(error).rstrip('.')}",
        hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384); a store: write it again "
        "with `openssl pkcs12`",
    )


def _spki(public: object) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded
