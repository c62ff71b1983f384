"""Pin a certificate that no authority vouches for, after the operator has compared its fingerprint."""

from urllib.parse import urlsplit

from hypervisors import Dial, dial_straight, fingerprint_of
from hypervisors.wire import leaf_shown
from vmmigrate.errors import UsageProblem
from vmmigrate.init.conversation import Conversation


def shown_at(url: str, dial: Dial = dial_straight) -> str:
    """The fingerprint of the certificate shown there now. Raises UsageProblem, Unreachable, TrustRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host, port = None, 0
    if not host:
        raise UsageProblem(f"{url!r} names no host", hint="give it as in https://HOST:8443/ciphermail")
    return fingerprint_of(leaf_shown(host, port, dial))


def compared(talk: Conversation, seen: str, setting: str) -> bool:
    """Whether the operator confirms it; then it is pinned in that setting."""
    talk.dialogue.note(f"its certificate has the SHA-256 fingerprint {seen}")
    talk.dialogue.note("compare it in a browser that you trust: the padlock, certificate, fingerprints")
    if not talk.dialogue.yes("Is it the same there?", default=False):
        return False
    talk.answers.put(setting, seen, "shown, and compared by you")
    return True
