"""Visit one console without a migration: where it is, as whom, believed by what; logged in, and left again."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hypervisors import Progress, ProgressListener, Secret, TlsTrust, TrustRefused
from vmmigrate.appliance import consoles
from vmmigrate.appliance.port import Account, Console
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.errors import UsageProblem
from vmmigrate.events import StepBegan, StepEnded, StepProgress
from vmmigrate.parts import Parts
from vmmigrate.settings.models import BackupSettings
from vmmigrate.settings.secrets import Secrets, cannot_ask, variable
from vmmigrate.settings.sides import ConsoleSettings
from vmmigrate.settings.sources import SecretSource

_PASSWORD = "console.password"  # noqa: S105  a setting's name
_BACKUP_PASSWORD = "backup.password"  # noqa: S105  another


@dataclass(frozen=True)
class Visit:
    """`where`: a URL, or a host on which the console is looked for. A pin goes before an authority's file."""

    where: str
    user: str = "admin"
    password_file: Path | None = None
    ca_file: Path | None = None
    fingerprint: str | None = None
    profile: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageProblem, which repeats no password that stands where none belongs."""
        if "@" in self.where:
            raise UsageProblem(
                "an account stands in the URL",
                hint="give --user and --password-file instead; was it a password? the shell has noted it",
            )
        try:
            urlsplit(self.where if "://" in self.where else f"https://{self.where}").port  # noqa: B018  it may be none
        except ValueError as error:
            raise UsageProblem(
                f"{self.where!r} is no URL and no host: {error}", hint="give https://HOST:PORT/ciphermail, or a host"
            ) from None

    @property
    def trust(self) -> TlsTrust:
        return TlsTrust(self.fingerprint, self.ca_file)


@dataclass(frozen=True)
class Host:
    """A console that was found and logged in to."""

    url: str
    console: Console
    profile: Profile


@contextmanager
def logged_in(visit: Visit, parts: Parts, profile: Profile | None = None) -> Iterator[Host]:
    """One attempt to log in. What is wrong with files and flags is said before anything is connected.

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
    """What the file holds; None without a file. Raises UsageProblem, also where others may read it."""
    return _secrets(backup=file, parts=parts).get(_BACKUP_PASSWORD) if file else None


def _console_password(visit: Visit, parts: Parts) -> Secret:
    return _secrets(console=visit.password_file, parts=parts, asked=f"password of {visit.user} at {visit.where}").get(
        _PASSWORD
    )


@dataclass(frozen=True)
class _Sources:
    """The part of the settings that `Secrets` looks into."""

    console: ConsoleSettings
    backup: BackupSettings


def _secrets(*, console: Path | None = None, backup: Path | None = None, parts: Parts, asked: str = "") -> Secrets:
    def ask(name: str) -> str:
        hint = f"give --password-file FILE, or set {variable(name)}"
        if parts.ask is cannot_ask:
            raise UsageProblem("the console's password is not given, and there is no terminal to ask for it", hint=hint)
        with contextlib.suppress(EOFError):
            if answer := parts.ask(asked):
                return answer
        raise UsageProblem("no password was given", hint=hint)

    sources = _Sources(ConsoleSettings(password=_source(console)), BackupSettings(password=_source(backup)))
    return Secrets(sources, parts.environ, ask)


def _source(file: Path | None) -> SecretSource | None:
    return SecretSource(file=file) if file else None


@contextmanager
def told(parts: Parts, step: str, title: str) -> Iterator[ProgressListener]:
    """Tell listeners that something begins and ends; what is yielded tells how far it is, and may be cancelled."""

    def listen(progress: Progress) -> None:
        parts.cancelled()
        parts.listen(StepProgress(step, progress.done, progress.total))

    started = parts.clock.now()
    parts.listen(StepBegan(step, title, 0, 0))
    yield listen
    parts.listen(StepEnded(step, title, parts.clock.now() - started))
