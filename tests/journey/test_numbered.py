"""A client that sends numbered messages all the time, through each end of a run: none is lost, none comes twice."""

import re
import smtplib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from fixtures.appliance import mailspool
from tests.journey import moving
from tests.journey.story import DONE, KILLED, Story

pytestmark = pytest.mark.slow
WAITING, HELD = 40, 2
PATIENT = {"drain": 60}  # seconds: on a busy machine a session of the client lasts


@dataclass
class Client:
    """Sends the next number as soon as somebody has accepted the one before, as a mail server does."""

    story: Story
    accepted: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)  # sent whole, and the answer did not come
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def _send_all(self) -> None:
        number = 1
        while not self._ended.wait(0.1):
            number += self._send(f"numbered {number}")

    def _send(self, subject: str) -> bool:
        whole, lab = False, self.story.lab
        try:
            with smtplib.SMTP(lab.address, lab.smtp_port, "localhost", 5, ("127.0.0.2", 0)) as smtp:
                smtp.ehlo()
                smtp.mail("carol@partner.example.net")
                smtp.rcpt("alice@example.test")
                whole = True
                taken = smtp.data(f"Subject: {subject}\r\n\r\nhello\r\n")[0] < 400
        except (OSError, smtplib.SMTPException):
            self.cut_off |= {subject} if whole else set()
            return False
        self.accepted |= {subject} if taken else set()
        return taken

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def subjects(story: Story) -> tuple[Counter[str], Counter[str]]:
    """Of what either VM has delivered, and of what waits in a queue from which it can go; held copies do not count."""
    vms = (story.lab.old_id, *((moving.new(story).id,) if "new" in story.world() else ()))
    roots = [story.lab.root_of(vm) for vm in vms]
    came = Counter(_subject(text) for root in roots for text in mailspool.delivered(root))
    waits = Counter(_subject(m.content) for root in roots for m in mailspool.waiting(root) if m.queue != "hold")
    return came, waits


def _subject(text: str) -> str:
    found = re.search(r"^Subject: (.+?)\r?$", text, re.M)
    return found[1] if found else text


def straight(story: Story) -> None:
    assert story.migrate(limits=PATIENT).status == DONE


def back_after_the_commit(story: Story) -> None:
    straight(story)
    assert story.rollback().status == DONE


def back_before_the_commit(story: Story) -> None:
    assert story.migrate(limits=PATIENT, stop=("SIGKILL", "after", ("done", "verify-live"))).status == KILLED
    assert story.rollback().status == DONE


def killed_between_the_links(story: Story) -> None:
    usual, story.hypervisor = story.hypervisor, "DiesBeforePlugging"
    assert story.migrate(limits=PATIENT).status == KILLED
    story.hypervisor = usual
    assert story.live() == []


def killed_between_the_links_and_resumed(story: Story) -> None:
    killed_between_the_links(story)
    assert story.resume().status == DONE


def killed_between_the_links_and_rolled_back(story: Story) -> None:
    killed_between_the_links(story)
    assert story.rollback().status == DONE


def old_guest_restarted_in_mid_carry(story: Story) -> None:
    assert story.migrate(limits=PATIENT, stop=("SIGKILL", "after", ("learnt", "carry"))).status == KILLED
    moving.restart(story, moving.old(story))
    assert story.resume().status == DONE


@pytest.mark.parametrize(
    ("act", "live"),
    [
        (straight, "new"),
        (back_after_the_commit, "old"),
        (back_before_the_commit, "old"),
        (killed_between_the_links_and_resumed, "new"),
        (killed_between_the_links_and_rolled_back, "old"),
        (old_guest_restarted_in_mid_carry, "new"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_none_is_lost_and_none_comes_twice(story: Story, act: Callable[[Story], None], live: str) -> None:
    old = story.lab.root_of(story.lab.old_id)
    waiting = {f"Subject: waiting {number}" for number in range(1, WAITING + HELD + 1)}
    for number, subject in enumerate(sorted(waiting)):
        mailspool.put(old, "a@example.net", ["b@example.org"], subject, queue="hold" if number < HELD else "deferred")
    client = Client(story)
    try:
        act(story)
    finally:
        client.stop()
    came, waits = subjects(story)
    assert story.live() == [live]
    assert client.accepted - came.keys() - waits.keys() == set()
    assert {subject for subject, times in (came + waits).items() if times > 1} - client.cut_off == set()
    ours = {_subject(each) for each in sorted(waiting)[HELD:]}
    assert {subject: (came + waits)[subject] for subject in ours} == dict.fromkeys(ours, 1)
    assert not {_subject(each) for each in sorted(waiting)[:HELD]} & (came + waits).keys()
    assert re.search(r"mail: .*\b0 unaccounted", story.command("status", story.run_id).out)
