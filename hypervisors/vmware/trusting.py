"""TLS to vCenter and to the hosts behind it: by authority, or by a pinned leaf; never unverified.

pyvmomi leaves verification out for localhost unless it is given a context, and its own `thumbprint=` accepts a
wrong one with a context that does not verify (measured with 9.1.1): so every connection gets a context from here.
"""

import hashlib
import ssl
from urllib.parse import urlsplit

from hypervisors.errors import TrustRefused, Unreachable
from hypervisors.trust import TlsTrust, fetch_leaf, fingerprint_of, normal_fingerprint
from hypervisors.vmware import proxies
from hypervisors.vmware.target import Target

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: a pin says "this very certificate", whatever its dates
_THUMBPRINTS = {40: "sha1", 64: "sha256"}  # by their hexadecimal digits; older servers have SHA-1 alone
_BEHIND = (  # never a pin: hypervisor.fingerprint is vCenter's own
    "add the authority that signed the host's certificate to hypervisor.ca_file, beside vCenter's; "
    "or have vCenter renew the host's certificate"
)


def context_for(host: str, port: int, trust: TlsTrust) -> ssl.SSLContext:
    """Verifies what it connects to. Raises TrustRefused (not the pinned leaf, no such authority), Unreachable."""
    if trust.fingerprint:
        return _pinned(host, port, normal_fingerprint(trust.fingerprint))
    try:
        return ssl.create_default_context(cafile=trust.ca_file)
    except OSError as error:
        raise TrustRefused(
            f"the authority's file {trust.ca_file} cannot be used: {error}", hint="give a PEM file of certificates"
        ) from error


def _pinned(host: str, port: int, pin: str) -> ssl.SSLContext:
    leaf = _leaf(host, port)
    seen = fingerprint_of(leaf)
    if seen != pin:
        raise TrustRefused(
            f"the certificate of {host}:{port} has the SHA-256 fingerprint {seen}, not {pin}",
            hint="compare it with the server's own, and pin the right one with hypervisor.fingerprint",
            seen=seen,
        )
    return _believing(leaf)


def _leaf(host: str, port: int) -> bytes:
    try:
        return fetch_leaf(host, port, dial=proxies.dial)
    except OSError as error:
        raise Unreachable(
            f"no TLS session with {host}:{port}: {error}", hint="check address and port; does vCenter or the host run?"
        ) from error


def _believing(leaf: bytes) -> ssl.SSLContext:
    """This very certificate and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=leaf)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def refused(host: str, port: int, error: ssl.SSLCertVerificationError) -> TrustRefused:
    """With the fingerprint that the server shows, for an operator to compare and pin."""
    seen = _seen(host, port)
    return TrustRefused(
        _untrusted(host, port, error, seen),
        hint=f"compare the fingerprint with the server's own and pin it as hypervisor.fingerprint: {seen}",
        seen=seen,
    )


def refused_behind(host: str, port: int, error: ssl.SSLCertVerificationError) -> TrustRefused:
    """Of a host that a lease points to."""
    seen = _seen(host, port)
    return TrustRefused(_untrusted(host, port, error, seen), hint=_BEHIND, seen=seen)


def _seen(host: str, port: int) -> str:
    try:
        return fingerprint_of(fetch_leaf(host, port, dial=proxies.dial))
    except (OSError, TrustRefused):
        return "unknown"


def _untrusted(host: str, port: int, error: ssl.SSLCertVerificationError, seen: str) -> str:
    return f"the certificate of {host}:{port} is not trusted: {error.verify_message}; its SHA-256 fingerprint is {seen}"


def context_behind(
    server: Target, url: str, thumbprint: str, trust: TlsTrust, context: ssl.SSLContext
) -> ssl.SSLContext:
    """For a host that a lease points to. It need not be the server that we trust, so it is verified too.

    By the thumbprint that vCenter told over a verified connection; else by the authority. Raises TrustRefused,
    Unreachable.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if (host, port) == (server.host, server.port):
        return context
    leaf = _leaf(host, port)
    if _bears(leaf, thumbprint):
        return _believing(leaf)
    if trust.ca_file is None and trust.fingerprint:
        seen = fingerprint_of(leaf)
        raise TrustRefused(
            f"the certificate of the host {host}:{port} is not the one that {server.server} told; "
            f"its SHA-256 fingerprint is {seen}",
            hint=_BEHIND,
            seen=seen,
        )
    return context_for(host, port, TlsTrust(ca_file=trust.ca_file))


def _bears(leaf: bytes, thumbprint: str) -> bool:
    told = thumbprint.replace(":", "").lower()
    kind = _THUMBPRINTS.get(len(told))
    return kind is not None and hashlib.new(kind, leaf, usedforsecurity=False).hexdigest() == told
