"""TLS to a machine that is verified, by an authority or by a pinned leaf; and the words for one that is refused."""

import ssl
from pathlib import Path

from hypervisors.errors import Problem, TrustRefused, Unreachable, Unusable
from hypervisors.trust import TlsTrust, fingerprint_of, normal_fingerprint
from hypervisors.wire.dialling import Dial, bracketed, dial_straight, named_in_tls
from hypervisors.wire.faults import plainly

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: a pin says "this very certificate", whatever its dates
NOT_THE_PIN = "it is not the pinned one"


def context_for(host: str, port: int, trust: TlsTrust, dial: Dial = dial_straight) -> ssl.SSLContext:
    """Verifies what it connects to. Raises TrustRefused (not the pinned leaf), Unusable (no authority), Unreachable."""
    if not trust.fingerprint:
        return context_of_authorities(trust.ca_file)
    leaf = leaf_shown(host, port, dial)
    seen = fingerprint_of(leaf)
    if seen != normal_fingerprint(trust.fingerprint):
        raise certificate_refused(f"{bracketed(host)}:{port}", NOT_THE_PIN, seen, how_to_pin(trust.setting, seen))
    return context_of_leaf(leaf)


def context_of_authorities(file: Path | None) -> ssl.SSLContext:
    """Those of a PEM file, or the system's. Raises Unusable."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise Unusable(
            f"the authority's file {file} cannot be used: {error}", hint="give a PEM file of certificates"
        ) from error


def context_of_leaf(leaf: bytes) -> ssl.SSLContext:
    """This very certificate (DER) and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=leaf)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def fetch_leaf(host: str, port: int, timeout: float = 5.0, *, dial: Dial = dial_straight) -> bytes:
    """The DER form of the certificate that a TLS server shows now, unverified: for pinning, never for data.

    Raises OSError (ssl.SSLError among them) where there is no handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities: to load them takes 30 ms
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        dial(host, port, timeout) as plain,
        context.wrap_socket(plain, server_hostname=named_in_tls(host)) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    if not der:
        raise TrustRefused(f"{bracketed(host)}:{port} showed no certificate", hint="is this a TLS port?")
    return der


def leaf_shown(host: str, port: int, dial: Dial = dial_straight) -> bytes:
    """What is shown there now (DER), unverified: to compare, never to trust. Raises Unreachable."""
    try:
        return fetch_leaf(host, port, dial=dial)
    except OSError as error:
        raise Unreachable(
            f"no TLS session with {bracketed(host)}:{port}: {plainly(error)}",
            hint="check address and port; does its service run?",
        ) from error


def fingerprint_shown(host: str, port: int, dial: Dial = dial_straight) -> str | None:
    """Of the certificate shown there now; None if there is none."""
    try:
        return fingerprint_of(leaf_shown(host, port, dial))
    except Problem:
        return None


def certificate_refused(peer: str, why: str, seen: str | None, hint: str) -> TrustRefused:
    shown = f"; its SHA-256 fingerprint is {seen}" if seen else ""
    return TrustRefused(f"the certificate of {peer} is not trusted: {why}{shown}", hint=hint, seen=seen)


def how_to_pin(setting: str, seen: str | None) -> str:
    """What to do about a certificate that may be the right one. `setting`: where it would be pinned."""
    return f'compare the fingerprint with the machine\'s own, then pin it: {setting} = "{seen or "…"}"'
