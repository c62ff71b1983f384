"""How large the numbers of a private key are, seen before a library computes with them, deaf to signals."""

from asn1crypto import core, keys, pem

from vmmigrate.errors import BadKeys
from vmmigrate.limits import KEY_MODULUS

_BYTES = KEY_MODULUS.most
_ML_DSA = tuple(f"2.16.840.1.101.3.4.3.{level}" for level in (17, 18, 19))  # FIPS 204; one has 4,900 bytes at most
_FIXED = ("rsa", "rsassa_pss", "ec", "ed25519", "ed448", *_ML_DSA)  # reading these computes nothing that costs
_ODD = (TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def refuse_large_key(block: bytes) -> None:
    """Of one block of PEM. OpenSSL's older forms, and encrypted ones, are not looked into.

    Raises BadKeys, ValueError for what is no key.
    """
    if b"BEGIN PRIVATE KEY-----" in block:
        refuse_large(pem.unarmor(block)[2])


def refuse_large(der: bytes) -> None:
    """Of a key in PKCS#8: of DSA and DH the public part is computed from the private one when it is read.

    Raises BadKeys, ValueError for what is no key.
    """
    try:
        kind = _kind(der)
    except _ODD as error:
        raise ValueError(f"it is no private key: {error}") from error
    if kind not in _FIXED and len(der) > 2 * _BYTES:
        raise _too_large(f"{len(der)} bytes of the kind {kind.upper()}", f"{2 * _BYTES:,} bytes")


def _kind(der: bytes) -> str:
    """asn1crypto's name of it, else its number. Of a kind that asn1crypto does not know, its `PrivateKeyInfo` fails."""
    algorithm = core.SequenceOf.load(der, spec=core.Any)[1]
    kind = core.SequenceOf.load(algorithm.dump(), spec=core.Any)[0].parse(keys.PrivateKeyAlgorithmId)
    return str(kind.native)


def refuse_large_modulus(bits: int) -> None:
    """Of RSA. Raises BadKeys."""
    if bits > 8 * _BYTES:
        raise _too_large(f"{bits:,} bits", f"{8 * _BYTES:,} bits")


def _too_large(seen: str, most: str) -> BadKeys:
    return BadKeys(
        f"the private key has {seen}, {most} at most are used",
        hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384)",
    )
