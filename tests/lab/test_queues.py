"""Queues are carried between two real Postfixes: each message is delivered once, with its envelope, times and flags."""

import io
import os
import smtplib
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from fixtures import lab as labs
from fixtures.lab import postfix as real
from fixtures.ports import free_port
from hypervisors import NotYet, wait_for
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import carrying, listing, programs
from vmmigrate.errors import ApplianceError, CommandFailed

pytestmark = pytest.mark.lab
QUEUE = "/var/spool/postfix"


@dataclass
class Sink:
    """Where mail comes out: envelope and content of each."""

    took: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.took.append((envelope.mail_from or "", tuple(sorted(envelope.rcpt_tos)), envelope.content))
        return "250 2.0.0 taken"


@dataclass
class Chroot:
    """As much of a shell as carrying needs, in the folder where the real Postfix runs."""

    postfix: real.Postfix
    port: int
    host: str = "127.0.0.1"

    def run(self, argv: Sequence[str], *, check: bool = True, **_: object) -> Result:
        said = self.postfix.run(argv)
        if check and said.returncode:
            raise CommandFailed(f"{argv[-1]}: {said.stderr}", hint="a test's shell")
        return Result(said.returncode, said.stdout, said.stderr)

    def take(self, argv: Sequence[str], sink: BinaryIO, **_: object) -> None:
        said = subprocess.run(["chroot", self.postfix.folder, *argv], capture_output=True, check=False)
        if said.returncode:
            raise CommandFailed(f"{argv[-1]}: {said.stderr.decode()}", hint="a test's shell")
        sink.write(said.stdout)

    def give(self, argv: Sequence[str], source: BinaryIO, **_: object) -> str:
        said = subprocess.run(
            ["chroot", self.postfix.folder, *argv], input=source.read(), capture_output=True, check=False
        )
        if said.returncode:
            raise CommandFailed(f"{argv[-1]}: {said.stderr.decode()}", hint="a test's shell")
        return said.stdout.decode()

    def listed(self) -> tuple[listing.Message, ...]:
        return listing.parse(self.host, self.run(listing.QUESTION).stdout)

    def ids(self) -> set[str]:
        return {message.id for message in self.listed()}

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.postfix.running():
            waits(lambda: smtplib.SMTP("127.0.0.1", self.port, timeout=5).quit())
            yield

    def sends(self, number: int, **more: object) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as smtp:
            to = [f"r{number}@y.test", f"q{number}@y.test"]
            smtp.sendmail(f"s{number}@x.test", to, f"Subject: {number}\r\n\r\nmessage {number}\r\n", **more)  # type: ignore[arg-type]


def waits(look: Callable[[], object]) -> None:
    def probe() -> None:
        try:
            if look() is False:
                raise NotYet("not yet")
        except (OSError, smtplib.SMTPException, CommandFailed) as error:  # postqueue breaks off where a message leaves
            raise NotYet(str(error)) from error

    wait_for("the Postfix of a test", probe, timeout=180, clears="see its var/log/mail.log", pause=0.1)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It ran once, so it has made its folders."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = tmp_path_factory.mktemp("base")
    with _configured(real.unpack(labs.folders().cache, folder, print), 1).running():
        pass
    return folder


def _configured(postfix: real.Postfix, relay: int, main_cf: str = "") -> Chroot:
    port = free_port()
    log = postfix.at("/var/log/mail.log")
    log.parent.mkdir(exist_ok=True)
    log.touch()
    log.chmod(0o666)
    often = "queue_run_delay = 3\nminimal_backoff_time = 3\nmynetworks = 127.0.0.0/8\n"
    listens = f"127.0.0.1:{port} inet n - n - - smtpd\n{real.DELIVERS}"
    postfix.configure(f"{often}relayhost = [127.0.0.1]:{relay}\n{main_cf}", listens)
    return Chroot(postfix, port)


Make = Callable[..., Chroot]


@pytest.fixture
def make(unpacked: Path, tmp_path: Path) -> Make:
    """A Postfix of its own, whose mail goes to a port; its programs are the same files."""

    def made(name: str, relay: int, main_cf: str = "") -> Chroot:
        folder = tmp_path / name
        folder.mkdir(mode=0o755)
        tmp_path.chmod(0o755)
        subprocess.run(["cp", "-a", unpacked / "etc", unpacked / "var", folder], check=True)
        for part in unpacked.iterdir():
            if part.name not in ("etc", "var", "dev", "proc", "out"):
                subprocess.run(["cp", "-al", part, folder], check=True)
        (folder / "dev").mkdir()
        os.mknod(folder / "dev/null", 0o20666, os.makedev(1, 3))
        return _configured(real.Postfix(folder), relay, main_cf)

    return made


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    sink, port = Sink(), free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    yield sink, port
    controller.stop()


def filled(old: Chroot, number: int = 4) -> dict[str, listing.Message]:
    """Deferred mail, the first of it held, one submitted while Postfix was down; by id."""
    with old.running():
        for each in range(number):
            old.sends(each, mail_options=["BODY=8BITMIME"])
        waits(lambda: Counter(message.queue for message in old.listed()) == {"deferred": number})
        held = old.listed()[0].id
        old.postfix.run(("postsuper", "-h", held))
    text = f"To: r{number}@y.test\n\nsubmitted\n"
    sent = ["chroot", str(old.postfix.folder), "sendmail", "-f", "cron@x.test", f"r{number}@y.test"]
    subprocess.run(sent, input=text.encode(), check=True, capture_output=True)
    return {message.id: message for message in old.listed()}


def carried(old: Chroot, new: Chroot) -> tuple[carrying.Arrived, ...]:
    stream = io.BytesIO()
    carrying.pack(old, stream)  # type: ignore[arg-type]
    stream.seek(0)
    return carrying.lay(new, stream)  # type: ignore[arg-type]


def subjects(sink: Sink) -> Counter[tuple[str, str]]:
    """How often each recipient got mail from each sender."""
    return Counter((sender, to) for sender, recipients, _ in sink.took for to in recipients)


@pytest.mark.parametrize(("old_ids", "new_ids"), [("no", "yes"), ("yes", "no"), ("yes", "yes")])
def test_each_message_arrives_once_with_its_envelope(
    make: Make, sink: tuple[Sink, int], old_ids: str, new_ids: str
) -> None:
    took, port = sink
    old = make("old", 1, f"enable_long_queue_ids = {old_ids}\nhash_queue_depth = 2\n")
    new = make("new", port, f"enable_long_queue_ids = {new_ids}\n")
    before = filled(old)
    came = carried(old, new)
    assert {each.old_id for each in came} == before.keys()
    after = {message.id: message for message in new.listed()}
    for each in came:
        if each.queue == carrying.MAILDROP:
            continue
        was, now = before[each.old_id], after[each.new_id]
        assert (now.queue, was.queue) == ("hold", each.queue)
        assert (now.sender, now.arrived, now.size) == (was.sender, was.arrived, was.size)
        assert sorted(now.recipients) == sorted(was.recipients)
        if old_ids == new_ids == "yes":
            assert each.new_id == each.old_id
    logs = new.run(("find", *(f"{QUEUE}/{log}" for log in ("defer", "bounce", "trace")), "-type", "f")).stdout.split()
    held = {each.new_id for each in came if each.queue != carrying.MAILDROP}
    assert {path.rpartition("/")[2] for path in logs} == held
    (still_held,) = [each for each in came if each.queue == "hold"]
    with new.running():
        time.sleep(1)
        assert took.took == []  # on hold until it is let go
        carrying.release(new)  # type: ignore[arg-type]
        waits(lambda: len(took.took) == 4 and new.ids() == {still_held.new_id})
    assert set(subjects(took).values()) == {1}
    sender = before[still_held.old_id].sender
    assert {each for each, _ in subjects(took)} == {f"s{n}@x.test" for n in range(4)} - {sender} | {"cron@x.test"}


def test_what_was_cut_off_while_it_arrived_arrives_once(make: Make, sink: tuple[Sink, int]) -> None:
    """Killed at every command of the program that lays it, and run again: nothing twice, nothing lost."""
    took, port = sink
    old, new = make("old", 1), make("new", port)
    before = filled(old)
    stream = io.BytesIO()
    carrying.pack(old, stream)  # type: ignore[arg-type]
    lines = programs.LAY.splitlines()
    for cut in range(8, len(lines)):
        head = "\n".join(lines[:cut])
        if _is_whole(head):
            _give(new, head, stream.getvalue())
    stream.seek(0)
    came = carrying.lay(new, stream)  # type: ignore[arg-type]
    assert {each.old_id for each in came} == before.keys()
    assert len({each.new_id for each in came}) == len(came)
    with new.running():
        carrying.release(new)  # type: ignore[arg-type]
        waits(lambda: len(took.took) == 4)
        carrying.release(new)  # type: ignore[arg-type]
        time.sleep(1)
    assert set(subjects(took).values()) == {1}


def _is_whole(program: str) -> bool:
    return subprocess.run(["sh", "-n", "-c", program], capture_output=True, check=False).returncode == 0


def _give(new: Chroot, program: str, data: bytes) -> None:
    words = ["chroot", str(new.postfix.folder), "sh", "-c", program]
    subprocess.run(words, input=data, capture_output=True, check=False)


def test_the_old_copies_wait_and_are_let_go(make: Make, sink: tuple[Sink, int]) -> None:
    """Twice, as a crash would; what was on hold before stays so."""
    took, port = sink
    old = make("old", 1)
    before = filled(old)
    held = next(each.id for each in before.values() if each.queue == "hold")
    for _ in range(2):
        carrying.keep(old)  # type: ignore[arg-type]
    with old.running():
        time.sleep(1)
        assert {message.queue for message in old.listed()} == {"hold"}
        for _ in range(2):
            carrying.let_go(old)  # type: ignore[arg-type]
    old.run(("postconf", "-e", f"relayhost=[127.0.0.1]:{port}"))
    with old.running():
        old.run(("postqueue", "-f"))
        waits(lambda: len(took.took) == 4)
    assert old.ids() == {held}
    assert set(subjects(took).values()) == {1}


def test_a_person_lets_them_go_by_the_command_that_is_shown(make: Make, sink: tuple[Sink, int]) -> None:
    took, port = sink
    old = make("old", 1)
    before = filled(old)
    held = next(each.id for each in before.values() if each.queue == "hold")
    carrying.keep(old)  # type: ignore[arg-type]
    old.run(("postconf", "-e", f"relayhost=[127.0.0.1]:{port}"))
    with old.running():
        old.run(("sh", "-c", programs.LET_GO_BY_HAND))
        waits(lambda: len(took.took) == 4 and old.ids() == {held})
    assert set(subjects(took).values()) == {1}


def test_a_queue_is_listed_while_messages_leave_it(make: Make, sink: tuple[Sink, int]) -> None:
    """postqueue itself breaks off now and then, as "malformed showq server response"."""
    took, port = sink
    old = make("old", port)
    with old.running():
        for number in range(40):
            old.sends(number)
            listing.parse(old.host, old.run(listing.QUESTION).stdout)
        waits(lambda: old.ids() == set())
    assert len(subjects(took)) == 80


def test_copies_that_the_other_side_has_taken_over_leave_the_queue(make: Make) -> None:
    old = make("old", 1)
    filled(old)
    carrying.keep(old)  # type: ignore[arg-type]
    for _ in range(2):
        carrying.supersede(old)  # type: ignore[arg-type]
    assert old.listed() == ()
    kept = old.run(("find", f"{QUEUE}/{programs.FOLDER}/copied", "-type", "f")).stdout.split()
    assert len(kept) == 5  # on the disk, and in no queue


def test_what_is_taken_away_is_not_delivered_and_can_come_again(make: Make, sink: tuple[Sink, int]) -> None:
    took, port = sink
    old, new = make("old", 1), make("new", port)
    before = filled(old)
    carried(old, new)
    for _ in range(2):
        carrying.take_away(new)  # type: ignore[arg-type]
    assert new.listed() == ()
    came = carried(old, new)
    assert {each.old_id for each in came} == before.keys()
    with new.running():
        carrying.release(new)  # type: ignore[arg-type]
        waits(lambda: len(took.took) == 4)
    assert set(subjects(took).values()) == {1}


def test_a_postfix_that_runs_is_left_alone(make: Make) -> None:
    old = make("old", 1)
    with old.running(), pytest.raises(CommandFailed, match="Postfix runs"):
        carrying.pack(old, io.BytesIO())  # type: ignore[arg-type]


def test_a_postfix_that_is_still_stopping_is_waited_for(make: Make) -> None:
    old = make("old", 1)
    with ThreadPoolExecutor(1) as pool:
        with old.running():
            packed = pool.submit(carrying.pack, old, io.BytesIO())  # type: ignore[arg-type]
            waits(lambda: any(b"vmmigrate-queue-pack" in words for words in _command_lines(old.postfix.folder)))
        packed.result()


def _command_lines(folder: Path) -> Iterator[bytes]:
    """Of all that runs in this guest: others pack beside it."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (process / "root").resolve() == folder.resolve():
                yield (process / "cmdline").read_bytes()


def test_a_message_whose_place_is_taken_is_said(make: Make) -> None:
    """Another message has that very name in the new queue: neither is overwritten."""
    old, new = make("old", 1, "enable_long_queue_ids = yes\n"), make("new", 1, "enable_long_queue_ids = yes\n")
    before = filled(old, 1)
    name = next(each.id for each in before.values() if each.queue != "maildrop")
    other = new.postfix.at(f"{QUEUE}/hold/{name}")
    other.write_bytes(b"somebody's")
    with pytest.raises(ApplianceError, match="1 of 2 messages did not find a place"):
        carried(old, new)
    assert other.read_bytes() == b"somebody's"


def test_nothing_waits(make: Make) -> None:
    old, new = make("old", 1), make("new", 1)
    for act in (carrying.take_away, carrying.let_go, carrying.release):
        act(new)  # type: ignore[arg-type]
    assert carried(old, new) == ()
    assert new.listed() == ()


def test_what_is_carried_back_arrives_once(make: Make, sink: tuple[Sink, int]) -> None:
    """To and fro, each act twice as a crash would: what came from the old side, and what the new one took itself."""
    took, port = sink
    old, new = make("old", 1), make("new", 1)
    before = filled(old)
    held = next(each.sender for each in before.values() if each.queue == "hold")
    carried(old, new)
    carrying.keep(old)  # type: ignore[arg-type]
    with new.running():
        carrying.release(new)  # type: ignore[arg-type]
        new.sends(8)
        waits(lambda: Counter(message.queue for message in new.listed()) == {"deferred": 5, "hold": 1})
    stream = io.BytesIO()
    carrying.pack(new, stream)  # type: ignore[arg-type]
    for _ in range(2):
        carrying.keep(new)  # type: ignore[arg-type]
        carrying.supersede(old)  # type: ignore[arg-type]
        stream.seek(0)
        assert len(carrying.lay(old, stream, "vmmigrate-back-1")) == 6  # type: ignore[arg-type]
    old.run(("postconf", "-e", f"relayhost=[127.0.0.1]:{port}"))
    with old.running():
        for _ in range(2):
            carrying.release(old, folder="vmmigrate-back-1")  # type: ignore[arg-type]
        waits(lambda: len(took.took) == 5 and len(old.ids()) == 1)
        stream.seek(0)
    assert len(carrying.lay(old, stream, "vmmigrate-back-1")) == 6  # type: ignore[arg-type]
    assert [(message.queue, message.sender) for message in old.listed()] == [("hold", held)]
    assert set(subjects(took).values()) == {1}
    carrying.supersede(new)  # type: ignore[arg-type]
    assert new.listed() == ()


def test_what_is_set_aside_is_not_packed_and_comes_back(make: Make) -> None:
    """Of what is named only what is on hold, twice as a crash would."""
    new = make("new", 1)
    filled(new)
    with new.running():
        waits(lambda: len(new.listed()) == 5)
    before = new.listed()
    held = {message.id for message in before if message.queue == "hold"}
    for _ in range(2):
        carrying.set_aside(new, sorted(new.ids()))  # type: ignore[arg-type]
        assert {message.id for message in before} - held == new.ids()
    stream = io.BytesIO()
    carrying.pack(new, stream)  # type: ignore[arg-type]
    stream.seek(0)
    assert len(carrying.lay(make("old", 1), stream, "vmmigrate-back-1")) == len(before) - len(held)  # type: ignore[arg-type]
    carrying.let_go(new)  # type: ignore[arg-type]
    assert {message.id for message in new.listed() if message.queue == "hold"} == held


def test_all_that_waits_is_held(make: Make) -> None:
    old = make("old", 1)
    filled(old)
    with old.running():
        waits(lambda: len([one for one in old.listed() if one.queue != "maildrop"]) == 5)  # picked up
        assert {message.queue for message in carrying.hold_all(old)} == {"hold"}  # type: ignore[arg-type]
