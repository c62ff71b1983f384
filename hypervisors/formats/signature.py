"""The signature of an OVF package: a .cert signs the manifest, and an authority of the operator's vouches for it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtensionOID

from hypervisors import limits
from hypervisors.errors import BadImage, Problem
from hypervisors.formats.manifest import algorithm, small
from hypervisors.formats.source import Source
from hypervisors.quiet import unwarned

_SIGNATURE = re.compile(rb"^(?:\xef\xbb\xbf)?([A-Za-z0-9-]+)\s*\((.+)\)\s*=\s*([0-9A-Fa-f]+)\s*$", re.MULTILINE)
_HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}  # noqa: S303 -- ovftool's default once
_UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
_LONGEST_CHAIN = limits.SIGNATURE_CHAIN.most
_NONSENSE = (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion)  # parsed lazily
_ELSEWHERE = "fetch it again from its publisher, or leave image.ca_file out to deploy it unverified"


def verify(manifest: Source, certificate: Source, ca_file: Path) -> str:
    """Who signed the manifest. Raises BadImage unless the signature is valid and `ca_file` vouches for it.

    `certificate`: the line "SHA256(x.mf)= signature", then the signer's certificate and those of authorities between,
    in PEM [DSP0243, 5.1]. Revocation is not checked, and an expired signature is not valid.
    """
    text, roots = small(certificate), _authorities(ca_file)
    signer, *others = _certificates(certificate, text)
    try:
        _check_signature(certificate, text, signer, small(manifest))
        _check_chain(certificate, signer, others, roots)
    except _NONSENSE as error:
        raise certificate.damaged(f"a certificate in it cannot be read ({error})") from error
    return _name(signer)


def _certificates(source: Source, text: bytes) -> list[x509.Certificate]:
    try:
        return _read(text)
    except _NONSENSE as error:
        raise source.damaged(f"it contains no certificate ({error})") from error


def _authorities(ca_file: Path) -> list[x509.Certificate]:
    hint = "image.ca_file names a PEM file of the authority that signs the publisher's packages"
    try:
        return _read(ca_file.read_bytes())
    except OSError as error:
        raise Problem(f"{ca_file}: {error.strerror}", hint=hint) from error
    except _NONSENSE as error:
        raise Problem(f"{ca_file} contains no certificate", hint=hint) from error


@unwarned()
def _read(text: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(text)


def _check_signature(source: Source, text: bytes, signer: x509.Certificate, signed: bytes) -> None:
    found = _SIGNATURE.search(text)
    kind = found and algorithm(found[1].decode())
    if not found or not kind or len(found[3]) % 2:
        raise source.damaged("it has no line with a supported signature")
    try:
        _check(signer, bytes.fromhex(found[3].decode()), signed, _HASHES[kind])
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise source.refused(
            "is not a valid signature of its manifest: one of the two was changed", hint=_ELSEWHERE
        ) from error


def _check(signer: x509.Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm) -> None:
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    else:
        raise UnsupportedAlgorithm("neither RSA nor elliptic curve")


def _check_chain(
    source: Source, signer: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> None:
    """From the signer upwards to one of the roots, which may be the signer's own certificate."""
    current = signer
    for between in range(_LONGEST_CHAIN):
        if reason := _unfit(current):
            raise _not_trusted(source, current, reason)
        if current in roots:
            return
        issuer = next((each for each in (*roots, *others) if each != current and _issued(current, each, between)), None)
        if issuer is None:
            raise _not_trusted(source, current, "was not issued by an authority in image.ca_file")
        current = issuer
    raise _not_trusted(source, signer, "has too many authorities above it")


def _not_trusted(source: Source, certificate: x509.Certificate, reason: str) -> BadImage:
    return source.refused(
        f"is signed, but not trusted: the certificate of {_name(certificate)} {reason}", hint=_ELSEWHERE
    )


def _name(certificate: x509.Certificate) -> str:
    """For people, without characters that control a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in certificate.subject.rfc4514_string())


def _unfit(certificate: x509.Certificate) -> str | None:
    """Why the certificate proves nothing."""
    now = datetime.now(UTC)
    if now < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
    if now > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    critical = {each.oid for each in certificate.extensions if each.critical}
    unknown = ", ".join(sorted(oid.dotted_string for oid in critical - _UNDERSTOOD))
    return f"has critical extensions that are not supported ({unknown})" if unknown else None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, between: int) -> bool:
    """Whether `issuer` is an authority that signed it, and may have so many authorities `between` it and the signer."""
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    deep_enough = basic.path_length is None or between <= basic.path_length
    return basic.ca and deep_enough and _may_sign(issuer)


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
