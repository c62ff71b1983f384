"""How long the mail that waits takes from one real Postfix into another; the peer is `rsync` of the same spool."""

import os
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.figure import Figure, in_turn
from fixtures import lab as labs
from fixtures.lab import postfix as real
from fixtures.ports import free_port
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import carrying

MESSAGES, SIZE = 1000, 20 << 10
_SPOOL = "/var/spool/postfix"
_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "defer", "bounce", "trace")


@dataclass(frozen=True)
class _Folder:
    """As much of a shell as carrying needs, in the folder where a Postfix runs."""

    postfix: real.Postfix
    host: str = "127.0.0.1"

    def run(self, argv: Sequence[str], **_: Any) -> Result:
        said = subprocess.run(self._in(argv), capture_output=True, text=True, check=True)
        return Result(said.returncode, said.stdout, said.stderr)

    def take(self, argv: Sequence[str], sink: BinaryIO, **_: Any) -> None:
        with subprocess.Popen(self._in(argv), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packing:
            assert packing.stdout is not None
            shutil.copyfileobj(packing.stdout, sink)
        if packing.returncode:
            raise subprocess.CalledProcessError(packing.returncode, argv)

    def give(self, argv: Sequence[str], source: BinaryIO, **_: Any) -> str:
        return subprocess.run(self._in(argv), stdin=source, capture_output=True, check=True).stdout.decode()

    def _in(self, argv: Sequence[str]) -> list[str]:
        return ["chroot", str(self.postfix.folder), *argv]


def measure() -> Iterator[Figure]:
    """Nothing without root, rsync or the lab's packages."""
    if os.geteuid() != 0 or not shutil.which("rsync"):
        return
    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as place:
        folder = Path(place)
        folder.chmod(0o755)
        old, new = (_Folder(_made(folder / name)) for name in ("old", "new"))
        _fill(old.postfix, MESSAGES)
        _fill(new.postfix, 0)  # it has run once, so it has its folders
        ours_s, peer_s = in_turn(lambda: _carry(old, new, folder / "queue"), lambda: _rsync(old, folder), rounds=3)
    yield Figure("carry_seconds", round(ours_s, 3), "s", "rsync -a of the spool", round(peer_s / ours_s, 3))


def _made(folder: Path) -> real.Postfix:
    folder.mkdir(mode=0o755)
    postfix = real.unpack(labs.folders().cache, folder, lambda _: None)
    log = postfix.at("/var/log/mail.log")
    log.parent.mkdir(exist_ok=True)
    log.touch()
    log.chmod(0o666)
    return postfix


def _fill(postfix: real.Postfix, messages: int) -> None:
    """With mail whose relay does not answer."""
    port = free_port()
    postfix.configure(
        "relayhost = [127.0.0.1]:1\nmynetworks = 127.0.0.0/8\n",
        f"127.0.0.1:{port} inet n - n - - smtpd\n{real.DELIVERS}",
    )
    with postfix.running(), _connected(port) as smtp:
        text = "Subject: carried\r\n\r\n" + ("x" * 70 + "\r\n") * (SIZE // 72)
        for number in range(messages):
            smtp.sendmail("a@example.test", [f"b{number}@example.org"], text)
        time.sleep(5)


def _connected(port: int) -> smtplib.SMTP:
    for _ in range(600):
        try:
            return smtplib.SMTP("127.0.0.1", port, timeout=30)
        except OSError:
            time.sleep(0.1)
    return smtplib.SMTP("127.0.0.1", port, timeout=30)


def _carry(old: _Folder, new: _Folder, on_the_way: Path) -> None:
    """Packed, by way of this machine's disk, laid, and taken away again for the next round."""
    with on_the_way.open("wb") as sink:
        carrying.pack(old, sink)  # type: ignore[arg-type]
    with on_the_way.open("rb") as source:
        came = carrying.lay(new, source)  # type: ignore[arg-type]
    if len(came) != MESSAGES:
        raise AssertionError(f"{len(came)} of {MESSAGES} messages came")
    carrying.take_away(new)  # type: ignore[arg-type]


def _rsync(old: _Folder, folder: Path) -> None:
    """Only the copy: it puts nothing under names that the other side would deliver."""
    target = folder / "peer"
    shutil.rmtree(target, ignore_errors=True)
    sources = [str(old.postfix.at(f"{_SPOOL}/{queue}")) for queue in _QUEUES]
    subprocess.run(["rsync", "-a", "--fsync", *sources, str(target)], check=True)
