"""All that a Postfix has taken, counted by its log and its queue: the program by the real grep and awk."""

import subprocess
from pathlib import Path

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import taken
from vmmigrate.appliance.queues.taken import Taken
from vmmigrate.errors import ApplianceError

HEAD = "Nov 30 10:00:00 mailgw postfix"
COMES = f"{HEAD}/qmgr[9]: {{}}: from=<s@example.org>, size=9, nrcpt=2 (queue active)\n"
GOES = f"{HEAD}/qmgr[9]: {{}}: removed\n"
DELETED = f"{HEAD}/postsuper[9]: {{}}: removed\n"
QUEUED = '{{"queue_name": "deferred", "queue_id": "{}", "recipients": []}}\n'


class Gateway(ScriptedShell):
    """Its log is a file, and its queue a list; `meanwhile` is logged between both looks."""

    def __init__(self, log: Path, queue: tuple[str, ...], meanwhile: str = "") -> None:
        super().__init__()
        self.log, self.queue, self.meanwhile = log, queue, meanwhile

    def _program(self, argv: object, user: str | None) -> Result:
        words = list(argv)  # type: ignore[call-overload]
        assert user == "root"
        if "vmmigrate-mail-taken" not in words:
            self.log.write_text(self.log.read_text() + self.meanwhile)
            return Result(0, "".join(map(QUEUED.format, self.queue)), "")
        words[2] = words[2].replace("/var/log/mail.log ", f"{self.log} ").replace("journalctl", "false")
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return Result(0, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("log", "queue", "expected"),
    [
        ("", (), Taken(0, 0, 0, 0)),
        (COMES.format("4A1") + GOES.format("4A1"), (), Taken(1, 1, 0, 0)),
        (COMES.format("4A1") + COMES.format("4A1"), ("4A1",), Taken(1, 0, 0, 1)),
        (COMES.format("4A1") + COMES.format("4B2") + GOES.format("4A1"), (), Taken(2, 1, 0, 0, ("4B2",))),
        (COMES.format("4A1") + DELETED.format("4A1"), (), Taken(1, 0, 1, 0)),
        (COMES.format("4A1") + GOES.format("4A1") + COMES.format("4A1"), (), Taken(1, 0, 0, 0, ("4A1",))),
        (GOES.format("4A1"), ("4C3",), Taken(0, 0, 0, 0)),
        (COMES.format("4A1").replace("postfix/qmgr", "other/qmgr"), (), Taken(0, 0, 0, 0)),
    ],
    ids=["none", "gone", "tried-twice", "lost", "deleted", "its-id-came-again", "taken-earlier", "another-program"],
)
def test_each_has_left_or_waits_or_is_named(tmp_path: Path, log: str, queue: tuple[str, ...], expected: Taken) -> None:
    place = tmp_path / "mail.log"
    place.write_text(log)
    assert taken.account(Gateway(place, queue), 1_700_000_000) == expected  # type: ignore[arg-type]


def test_what_leaves_between_both_looks_is_not_missing(tmp_path: Path) -> None:
    place = tmp_path / "mail.log"
    place.write_text(COMES.format("4A1"))
    gateway = Gateway(place, (), meanwhile=GOES.format("4A1") + COMES.format("4B2"))
    assert taken.account(gateway, 0) == Taken(2, 1, 0, 1)  # type: ignore[arg-type]


def test_what_is_no_count_is_refused() -> None:
    with pytest.raises(ApplianceError, match="counted its mail as 'what'"):
        taken.account(ScriptedShell({"vmmigrate-mail-taken 0 2000000 20000": "what"}), 0)  # type: ignore[arg-type]
