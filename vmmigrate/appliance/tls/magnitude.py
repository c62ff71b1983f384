"""How large the numbers of a private key are, seen before a library computes with them, deaf to signals."""

from asn1crypto import keys, pem

from vmmigrate.errors import BadKeys
from vmmigrate.limits import KEY_MODULUS

_BYTES = KEY_MODULUS.most
_FIXED = ("rsa", "rsassa_pss", "ec", "ed25519", "ed448")  # while these are read, nothing is computed that costs
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
        kind = str(keys.PrivateKeyInfo.load(der)["private_key_algorithm"]["algorithm"].native)
    except _ODD as error:
        raise ValueError(f"it is no private key: {error}") from error
    if kind not in _FIXED and len(der) > 2 * _BYTES:
        raise _too_large(f"{len(der)} bytes of the kind {kind.upper()}", f"{2 * _BYTES:,} bytes")


def refuse_large_modulus(bits: int) -> None:
    """Of RSA. Raises BadKeys."""
    if bits > 8 * _BYTES:
        raise _too_large(f"{bits:,} bits", f"{8 * _BYTES:,} bits")


def _too_large(seen: str, most: str) -> BadKeys:
    return BadKeys(
        f"the private key has {seen}, {most} at most are used",
        hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384)",
    )
