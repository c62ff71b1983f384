"""Say in plain words why a connection was not made, or broke. Pure functions."""

import errno
import socket
import ssl
from collections.abc import Iterator

from hypervisors.words import in_one_line

_ERRNO = {
    errno.ECONNREFUSED: "the connection was refused: nothing listens there",
    **dict.fromkeys((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED), "the connection was closed from there"),
    **dict.fromkeys((errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN), "there is no route to it"),
}
# X509_V_ERR_… of OpenSSL; what is not here is said in its own words.
_CERTIFICATE = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed, and no authority vouches for it",
    19: "its chain ends in an authority that is not known here",
    20: "its authority is not known here",
    21: "its authority is not known here",
    62: "it is not for this name",
    64: "it is not for this address",
}
# What OpenSSL makes of bytes that are no TLS: a greeting, a page, an error in clear text.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)  # by the release of Python and OpenSSL


def root_of(error: BaseException) -> BaseException:
    """The innermost cause: requests wraps urllib3 wraps the socket's error."""
    while inner := next(_within(error), None):
        error = inner
    return error


def _within(error: BaseException) -> Iterator[BaseException]:
    for each in (getattr(error, "reason", None), *error.args):
        if isinstance(each, BaseException):
            yield each
    if isinstance(error.__cause__, OSError):  # what comes from another library was put into words by who caught it
        yield error.__cause__


def plainly(error: BaseException) -> str:
    """Why there is no connection, by its innermost cause."""
    root = root_of(error)
    if isinstance(root, ssl.SSLError):
        return _tls(root)
    if isinstance(root, socket.gaierror):
        return "the name cannot be asked for now" if root.errno == socket.EAI_AGAIN else "the name is not known"
    if isinstance(root, TimeoutError) and "timed out" in str(root):  # else somebody's own words
        return "nothing answered in time"
    if isinstance(root, EOFError):
        return _ERRNO[errno.ECONNRESET]
    if isinstance(root, OSError) and root.errno:
        return _ERRNO.get(root.errno) or root.strerror or str(root)
    return in_one_line(str(root) or type(root).__name__)


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, error.verify_message)
    if isinstance(error, _CLOSED):
        return "the connection was closed during the TLS handshake"
    reason = error.reason or ""
    if reason in _NO_TLS:
        return "what answers there does not speak TLS"
    return f"TLS failed ({reason.replace('_', ' ').lower() or 'without a reason'})"
