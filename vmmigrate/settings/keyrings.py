"""The keyring of this workstation's desktop: read a secret, store one; each error names its fix."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from hypervisors import Secret
from vmmigrate.errors import UsageProblem

INSTALL = "pip install 'vmmigrate[keyring]'"
NO_BACKEND = (
    "start a desktop session with GNOME Keyring or KWallet, or name a backend in "
    "~/.config/python_keyring/keyringrc.cfg (`keyring diagnose` shows the place); or name another source of the secret"
)


def read(name: str, service: str, user: str) -> str:
    """The secret of that entry; `name` is the setting that needs it. Raises UsageProblem."""
    with _translated(name):
        found: str | None = _package(name).get_password(service, user)
    if found is None:
        raise UsageProblem(
            f"{name}: the keyring has no entry {service}/{user}", hint=f"store it: keyring set {service} {user}"
        )
    return found


def keep(name: str, service: str, user: str, secret: Secret) -> None:
    """Store a secret, replacing one of the same entry. Raises UsageProblem."""
    with _translated(name):
        _package(name).set_password(service, user, secret.reveal())


def backend(name: str = "keyring") -> str:
    """The name of the keyring's backend. Raises UsageProblem if there is none."""
    with _translated(name):
        found = _package(name).get_keyring()
    if found.priority <= 0 and type(found).__module__.startswith(("keyring.backends.fail", "keyring.backends.null")):
        raise _no_backend(name)
    return str(found.name)


def _package(name: str) -> ModuleType:
    try:
        import keyring
    except ImportError as error:
        raise UsageProblem(f"{name}: the Python package keyring is not installed", hint=INSTALL) from error
    return keyring


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Keyring's exceptions, and those of the bus that a backend uses."""
    try:
        yield
    except UsageProblem:
        raise
    except Exception as error:
        kind = type(error).__name__
        if kind == "NoKeyringError":
            raise _no_backend(name) from error
        hint = "unlock it and try again" if kind == "KeyringLocked" else "see `keyring diagnose`"
        raise UsageProblem(f"{name}: the keyring does not answer: {error or kind}", hint=hint) from error


def _no_backend(name: str) -> UsageProblem:
    return UsageProblem(f"{name}: there is no keyring on this machine that can store a secret", hint=NO_BACKEND)
