"""TLS to vCenter and to the hosts behind it: by authority, or by a pinned leaf; never unverified.

pyvmomi leaves verification out for localhost unless it is given a context, and its own `thumbprint=` accepts a
wrong one with a context that does not verify (measured with 9.1.1): so every connection gets a context from here.
"""

import hashlib
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

from hypervisors.errors import TrustRefused
from hypervisors.trust import TlsTrust, fingerprint_of
from hypervisors.vmware.target import Target
from hypervisors.wire import proxies, tls
from hypervisors.wire.faults import plainly

_THUMBPRINTS = {40: "sha1", 64: "sha256"}  # by their hexadecimal digits; older servers have only SHA-1
_SHOWING = 5.0  # seconds
_PIN = "hypervisor.fingerprint"
_BEHIND = (  # never a pin: that setting is vCenter's own
    "add the authority that signed the host's certificate to hypervisor.ca_file, beside vCenter's; "
    "or have vCenter renew the host's certificate"
)


def context_for(host: str, port: int, trust: TlsTrust) -> ssl.SSLContext:
    """Verifies what it connects to. Raises TrustRefused (not the pinned leaf), Unusable (no authority), Unreachable."""
    return tls.context_for(host, port, replace(trust, setting=trust.setting or _PIN), proxies.dial)


def refused(host: str, port: int, error: ssl.SSLCertVerificationError) -> TrustRefused:
    """With the fingerprint that the server shows, for an operator to compare and pin."""
    seen = tls.fingerprint_shown(host, port, proxies.dial)
    return tls.certificate_refused(f"{host}:{port}", plainly(error), seen, tls.how_to_pin(_PIN, seen))


def refused_behind(host: str, port: int, error: ssl.SSLCertVerificationError) -> TrustRefused:
    """Of a host that a lease points to."""
    seen = tls.fingerprint_shown(host, port, proxies.dial)
    return tls.certificate_refused(f"{host}:{port}", plainly(error), seen, _BEHIND)


def context_behind(
    server: Target, url: str, thumbprint: str, trust: TlsTrust, context: ssl.SSLContext
) -> ssl.SSLContext:
    """For a host that a lease points to. It need not be the server that we trust, so it is verified too.

    By the thumbprint that vCenter gave over a verified connection; by being that server under another name, with the
    very same certificate; else by the authority. Raises TrustRefused, Unusable, Unreachable.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if (host, port) == (server.host, server.port):
        return context
    leaf = tls.leaf_shown(host, port, proxies.dial)
    if _has(leaf, thumbprint) or leaf == _verified_leaf(server, context):
        return tls.context_of_leaf(leaf)
    if trust.ca_file is None and trust.fingerprint:
        why = f"it is not the one that {server.server} named for this host"
        raise tls.certificate_refused(f"{host}:{port}", why, fingerprint_of(leaf), _BEHIND)
    return context_for(host, port, TlsTrust(ca_file=trust.ca_file))


def _verified_leaf(server: Target, context: ssl.SSLContext) -> bytes | None:
    """What the server shows that we trust; None if it cannot be had, which vouches for nobody."""
    try:
        with (
            proxies.dial(server.host, server.port, _SHOWING) as plain,
            context.wrap_socket(plain, server_hostname=server.host) as verified,
        ):
            return verified.getpeercert(binary_form=True)
    except OSError:
        return None


def _has(leaf: bytes, thumbprint: str) -> bool:
    digits = thumbprint.replace(":", "").lower()
    kind = _THUMBPRINTS.get(len(digits))
    return kind is not None and hashlib.new(kind, leaf, usedforsecurity=False).hexdigest() == digits
