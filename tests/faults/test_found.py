"""Faults that the model has found, each by its name and as small as it can be told: none may come back."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.faults.play import Played, stage
from tests.faults.schedule import Leg, Move, Schedule

KILL: Move = ("kill", 0.5)


def move(name: str, number: float = 0.5) -> Move:
    return name, number


INTAKE_CLOSED = (
    "after guest 192.0.2.10: sudo -k -S -p vmmigrate-asks: -- sh -c 'exec </dev/null; nft -f /run/vmmigrate/intake"
)
FOUND = {
    "the new VM is plugged in by hand before it is started": (
        Leg("migrate", during=(("before hypervisor start", move("plug-new")),)),
    ),
    "the new VM loses its tag before it is plugged in": (
        Leg("migrate", during=(("is-active", KILL),)),
        Leg("resume", before=(move("untag"),)),
    ),
    "the new VM loses its tag before the way back": (
        Leg("migrate"),
        Leg("rollback", before=(move("untag"),)),
    ),
    "the new VM loses its tag and is off before the way back": (
        Leg("migrate"),
        Leg("rollback --scope switch", before=(move("untag"), move("off-new"))),
    ),
    "the new VM loses its tag within the way back": (
        Leg("migrate"),
        Leg("rollback", during=(("after hypervisor power_state", move("untag")),)),
        Leg("resume", before=(move("off-new"),)),
    ),
    "the host reboots before the commit, and the new VM stays off": (
        Leg("migrate", during=(("before guest 198.51.100.100: ping", move("reboot-host")),)),
    ),
    "the new VM is renamed": (
        Leg("migrate", during=(("before hypervisor shut_down", KILL),)),
        Leg("resume", before=(move("rename-new"),)),
    ),
    "the new VM was switched off and the old one plugged in by hand": (
        Leg("migrate"),
        Leg("rollback", before=(move("off-new"), move("plug-old"))),
    ),
    "the new VM is plugged in by hand while it is prepared, and the old one is off": (
        Leg("migrate", during=(("console: upload", move("plug-new")), ("after hypervisor shut_down", move("off-old")))),
    ),
    "the host reboots after the commit, and somebody goes back at once": (
        Leg("migrate"),
        Leg("rollback", before=(move("reboot-host"),)),
    ),
    "the host reboots while the run is planned": (
        Leg("migrate", during=(("before hypervisor rehearse", move("reboot-host")),)),
    ),
    "another workstation's whole run comes between plan and claim": (
        Leg("migrate", during=(("before disk mkdir runs", move("second-run")),)),
    ),
    "the old VM is switched off by hand before the new one is deleted": (
        Leg("migrate"),
        Leg("rollback"),
        Leg("finish", during=(("before disk fsync journal.jsonl", move("off-old")),)),
    ),
    "the new VM is deleted right before it is opened": (
        Leg("migrate", during=(("before guest 198.51.100.100: sh -c", move("mail")), (420, move("delete-new")))),
    ),
    "no fsync succeeds where the run's folder is made": (Leg("migrate", during=((3, move("fsync")),)),),
    "no fsync succeeds where the digests are written": (
        Leg("migrate", during=(("truncate digests.json.part", move("fsync")),)),
    ),
    "the host reboots in the way back before autostart is given back": (
        Leg("migrate"),
        Leg("rollback --leave-mail", during=(("before hypervisor set_autostart mailgw True", move("reboot-host")),)),
    ),
    "no room for the run's key": (Leg("migrate", during=(("before hypervisor rehearse", move("full", 0.005)),)),),
    "the workstation loses its power in the way back": (
        Leg("migrate"),
        Leg("rollback", during=(("before hypervisor set_nic", move("power-loss", 0.3)),)),
        Leg("rollback"),
    ),
    "the new VM is plugged in by hand while what is in it is counted": (
        Leg("migrate"),
        Leg("rollback"),
        Leg(
            "finish --discard unseen",
            during=(
                ("after hypervisor find_tagged", move("notes")),
                ("before hypervisor find_tagged", move("notes")),
                ("after guest 192.0.2.10: SELECT", move("unplug-old")),
                (1, move("plug-new")),
            ),
        ),
    ),
    "the old VM does not serve where the new one is to be deleted": (
        Leg("migrate"),
        Leg("rollback"),
        Leg("finish --discard unseen", before=(move("unplug-old"),)),
    ),
    "the old VM was deleted before the end": (
        Leg("migrate"),
        Leg("finish", before=(move("delete-old"),)),
    ),
    "mail cannot leave the new VM after a way back by links alone": (
        Leg("migrate"),
        Leg("rollback --scope links", before=(move("relay-down"), move("mail", 0.9))),
        Leg("rollback"),
    ),
    "the new VM has lost its tag and is unplugged by hand while a way back waits for its mail": (
        Leg("migrate"),
        Leg(
            "rollback",
            before=(move("untag"), move("slow-mail", 0.929)),
            during=(("-queue-list", move("unplug-new")),),
        ),
    ),
    "the open new VM is out of reach and has lost its tag": (
        Leg("migrate"),
        Leg("rollback --leave-mail", before=(move("staging-down"), move("untag"))),
    ),
    "a user is added in the old console after the last comparison": (
        Leg(
            "migrate",
            during=((INTAKE_CLOSED, move("row")),),
        ),
    ),
    "the new guest does not answer after a way back by links alone": (
        Leg("migrate"),
        Leg("rollback --scope links"),
        Leg("rollback", before=(move("off-new"),)),
    ),
    "a way back is killed after it closed the new intake, and refused when it is taken up again": (
        Leg("migrate"),
        Leg("rollback", during=(("after guest 198.51.100.100: sudo -k -S -p vmmigrate-asks: -- nft -f", KILL),)),
        Leg("resume", before=(move("staging-down"),)),
    ),
    "the old VM's NIC is replaced while what was prepared waits": (
        Leg("prepare"),
        Leg("cutover", before=(move("remac-old"),)),
    ),
    "the old VM's NIC is replaced after its intake was closed": (
        Leg(
            "migrate",
            during=(
                ("nft -f /run/vmmigrate/intake.nft", move("mail")),
                ("before hypervisor inventory mailgw", move("remac-old")),
            ),
        ),
    ),
    "the new guest is restarted while it is paused": (
        Leg("migrate"),
        Leg("rollback", during=(("before hypervisor inventory", move("pause-new")),)),
        Leg("wait", before=(move("reboot-new"),)),
    ),
    "the new VM is paused while it boots": (
        Leg("migrate"),
        Leg("wait", before=(move("reboot-new"), move("pause-new"))),
    ),
    "the old VM gets its host's autostart back in the switch": (
        Leg("migrate", during=((1, move("snapshot-old")), ("before guest 198.51.100.100: ping", move("revert-old")))),
    ),
}


# Where not only nothing may break: how the run must stand at the end.
ENDS = {
    "the new VM is renamed": "migrated",
    "the host reboots after the commit, and somebody goes back at once": "switched back",
    "the new VM is plugged in by hand while what is in it is counted": "rolled-back",
    "the old VM does not serve where the new one is to be deleted": "switched back",
    "the old VM gets its host's autostart back in the switch": "migrated",
}


# And what the last command of the schedule itself came to, where it is not helped by another one.
LAST = {
    "the old VM was deleted before the end": "→ ok: finished",
    "mail cannot leave the new VM after a way back by links alone": "→ ok: switched-back",
    "the new guest does not answer after a way back by links alone": "→ ok: switched-back",
}


@pytest.fixture(scope="module")
def play() -> Iterator[Callable[[Schedule], Played]]:
    with stage() as play:
        yield play


def _wanted(legs: tuple[Leg, ...]) -> Counter[str]:
    """A move whose moment never comes proves nothing."""
    return Counter(name for leg in legs for name, _ in (*leg.before, *(move for _, move in leg.during)))


# Every third is quick: `make check` has something of each kind of move.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if at % 9 else []) for at, name in enumerate(FOUND)]
)
def test_found(play: Callable[[Schedule], Played], name: str) -> None:
    played = play(Schedule(1, FOUND[name]))
    assert not _wanted(FOUND[name]) - Counter(played.moves), "not all of its moves were made"
    assert played.broken == [], "\n".join(played.story)
    assert played.end == ENDS.get(name, played.end), "\n".join(played.story)
    last = [line.strip() for line in played.story[: played.story.index("healed")] if "→" in line][-1]
    assert last == LAST.get(name, last), "\n".join(played.story)
