"""Use one console without a migration: its URL, the account, the trusted certificate; log in and leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hypervisors import Secret, TlsTrust, TrustRefused
from vmmigrate.appliance import consoles
from vmmigrate.appliance.port import Account, Console
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.urls import origins_of
from vmmigrate.errors import UsageProblem
from vmmigrate.parts import Parts
from vmmigrate.settings.sources import SecretSource
from vmmigrate.settings.wanted import Wanted, variable

_PASSWORD = "console.password"  # noqa: S105  a setting's name


@dataclass(frozen=True)
class Visit:
    """`where`: a URL, or a host on which the console is searched for. A pin overrides an authority's file."""

    where: str
    user: str = "admin"
    password_file: Path | None = None
    ca_file: Path | None = None
    fingerprint: str | None = None
    profile: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageProblem, which does not repeat a password that was put into the URL."""
        if "@" in self.where:
            raise UsageProblem(
                "the URL contains an account",
                hint="give --user and --password-file instead; if it was a password, it is now in the shell's history",
            )
        if "://" not in self.where:
            origins_of(self.where, (443,))
            return
        try:
            urlsplit(self.where).port  # noqa: B018  raises for an invalid port
        except ValueError as error:
            raise UsageProblem(
                f"{self.where!r} is neither a URL nor a host: {error}",
                hint="give https://HOST:PORT/ciphermail, or a host",
            ) from None

    @property
    def trust(self) -> TlsTrust:
        return TlsTrust(self.fingerprint, self.ca_file)


@dataclass(frozen=True)
class Host:
    """A console after the log-in."""

    url: str
    console: Console
    profile: Profile


@contextmanager
def logged_in(visit: Visit, parts: Parts, profile: Profile | None = None) -> Iterator[Host]:
    """One attempt to log in. Wrong files and options are reported before any connection.

    `profile`: instead of the visit's file.
    """
    profile = profile or read_profile(visit.profile)
    account = Account(visit.user, _console_password(visit, parts))
    with _pin_by_flag():
        url = consoles.find(visit.where, visit.trust, profile)
        console = consoles.open_console(url, visit.trust, profile)
        try:
            console.log_in(account)
            yield Host(url, console, profile)
        finally:
            console.close()


@contextmanager
def _pin_by_flag() -> Iterator[None]:
    """In a migration a pin is a setting; here it is a flag."""
    try:
        yield
    except TrustRefused as error:
        if error.seen is None:
            raise
        hint = f"compare the fingerprint with the appliance's own, then give --fingerprint {error.seen}"
        raise TrustRefused(str(error), hint=hint, seen=error.seen) from error


def backup_password(file: Path | None, parts: Parts) -> Secret | None:
    """The file's content; None without a file. Raises UsageProblem, also if others may read it."""
    return parts.secrets.get(Wanted("backup.password", SecretSource(file=file), "", "")) if file else None


def _console_password(visit: Visit, parts: Parts) -> Secret:
    hint = f"give --password-file FILE, or set {variable(_PASSWORD)}"
    source = SecretSource(file=visit.password_file) if visit.password_file else None
    asked = f"password of {visit.user} at {visit.where}"
    return parts.secrets.get(Wanted(_PASSWORD, source, asked, hint, "the console's password"))
