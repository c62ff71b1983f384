"""Files over SFTP: small ones at once, a large one in a stream."""

import errno
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import paramiko
from paramiko.sftp import CMD_NAME

from hypervisors.limits import SFTP_LISTING, SFTP_NAMES, SSH_PACKET, SSH_TRANSFER
from hypervisors.wire.allowance import Allowance
from hypervisors.wire.ssh.breaking import broke_off
from hypervisors.wire.ssh.execution import ended
from hypervisors.wire.ssh.packets import Ending

_REQUEST = 30 << 10  # bytes: with its head in one SSH packet of 32 KiB; paramiko's own 32 KiB take two
_PIECE = 8 * _REQUEST
_LONGEST = SSH_TRANSFER.most
_MOST_NAMES = SFTP_NAMES.most
_LONGEST_LISTING = SFTP_LISTING.most
_LARGEST_ANSWER = SSH_PACKET.most


def opened(transport: paramiko.Transport, quiet: float) -> "Files":
    """Raises what paramiko raises; an SFTP server that is switched off closes the channel."""
    channel = transport.open_session(timeout=quiet)
    channel.settimeout(quiet)
    with ended(Allowance(quiet), channel):
        channel.invoke_subsystem("sftp")
        return Files(Client(channel), channel, quiet)


class Client(paramiko.SFTPClient):
    """Raises SFTPError, SSHException for an answer that is too large, or that announces more than it holds."""

    def _read_packet(self) -> tuple[int, bytes]:
        kind, data = super()._read_packet()  # type: ignore[misc]
        if kind == CMD_NAME:
            _read_through(Ending(data))
        return kind, data

    def _read_all(self, n: int) -> bytes:
        if n > _LARGEST_ANSWER:
            raise paramiko.SFTPError(f"it announces an answer of {n} bytes")
        return bytes(super()._read_all(n))  # type: ignore[misc]


def _read_through(names: paramiko.Message) -> None:
    """As paramiko will, which takes each count as it is: those of the names, and of what each one has."""
    names.get_int()  # the question's number
    for _ in range(names.get_int()):
        names.get_string()
        names.get_string()
        paramiko.SFTPAttributes._from_msg(names)  # type: ignore[attr-defined]


class Files:
    """Paths as the server's SFTP has them. Each method may raise OSError, BrokeOff, Unfinished."""

    def __init__(self, client: paramiko.SFTPClient, channel: paramiko.Channel, quiet: float) -> None:
        self._client, self._channel, self._quiet = client, channel, quiet

    def write(self, path: str, data: bytes) -> None:
        with self._within(), self._client.open(path, "wb") as file:
            file.write(data)

    def read(self, path: str, most: int) -> bytes:
        with self._within(), self._client.open(path, "rb") as file:
            return bytes(file.read(most))

    def send(self, source: Path, path: str, moved: Callable[[int, int], None]) -> str:
        """All of `source`, many pieces under way at once; the SHA-256 of what was sent, in hexadecimal.

        `moved` hears how many bytes of how many are there.
        """
        total = source.stat().st_size
        allowed = Allowance(self._quiet, at_most=_LONGEST)
        done, digest = 0, hashlib.sha256()
        with (
            ThreadPoolExecutor(1) as hashing,  # hashlib lets the interpreter go
            source.open("rb") as file,
            self._within(allowed),
            self._client.open(path, "wb") as there,
        ):
            there.set_pipelined(True)
            there.MAX_REQUEST_SIZE = _REQUEST
            while piece := file.read(_PIECE):
                hashed = hashing.submit(digest.update, piece)
                there.write(piece)
                hashed.result()
                allowed.moved(len(piece))
                done += len(piece)
                moved(done, total)
        return digest.hexdigest()

    def remove(self, path: str) -> None:
        with self._within():
            self._client.remove(path)

    def make_folder(self, path: str) -> None:
        with self._within():
            self._client.mkdir(path, 0o700)

    def remove_folder(self, path: str) -> None:
        with self._within():
            self._client.rmdir(path)

    def listed(self, path: str) -> list[tuple[str, float]]:
        """The names in a folder, and when each was changed (Unix seconds)."""
        with self._within():
            found = [
                (each.filename, float(each.st_mtime or 0))
                for each in _of_some_length(path, self._client.listdir_iter(path, read_aheads=1))
            ]
        if len(found) > _MOST_NAMES:
            raise OSError(errno.EOVERFLOW, f"it lists more than {_MOST_NAMES} names", path)
        return found

    @contextmanager
    def _within(self, allowed: Allowance | None = None) -> Iterator[None]:
        """An error of a file is OSError, and so is one of a channel that was closed."""
        try:
            with ended(allowed or Allowance(self._quiet), self._channel):
                yield
        except TimeoutError:
            raise
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
            if isinstance(error, OSError) and not self._channel.closed:
                raise
            raise broke_off(self._channel.get_transport(), error) from error


def _of_some_length(path: str, listed: Iterator[paramiko.SFTPAttributes]) -> Iterator[paramiko.SFTPAttributes]:
    """One name more than there may be, and no more than there may be of all. Raises OSError."""
    length = 0
    for each in islice(listed, _MOST_NAMES + 1):
        length += len(each.filename.encode())
        if length > _LONGEST_LISTING:
            raise OSError(errno.EOVERFLOW, f"it lists names of more than {_LONGEST_LISTING >> 20} MiB", path)
        yield each
