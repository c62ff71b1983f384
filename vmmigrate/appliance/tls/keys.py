"""TLS pairs as values: what a pair is, and how it is read from PEM and written to it. No files, no checks."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from asn1crypto import keys as asn1
from asn1crypto import parser, pem
from asn1crypto import x509 as asn1_x509
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
from vmmigrate.findings import Finding, warning

_LABEL = rb"((?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY|(?:X509 |TRUSTED )?CERTIFICATE)"
# As OpenSSL reads: a label stands alone on its line, so that what is commented out is no PEM.
_BLOCK = re.compile(
    rb"^-----BEGIN " + _LABEL + rb"-----[ \t\r]*$.*?^-----END \1-----[ \t\r]*$", re.DOTALL | re.MULTILINE
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # which OpenSSL skips
_PSS = "1.2.840.113549.1.1.10"  # a key for this signature alone: cryptography takes it for a plain RSA key
_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "RSA"),
    (ec.EllipticCurvePublicKey, "ECDSA"),
    (dsa.DSAPublicKey, "DSA"),
)


@dataclass(frozen=True)
class Pair:
    """A private key, its certificate, and the certificates above it, nearest first.

    `said`: what its files hold and a server would not read, or not so; shown once, not stored.
    """

    key: PrivateKeyTypes = field(repr=False)
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    said: tuple[Finding, ...] = field(default=(), compare=False, repr=False)

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
    return load_as_tomcat(data, data, password)


def load_as_tomcat(certificates: bytes, key: bytes, password: Secret | None = None) -> Pair:
    """Of a file of certificates and one of a key; of several keys Tomcat would fit the wrong one. Raises BadKeys."""
    keys = list(dict.fromkeys(_key_blocks(key)))
    if len(keys) != 1:
        raise BadKeys(
            f"the PEM text holds {len(keys)} private keys, one is needed",
            hint="Postfix reads several keys from one file only with smtpd_tls_chain_files",
        )
    return _apart(certificates, _key(keys[0], password))


def load_apart(certificates: bytes, key: bytes) -> Pair:
    """As Postfix reads a file of certificates and one of a key: of each what it is asked for. Raises BadKeys."""
    keys = _key_blocks(key)
    if not keys:
        raise BadKeys("there is no private key", hint="is it in another file?")
    pair = _apart(certificates, _key(keys[0], None))
    return pair if len(keys) == 1 else replace(pair, said=(*pair.said, _second_key(pair)))


def _apart(certificates: bytes, key: PrivateKeyTypes) -> Pair:
    blocks = [block for block in _blocks(certificates) if not _is_key(block)]
    pair = pair_of(key, _chain(key, blocks))
    return replace(pair, said=_about(blocks, pair))


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
    everything = [block for block in _blocks(data) if not _is_key(block)]
    return tuple(_own_chain(_key(group[0], None), group[1:], everything) for group in groups)


def holds_key(data: bytes) -> bool:
    """Whether PEM text has a private key in it."""
    return any(_is_key(block) for block in _blocks(data))


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of PEM text, in their order. Raises BadKeys."""
    return _certificates(_blocks(data))


def pair_of(key: PrivateKeyTypes, certificates: Sequence[x509.Certificate]) -> Pair:
    """The leaf is the certificate of that key; the others stay in the order they came in. Raises BadKeys."""
    if not certificates:
        raise BadKeys("there is a private key, but no certificate", hint="is the certificate in another file?")
    rest = list(certificates)
    rest.remove(leaf := next((cert for cert in rest if belongs(key, cert)), rest[0]))
    return Pair(key, leaf, tuple(rest))


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
    if not is_for_pss(pair.leaf):
        return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, shut)
    if password:
        raise BadKeys(
            "a key for RSA-PSS alone cannot be written with a password", hint="name its file without one in server.xml"
        )
    return _pss_key_pem(pair)


def is_for_pss(certificate: x509.Certificate) -> bool:
    """Whether its key signs by RSA-PSS alone; written as a plain RSA key it would fit its certificate no more."""
    return certificate.public_key_algorithm_oid.dotted_string == _PSS


def _pss_key_pem(pair: Pair) -> bytes:
    """PKCS#8 with the algorithm of the certificate's own key."""
    held = asn1.PrivateKeyInfo.load(pair.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    leaf = asn1_x509.Certificate.load(pair.leaf.public_bytes(Encoding.DER))
    algorithm = leaf["tbs_certificate"]["subject_public_key_info"]["algorithm"].dump()
    held["private_key_algorithm"] = asn1.PrivateKeyAlgorithm.load(algorithm)
    written: bytes = pem.armor("PRIVATE KEY", held.dump(force=True))
    return written


def _own_chain(key: PrivateKeyTypes, following: Sequence[bytes], everything: Sequence[bytes]) -> Pair:
    """If the leaf does not follow its key, it is looked for in the whole text."""
    chain = _chain(key, following)
    if not any(belongs(key, cert) for cert in chain):
        chain = (*(cert for cert in _chain(key, everything) if belongs(key, cert)), *chain)
    pair = pair_of(key, chain)
    return replace(pair, said=_about(following, pair))


def _chain(key: PrivateKeyTypes, blocks: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Without what OpenSSL calls trusted certificates: they are no part of a chain, but one may be the leaf."""
    found = [(_is_trusted(block), _certificate(block)) for block in blocks]
    return tuple(cert for trusted, cert in found if not trusted or belongs(key, cert))


def _about(blocks: Sequence[bytes], pair: Pair) -> tuple[Finding, ...]:
    """What a server would not read, or not serve, as it lies there."""
    found = [(_is_trusted(block), _certificate(block)) for block in blocks]
    name = pair.leaf.subject.rfc4514_string()
    said = []
    if any(trusted for trusted, _ in found):
        text = f"the file of {name} holds a TRUSTED CERTIFICATE, which Tomcat and Postfix 3.4 and newer do not read"
        said.append(
            warning("tls-trusted-certificate", text, "nothing: a leaf is written as CERTIFICATE, others are not")
        )
    if found and found[0][1] != pair.leaf and any(cert == pair.leaf for _, cert in found):
        text = f"the certificate {name} stands behind others in its file, so that no server shows it"
        said.append(warning("tls-leaf-not-first", text, "nothing: it is written in the first place"))
    return tuple(said)


def _second_key(pair: Pair) -> Finding:
    return warning(
        "tls-second-key",
        f"the file of the key of {pair.leaf.subject.rfc4514_string()} holds more keys, which Postfix does not read",
        "name the file with smtpd_tls_chain_files if it shall serve them all",
    )


def _blocks(data: bytes) -> list[bytes]:
    """Keys and certificates in their order."""
    return [match[0] for match in _BLOCK.finditer(data.removeprefix(_BYTE_ORDER_MARK))]


def _key_blocks(data: bytes) -> list[bytes]:
    return [block for block in _blocks(data) if _is_key(block)]


def _is_trusted(block: bytes) -> bool:
    return block.startswith(b"-----BEGIN TRUSTED")


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
    return tuple(_certificate(block) for block in blocks if not _is_key(block))


def _certificate(block: bytes) -> x509.Certificate:
    try:
        found = _without_trust(block) if _is_trusted(block) else x509.load_pem_x509_certificate(block)
        found.public_key()  # else an unknown kind of key would fail later, at some other place
        return found
    except UnsupportedAlgorithm as error:
        raise unusable(error) from error
    except ValueError as error:
        raise BadKeys(
            f"a certificate cannot be read: {error}", hint="try `openssl x509 -in FILE -noout -text` on the appliance"
        ) from error


def _without_trust(block: bytes) -> x509.Certificate:
    """Behind the certificate itself OpenSSL writes for what it is trusted."""
    data = base64.b64decode(b"".join(block.splitlines()[1:-1]))
    return x509.load_der_x509_certificate(data[: parser.peek(data)])


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
