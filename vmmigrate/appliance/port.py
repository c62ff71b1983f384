"""What the steps ask of one appliance seen from outside: its console and its shell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

from hypervisors import ProgressListener, Secret
from vmmigrate.limits.seconds import GUEST_COMMAND


@dataclass(frozen=True)
class Account:
    """A name and its password. Each is tried once. `given`: where a person sets them."""

    user: str
    password: Secret
    given: str = "the browser"


@dataclass(frozen=True)
class Exported:
    """An archive as it came. `size` in bytes, `sha256` over the bytes received (hex), `container` by magic.

    `container`: 'gzip', 'zip', 'openssl' (`Salted__`), 'pgp' or 'unknown'.
    """

    name: str
    container: str
    size: int
    sha256: str


class Console(Protocol):
    """The administration console (4.x, 5.x: a web application; 6.x: another implementation).

    Every method may raise Unreachable, TrustRefused and NotDiscovered.
    """

    def log_in(self, account: Account) -> None:
        """One attempt. Raises LoginRefused, and then never tries this account again."""

    def find_backup(self) -> None:
        """See that a backup can be asked for, and make none. Raises NotDiscovered."""

    def export_backup(self, sink: BinaryIO, password: Secret | None, progress: ProgressListener) -> Exported:
        """Stream a new backup into `sink` as it comes; memory stays constant. Raises NoBackup.

        `sink` only needs `write`. Without a password the archive is not encrypted: releases cannot always
        read each other's encryption [facts: upgrade guide].
        """

    def import_backup(
        self, source: BinaryIO, name: str, size: int, password: Secret | None, progress: ProgressListener
    ) -> None:
        """Stream `size` bytes of an archive up and have it restored. Raises ApplianceError with its words."""

    def mail_queues(self) -> Mapping[str, int]:
        """How many messages each of the mail agent's four queues has, as the console lists them ('outgoing', 'error',
        'spool', 'respool'); Postfix's ('mta') where its list is beside. Raises NotDiscovered where one of the four is
        not listed, or nothing of its list can be counted.
        """

    def close(self) -> None: ...


@runtime_checkable
class SwitchesPam(Protocol):
    """A console that says whether Unix accounts may log in to it by PAM, and changes that (5.x)."""

    def pam(self) -> bool:
        """Raises NotDiscovered."""

    def switch_pam(self, *, on: bool) -> None:
        """And see it kept. Raises NotDiscovered; ApplianceError where the console keeps the other."""


@dataclass(frozen=True)
class Result:
    """A finished command in the guest."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class FileMeta:
    """Mode as an octal string ('0640'), owner and group by name."""

    mode: str
    owner: str
    group: str


@dataclass(frozen=True)
class NewFile:
    """What a file is to hold, with its mode and owner."""

    path: str
    data: bytes = field(repr=False)
    meta: FileMeta


class Shell(Protocol):
    """A verified SSH session with one appliance.

    Every method may raise Unreachable (also when the session dies: a new one is made by the
    next call) and CommandFailed.
    """

    @property
    def host(self) -> str:
        """Where it is reached."""

    def run(
        self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = GUEST_COMMAND.most
    ) -> Result:
        """Run a command; `user` 'root' or another goes through sudo. With `check`, raises CommandFailed."""

    def read_file(self, path: str) -> bytes:
        """A file's bytes, as root. Raises CommandFailed where there is none."""

    def file_meta(self, path: str) -> FileMeta | None:
        """Mode and owner, None where there is no such file."""

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        """Put files in place, each atomically, none before all have arrived whole; `folders` are made first.

        No link is followed, and none of setuid, setgid and sticky is set. A guest that goes down in between keeps a
        folder for root alone beside a file (`entering`), which the next call for that folder removes.
        """

    def take(self, argv: Sequence[str], sink: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> None:
        """Run a command as root; all that it prints goes into `sink`. Memory stays constant.

        `timeout`: seconds in which nothing moves.
        """

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = GUEST_COMMAND.most) -> str:
        """Run a command as root whose standard input is all of `source`; what it printed. As `take`."""

    def own_address(self) -> str:
        """Our own address on the way there, by our own socket; "" behind a jump host."""

    def seen_address(self) -> str:
        """The address that the guest says it sees us come from (`$SSH_CONNECTION`): that guest's word, no more.

        Raises ApplianceError for what is no address.
        """

    def close(self) -> None: ...
