"""Read a certificate so that nothing that is asked of it later can fail: whoever sent it may have damaged it."""

import base64
from collections.abc import Callable, Sequence

from asn1crypto import parser
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from hypervisors import unwarned
from vmmigrate.appliance.tls.pem import is_key, is_trusted
from vmmigrate.errors import BadKeys
from vmmigrate.limits import PEM_CERTIFICATES

MOST = PEM_CERTIFICATES.most
_UNREADABLE = (ValueError, TypeError, OverflowError, x509.InvalidVersion)


def from_der(der: bytes) -> x509.Certificate:
    """Raises BadKeys where a part of it cannot be read: its version, dates, names, key."""
    return _read(lambda: x509.load_der_x509_certificate(der))


def from_pem(block: bytes) -> x509.Certificate:
    """Of one block. Raises BadKeys."""
    return _read(lambda: _without_trust(block) if is_trusted(block) else x509.load_pem_x509_certificate(block))


def all_of(blocks: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Raises BadKeys, also for more than MOST."""
    found = [block for block in blocks if not is_key(block)]
    if len(found) > MOST:
        raise BadKeys(
            f"the file holds {len(found)} certificates, {MOST} at most are read",
            hint="is it the chain of this gateway's certificate? keep that alone in it",
        )
    return tuple(from_pem(block) for block in found)


def unusable(error: Exception) -> BadKeys:
    """A kind of key or encryption that no library here knows."""
    return BadKeys(
        f"it cannot be used: {str(error).rstrip('.')}",
        hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384); a store: write it again "
        "with `openssl pkcs12`",
    )


@unwarned()
def _read(load: Callable[[], x509.Certificate]) -> x509.Certificate:
    """cryptography reads most parts when they are first asked for: here they all are."""
    try:
        found = load()
        found.public_key()
        for name in (found.subject, found.issuer):
            name.rfc4514_string()
        _ = found.not_valid_before_utc, found.not_valid_after_utc
        return found
    except UnsupportedAlgorithm as error:
        raise unusable(error) from error
    except _UNREADABLE as error:
        raise BadKeys(
            f"a certificate cannot be read: {error}", hint="try `openssl x509 -in FILE -noout -text` on the appliance"
        ) from error


def _without_trust(block: bytes) -> x509.Certificate:
    """Behind the certificate itself OpenSSL writes for what it is trusted."""
    data = base64.b64decode(b"".join(block.splitlines()[1:-1]))
    return x509.load_der_x509_certificate(data[: parser.peek(data)])
