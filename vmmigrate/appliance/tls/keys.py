"""TLS pairs as values: what a pair is, and how it is read from PEM and written to it. No files, no checks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from asn1crypto import keys as asn1
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
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
from vmmigrate.appliance.tls.certificates import all_of, from_pem, unusable
from vmmigrate.appliance.tls.derivation import refuse_costly_key
from vmmigrate.appliance.tls.magnitude import refuse_large_key, refuse_large_modulus
from vmmigrate.appliance.tls.pem import blocks, is_key, is_trusted, key_blocks
from vmmigrate.appliance.tls.tried import SHORT, opened_key, word_of
from vmmigrate.errors import BadKeys
from vmmigrate.findings import Finding, warning
from vmmigrate.limits import PEM_KEYS

_MOST_KEYS = PEM_KEYS.most
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
    """Of a file of certificates and one of a key; of several keys Tomcat would fit the wrong one. Raises BadKeys.

    A carriage return alone ends a line for Java.
    """
    certificates, key = (data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for data in (certificates, key))
    keys = list(dict.fromkeys(key_blocks(key)))
    if len(keys) != 1:
        raise BadKeys(
            f"the PEM text holds {len(keys)} private keys, one is needed",
            hint="Postfix reads several keys from one file only with smtpd_tls_chain_files",
        )
    return _apart(certificates, _key(keys[0], password))


def load_apart(certificates: bytes, key: bytes) -> Pair:
    """As Postfix reads a file of certificates and one of a key: of each what it is asked for. Raises BadKeys."""
    keys = key_blocks(key)
    if not keys:
        raise BadKeys("there is no private key", hint="is it in another file?")
    pair = _apart(certificates, _as_openssl(keys[0]))
    return pair if len(keys) == 1 else replace(pair, said=(*pair.said, _second_key(pair)))


def _apart(certificates: bytes, key: PrivateKeyTypes) -> Pair:
    found = [block for block in blocks(certificates) if not is_key(block)]
    pair = pair_of(key, _chain(key, found))
    return replace(pair, said=_about(found, pair))


def load_pem_chains(data: bytes) -> tuple[Pair, ...]:
    """From PEM text as smtpd_tls_chain_files needs it: each key is followed by its chain. Raises BadKeys."""
    groups: list[list[bytes]] = []
    before: list[bytes] = []
    for block in blocks(data):
        if is_key(block):
            groups.append([block, *(before if not groups else ())])  # a key in the last place is tolerated
        else:
            (groups[-1] if groups else before).append(block)
    if not groups:
        raise BadKeys("the PEM text holds no private key", hint="is it in another file?")
    if len(groups) > _MOST_KEYS:
        raise BadKeys(
            f"the PEM text holds {len(groups)} private keys, {_MOST_KEYS} at most are read",
            hint="keep one of each kind",
        )
    everything = [block for block in blocks(data) if not is_key(block)]
    return tuple(_own_chain(_as_openssl(group[0]), group[1:], everything) for group in groups)


def holds_key(data: bytes) -> bool:
    """Whether PEM text has a private key in it."""
    return any(is_key(block) for block in blocks(data))


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of PEM text, in their order. Raises BadKeys."""
    return all_of(blocks(data))


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
    shut = BestAvailableEncryption(word_of(password)) if password else NoEncryption()
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


def _chain(key: PrivateKeyTypes, found: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Without what OpenSSL calls trusted certificates: they are no part of a chain, but one may be the leaf."""
    read = zip(map(is_trusted, found), all_of(found), strict=True)
    return tuple(cert for trusted, cert in read if not trusted or belongs(key, cert))


def _about(written: Sequence[bytes], pair: Pair) -> tuple[Finding, ...]:
    """What a server would not read, or not serve, as it lies there."""
    found = [(is_trusted(block), from_pem(block)) for block in written]
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


def key_of(der: bytes, password: Secret | None) -> PrivateKeyTypes:
    """Of a key in PKCS#8; with a password, of an encrypted one. Raises BadKeys for a costly one, or as libraries do."""
    return _opened(pem.armor("ENCRYPTED PRIVATE KEY" if password else "PRIVATE KEY", der), password)


def _opened(block: bytes, password: Secret | None) -> PrivateKeyTypes:
    refuse_costly_key(block)
    word = word_of(password) if password and b"ENCRYPTED" in block else None
    if password and word is not None and len(block) * 3 // 4 > SHORT:
        block, word = opened_key(block, password), None
    refuse_large_key(block)
    key = load_pem_private_key(block, word, unsafe_skip_rsa_key_validation=True)
    prove(key)
    return key


def _key(block: bytes, password: Secret | None) -> PrivateKeyTypes:
    shut = b"ENCRYPTED" in block
    try:
        return _opened(block, password)
    except TypeError as error:
        raise BadKeys(
            "the private key is encrypted, and nothing here names its password",
            hint="Postfix needs its key without a password: `openssl pkey -in FILE -out NEW-FILE` takes it away; "
            "Tomcat needs certificateKeyPassword beside certificateKeyFile",
        ) from error
    except (ValueError, InvalidSignature, InternalError) as error:
        raise BadKeys(
            "the private key cannot be read: it is damaged" + (", or its password is another one" if shut else ""),
            hint="try `openssl pkey -in FILE -noout` on the appliance",
        ) from error
    except UnsupportedAlgorithm as error:
        raise unusable(error) from error


def _as_openssl(block: bytes) -> PrivateKeyTypes:
    """It takes PKCS#8 under an older label too, such as RSA PRIVATE KEY; Java does not."""
    try:
        return _key(block, None)
    except BadKeys:
        with suppress(ValueError, TypeError, InvalidSignature, InternalError, UnsupportedAlgorithm):
            label, headers, der = pem.unarmor(block)
            if label != "PRIVATE KEY" and not headers:
                return key_of(der, None)
        raise


def prove(key: object) -> None:
    """Sign once: the library's own check of an RSA key tests its primes, for minutes where they are large, and is deaf
    to signals meanwhile.

    Raises ValueError or InvalidSignature for a key whose parts do not fit each other, BadKeys for a huge one.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        refuse_large_modulus(key.key_size)
        signed = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signed, b"", padding.PKCS1v15(), hashes.SHA256())


def _spki(public: object) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded
