"""What can go wrong with a hypervisor: one exception a cause, each with what to do now."""


def printable(text: str) -> str:
    """What cannot be printed becomes a space: nothing in the text steers a terminal."""
    if text.isprintable():  # nearly every text is
        return text
    return "".join(char if char.isprintable() else " " for char in text)


class Problem(Exception):
    """Something a user can reach: what happened, to which thing, and what to do now.

    The root of every error that both libraries raise on purpose. Anything else that escapes is a bug. A message may
    hold words of another machine, so what cannot be printed is left out of it.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(_lines(message))
        self.hint = _lines(hint)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class Unreachable(Problem):
    """No session with a machine (hypervisor, appliance, jump host), or it broke off: address, port, service.

    What waits for a machine tolerates it and asks again.
    """


class LoginRefused(Problem):
    """A machine refused these credentials. Never retried: some failures in a row block an account."""


class HypervisorError(Problem):
    """The hypervisor refused or failed; the SDK's own words are in the message."""


class NotPermitted(HypervisorError):
    """The account is logged in and lacks a privilege for this."""


class NotFound(HypervisorError):
    """No such virtual machine, network, storage pool or file."""


class Ambiguous(HypervisorError):
    """More than one thing has that name."""


class NameTaken(HypervisorError):
    """Something else already has the name that was asked for."""


class NoRoom(HypervisorError):
    """The storage pool or datastore has less room than the image needs."""


class NotOurs(HypervisorError):
    """Refused: the virtual machine does not carry the tag of this run."""


class Busy(HypervisorError):
    """Something else works with it now, as a backup, a merge, a scanner: in a while it may go through."""


class WrongState(HypervisorError):
    """Not while it runs, or not while it is off."""


class Changed(HypervisorError):
    """What was to be replaced is not what it was when it was read: nothing was written."""


class NotSupported(HypervisorError):
    """This hypervisor, or this build of it, cannot do that."""


class BadImage(HypervisorError):
    """The file is no disk image that can be deployed, by its bytes."""


class TimedOut(Problem):
    """A wait came to its limit. The message says for what and how long."""


class Unusable(Problem):
    """A key, a pin, or a file of authorities or known hosts that was given cannot be used. Nothing was sent."""


class TrustRefused(Problem):
    """A TLS certificate or SSH host key is not the one expected, or an SSH server has only algorithms that are unsafe.

    `seen`: the fingerprint it showed, where it did.
    """

    def __init__(self, message: str, *, hint: str, seen: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.seen = seen


class Cancelled(Exception):
    """The operator asked to stop; what was begun is recorded.

    No Problem: code that tolerates a failure must not go on after a request to stop.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
