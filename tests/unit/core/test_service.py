"""Whether mail flows, as it is looked at: by links, power, a greeting and the run's standing, not by the journal."""

import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from recorded_runs import (
    END,
    NEW,
    PREPARED,
    SWITCHED,
    SWITCHED_BACK,
    Porter,
    Recorded,
    TinyHypervisor,
    done,
    doors_to,
    parts,
    raises,
    record,
    swift,
    undone,
)
from small_plan import LAN, PLAN
from small_steps import trouble

from hypervisors import Holder, Network, PowerState, TimedOut, VmRef
from vmmigrate import known_runs, operations
from vmmigrate.commands.in_time import in_time
from vmmigrate.doors import Doors
from vmmigrate.errors import Guarded, UsageProblem
from vmmigrate.events import DOWN, FLOWING, NOT_LOOKED_AT, TWICE, Event, RunEnded, Service
from vmmigrate.run.lock import locked
from vmmigrate.run.record import Kind
from vmmigrate.run.service import offered
from vmmigrate.service import service
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import ProcessSecrets, Secrets
from vmmigrate.show.status import status_json, status_lines

OLD = PLAN.old
LIVE = {name: fact for name, fact in SWITCHED.items() if name not in ("open", "autostart")}
CLOSED = {name: fact for name, fact in LIVE.items() if name != "switch"}
OPENING = [*done(LIVE), *done({"open": SWITCHED["open"]})[:-1]]
ELSEWHERE = VmRef("third", "elsewhere")
REFUSED = ConnectionRefusedError(111, "refused")
MIGRATED = [*done(SWITCHED), END]
FINISHED = [*MIGRATED, (Kind.FINISHED, {})]
NOT_ASKED = f"{NEW.name} is plugged in and answers this workstation; whether its firewall lets the world in was not "


def seen(
    folder: Path,
    records: list[Recorded],
    *,
    plugged: tuple[VmRef, ...] = (),
    off: tuple[VmRef, ...] = (),
    others: tuple[Holder, ...] = (),
    refused: Exception | None = None,
) -> Service:
    tiny = TinyHypervisor(
        plugged_in={vm.id for vm in plugged} or {"nobody"}, off={vm.id for vm in off}, others=list(others)
    )
    record(folder, "r1", records)
    given = parts(folder, tiny, open_doors=doors_to(Porter(tiny, refused)))
    found = service(known_runs.status("r1", given), given)
    assert found is not None
    assert not [call for call in tiny.calls if not call.startswith(("inventory", "find", "close"))]
    return found


@pytest.mark.parametrize(
    ("records", "plugged", "through", "since"),
    [
        (done(PREPARED), OLD, "mailgw", "before this run"),
        (FINISHED, NEW, NEW.name, "the commit"),
        (SWITCHED_BACK, OLD, "mailgw", "the way back"),
        (MIGRATED, OLD, "mailgw", ""),  # plugged in by hand
        (done(CLOSED), OLD, "mailgw", ""),  # the old guest rebooted, and its intake is open again
    ],
    ids=["before the switch", "finished", "switched back", "by hand", "the intake opened by itself"],
)
def test_mail_flows_through_the_one_that_greets(
    tmp_path: Path, records: list[Recorded], plugged: VmRef, through: str, since: str
) -> None:
    found = seen(tmp_path, records, plugged=(plugged,))
    ended = known_runs.status("r1", parts(tmp_path, TinyHypervisor())).outages
    times = {"the commit": ended[0].ended if ended else "", "the way back": ended[-1].ended if ended else ""}
    assert (found.state, found.through, found.since) == (FLOWING, (through,), times.get(since, since))
    assert str(found).startswith(f"MAIL: flowing through {through} since ")


@pytest.mark.parametrize(
    ("records", "plugged", "off", "refused", "why"),
    [
        (done(LIVE), (), (), REFUSED, f"mailgw is running, unplugged; {NEW.name} is running, unplugged"),
        (done(LIVE), (NEW,), (), None, f"{NEW.name} is plugged in, and the run has not opened it"),
        (done(CLOSED), (OLD,), (), REFUSED, "mailgw is plugged in, but no SMTP at 192.0.2.10:25: "),
        (
            MIGRATED,
            (NEW,),
            (NEW, OLD),
            None,
            f"mailgw is switched off, unplugged; {NEW.name} is switched off, plugged in",
        ),
        (OPENING, (NEW,), (), REFUSED, f"{NEW.name} is plugged in, but no SMTP at "),
    ],
    ids=["nobody is plugged in", "not opened", "closed", "the host rebooted", "not open yet"],
)
def test_mail_is_down_and_what_ends_it_is_said(
    tmp_path: Path,
    records: list[Recorded],
    plugged: tuple[VmRef, ...],
    off: tuple[VmRef, ...],
    refused: Exception | None,
    why: str,
) -> None:
    found = seen(tmp_path, records, plugged=plugged, off=off, refused=refused)
    assert found.state == DOWN
    assert found.seen.startswith(why)
    assert str(found).startswith("MAIL: DOWN since ")
    by_hand = f"virsh -c test:///default start {NEW.id} ({NEW.name}) or vmmigrate rollback r1"
    assert f": now {by_hand if records == MIGRATED else 'vmmigrate resume r1 or vmmigrate rollback r1'}" in str(found)
    assert (found.since == "") is (records == MIGRATED)  # an outage of which the run knows nothing


def test_two_that_are_plugged_in_are_an_alarm(tmp_path: Path) -> None:
    found = seen(tmp_path, MIGRATED, plugged=(OLD, NEW))
    assert (found.state, found.through) == (TWICE, ("mailgw", NEW.name))

    def unplug(vm: VmRef) -> str:
        command = f"virsh -c test:///default domif-setlink {vm.id} {PLAN.identity.mac} down"
        return f"{command} --config ({vm.name}); {command} ({vm.name})"

    assert str(found) == (
        f"MAIL: flowing through mailgw AND {NEW.name}, at the same address: now to keep mailgw: vmmigrate rollback r1;"
        f" or to keep {NEW.name}: {unplug(OLD)}; mail that came meanwhile may be in either queue"
    )
    over = seen(tmp_path / "over", [*MIGRATED, (Kind.FINISHED, {})], plugged=(OLD, NEW))  # no command acts on it
    assert f": now to keep mailgw: {unplug(NEW)}; or to keep " in str(over)


def test_while_another_process_works_no_command_is_offered(tmp_path: Path) -> None:
    tiny = TinyHypervisor(plugged_in={"nobody"})
    rundir = record(tmp_path, "r1", done(LIVE))
    with locked(rundir, "migrate"):
        given = parts(tmp_path, tiny, open_doors=doors_to(Porter(tiny, REFUSED)))
        found = service(known_runs.status("r1", given), given)
    assert found is not None
    assert re.match(r"MAIL: DOWN since 2.* UTC: now wait for it: migrate on \S+ \(process \d+\) since ", str(found))
    assert "resume" not in str(found)
    assert "rollback" not in str(found)


def test_after_links_only_going_back_comes_first_and_the_outage_counts(tmp_path: Path) -> None:
    """The intake of the old gateway is still closed: its way back opens it."""
    for records in (done(LIVE), MIGRATED):
        at = tmp_path / str(len(records))
        found = seen(at, [*records, *by_links()], plugged=(OLD,), refused=REFUSED)
        after = known_runs.status("r1", parts(at, TinyHypervisor()))
        assert (found.state, found.since) == (DOWN, after.outages[-1].began)
        verbs = dict(after.verbs)
        assert next(iter(verbs)) == "rollback"
        assert verbs.get("resume", "to migrate after all") == "to migrate after all"
        first, *more = found.now.split(" or ")
        assert (first, more) == ("vmmigrate rollback r1", ["vmmigrate resume r1"] * (records != MIGRATED))


def by_links() -> list[Recorded]:
    return undone({"switch": SWITCHED["switch"]}, scope="links")


def test_another_machine_with_this_mac_is_named_and_one_on_another_network_is_not(tmp_path: Path) -> None:
    there = Holder(ELSEWHERE, PowerState.RUNNING, True, True, LAN)
    found = seen(tmp_path, MIGRATED, others=(there,))
    assert (found.state, found.through) == (FLOWING, ("elsewhere",))
    apart = replace(there, network=Network("lab", "network"))
    assert seen(tmp_path / "apart", FINISHED, plugged=(NEW,), others=(apart,)).through == (NEW.name,)


@pytest.mark.parametrize(
    "records", [MIGRATED, [*MIGRATED, (Kind.FINISHED, {"unseen": ["its firewall"]})]], ids=["migrated", "finished"]
)
def test_one_whose_rules_nobody_saw_is_not_called_flowing(tmp_path: Path, records: list[Recorded]) -> None:
    """An isolated gateway greets this workstation too. No password is at hand here."""
    found = seen(tmp_path, records, plugged=(NEW,))
    assert (found.state, found.machines["new VM"]) == (NOT_LOOKED_AT, "plugged in, but it may not be open")
    assert str(found).startswith(f"MAIL: not looked at: {NOT_ASKED}")


@pytest.mark.parametrize("silence", [TimeoutError("timed out"), OSError(113, "no route")])
def test_silence_may_be_the_way_there_and_is_not_called_down(tmp_path: Path, silence: Exception) -> None:
    found = seen(tmp_path, MIGRATED, plugged=(NEW,), refused=silence)
    assert found.state == NOT_LOOKED_AT
    assert str(found).startswith(f"MAIL: not looked at: {NEW.name} is plugged in and runs, but from this workstation ")


@pytest.mark.parametrize(
    ("records", "line"),
    [(done(PREPARED), ""), (done(LIVE), f"[vmmigrate] run r1: replaced by {NEW.name}; kept")],
    ids=["the journal has not plugged it in", "a note from after the commit"],
)
def test_of_a_journal_that_is_behind_the_world_nothing_is_concluded(
    tmp_path: Path, records: list[Recorded], line: str
) -> None:
    """It is an older copy of the run's folder: what it has not opened may be open."""
    tiny = TinyHypervisor(plugged_in={NEW.id})
    tiny.notes = line or tiny.notes
    record(tmp_path, "r1", records)
    given = parts(tmp_path, tiny)
    found = service(known_runs.status("r1", given), given)
    why = f"{NEW.name} is plugged in and answers at 192.0.2.10; whether it is open to all is not known"
    assert str(found) == f"MAIL: not looked at: {why}"
    for act in (operations.resume, lambda run, given: operations.rollback(run, given, yes=True)):
        with pytest.raises(Guarded, match="went on where this journal ends"):
            act("r1", given)
    assert not [call for call in tiny.calls if call.startswith(("set_", "destroy", "power_off"))]


def test_an_opening_that_is_not_recorded_is_not_called_flowing(tmp_path: Path) -> None:
    """Isolated, it answers this workstation too."""
    assert seen(tmp_path, OPENING, plugged=(NEW,)).state == NOT_LOOKED_AT


@pytest.mark.parametrize("error", [trouble("the host is away"), KeyError("strange")])
def test_a_look_that_fails_says_why_and_fails_nothing(tmp_path: Path, error: Exception) -> None:
    tiny = TinyHypervisor(before={"holders": raises(error)})
    record(tmp_path, "r1", MIGRATED)
    found = service(known_runs.status("r1", parts(tmp_path, tiny)), parts(tmp_path, tiny))
    why = "the host is away" if str(error) == "the host is away" else "a bug: KeyError"
    assert str(found) == f"MAIL: not looked at: {why}"


@pytest.mark.parametrize(
    "source",
    [None, {"prompt": True}, {"command": ["false"]}, {"keyring": "a/b"}],
    ids=["none", "prompt", "command", "keyring"],
)
def test_a_look_asks_for_no_password(tmp_path: Path, source: object) -> None:
    rundir = record(tmp_path, "r1", MIGRATED)
    settings = json.loads(rundir.settings.read_text())
    settings["hypervisor"] = {"url": "vsphere://admin@vcenter", **({"password": source} if source else {})}
    rundir.settings.write_text(json.dumps(settings))

    def ask(wanted: object) -> str:
        raise AssertionError("a password was asked for")

    def connect(url: str, access: object) -> object:
        access.password()  # type: ignore[attr-defined]
        raise AssertionError("a password was found")

    given = replace(parts(tmp_path, TinyHypervisor()), secrets=ProcessSecrets({}, ask), connect=connect)  # type: ignore[arg-type]
    found = service(known_runs.status("r1", given), given)
    assert str(found).startswith("MAIL: not looked at: ")
    assert found is not None
    assert found.seen.endswith(("is not given, and is not asked for here", "may have to be asked for, and is not here"))


def test_the_look_at_the_end_of_a_command_asks_for_no_password_either(tmp_path: Path) -> None:
    """A way back by links alone fetched none; a look over the jump host of its guest would want one."""
    opened: list[Secrets] = []

    def doors(settings: Settings, secrets: Secrets) -> Doors:
        opened.append(secrets)
        return doors_to(Porter(tiny))(settings, secrets)

    def ask(wanted: object) -> str:
        raise AssertionError("a password was asked for")

    tiny = TinyHypervisor(plugged_in={NEW.id})
    record(tmp_path, "r1", done(LIVE))
    given = replace(parts(tmp_path, tiny, open_doors=doors), secrets=ProcessSecrets({}, ask))
    operations.rollback("r1", given, scope="links", yes=True)
    with pytest.raises(UsageProblem, match="is not asked for here"):
        opened[-1].get("old.ssh.password")


def test_a_look_ends_in_time_whatever_hangs() -> None:
    started = time.monotonic()
    with pytest.raises(TimedOut, match="no answer within 0 s"):
        in_time(lambda: time.sleep(30) or Service(FLOWING), 0.1)  # type: ignore[func-returns-value]
    assert time.monotonic() - started < 20
    with pytest.raises(KeyError):
        in_time(raises(KeyError("x")), 5)  # type: ignore[arg-type]
    assert in_time(lambda: Service(FLOWING, ("a",)), 5).through == ("a",)


@pytest.mark.parametrize(
    ("act", "records", "plugged", "outcome", "line"),
    [
        (operations.rollback, done(PREPARED), OLD, "rolled-back", "MAIL: flowing through mailgw since before this run"),
        (operations.finish, MIGRATED, NEW, "finished", f"MAIL: not looked at: {NOT_ASKED}"),
    ],
)
def test_the_end_of_each_command_has_looked(
    tmp_path: Path, act: Callable[..., str], records: list[Recorded], plugged: VmRef, outcome: str, line: str
) -> None:
    told: list[Event] = []
    record(tmp_path, "r1", records)
    act("r1", parts(tmp_path, TinyHypervisor(plugged_in={plugged.id}), listen=told.append), yes=True)
    ended = told[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.outcome, str(ended.mail)[: len(line)]) == (outcome, line)
    assert ended.machines == (ended.mail and ended.mail.machines)


def test_what_nobody_looked_at_is_said_as_recorded(tmp_path: Path) -> None:
    told: list[Event] = []
    record(tmp_path, "r1", done(PREPARED))
    tiny = TinyHypervisor(before={"holders": raises(trouble("away"))})
    operations.rollback("r1", parts(tmp_path, tiny, listen=told.append), yes=True)
    assert isinstance(told[-1], RunEnded)
    assert told[-1].machines == {"old VM": "live, as recorded", "new VM": "deleted or never made, as recorded"}


# ---- the world moves while it is looked at -------------------------------------------------------------------


@dataclass
class Moving(Porter):
    """Each greeting is the moment at which somebody does the next of these."""

    moves: list[Callable[[], object]] = field(default_factory=list)
    asked: bool = False

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        self.asked = True
        try:
            return super().dial(host, port, timeout)
        finally:
            if self.moves:
                self.moves.pop(0)()


def seen_by(folder: Path, porter: Moving, **given_: Any) -> Service:
    record(folder, "r1", MIGRATED)
    given = parts(folder, porter.hypervisor, open_doors=doors_to(porter), **given_)
    found = service(known_runs.status("r1", given), given)
    assert found is not None
    return found


def test_what_is_said_holds_at_the_end_of_the_look(tmp_path: Path) -> None:
    tiny = TinyHypervisor(plugged_in={NEW.id})
    found = seen_by(tmp_path, Moving(tiny, moves=[lambda: tiny.plugged_in.add(OLD.id)]))
    assert (found.state, found.through) == (TWICE, ("mailgw", NEW.name))
    assert found.machines["old VM"] == "live"


def test_one_that_was_unplugged_after_it_greeted_takes_no_mail(tmp_path: Path) -> None:
    tiny = TinyHypervisor(plugged_in={NEW.id})
    found = seen_by(tmp_path, Moving(tiny, moves=[lambda: tiny.plugged_in.discard(NEW.id)]))
    assert (found.state, found.machines["new VM"]) == (DOWN, "kept, unplugged")


def test_what_moves_at_each_look_is_not_looked_at(tmp_path: Path) -> None:
    tiny = TinyHypervisor(plugged_in={NEW.id})
    swap = [lambda: tiny.plugged_in.symmetric_difference_update({OLD.id, NEW.id})] * 9
    found = seen_by(tmp_path, Moving(tiny, moves=swap))
    assert (found.state, len(tiny.calls) < 40) == (NOT_LOOKED_AT, True)
    assert "changed" in found.seen


def test_a_greeting_that_grew_old_while_the_hypervisor_was_away_is_asked_for_again(tmp_path: Path) -> None:
    """The guest came up meanwhile."""
    tiny, pace = TinyHypervisor(plugged_in={NEW.id}), swift()
    porter = Moving(tiny, REFUSED)

    def away() -> None:
        if porter.refused and porter.asked:
            pace.clock.sleep(60)
            porter.refused = None

    tiny.before["holders"] = away
    assert seen_by(tmp_path, porter, pace=pace).seen.startswith(NOT_ASKED)


def test_a_status_begins_with_it(tmp_path: Path) -> None:
    record(tmp_path, "r1", [*MIGRATED, (Kind.FINISHED, {})])
    run, mail = known_runs.status("r1", parts(tmp_path, TinyHypervisor())), Service(FLOWING, ("a",), "before this run")
    assert status_lines(run, mail)[:2] == [str(mail), f"run r1: finished, mailgw → {NEW.name}"]
    shown = status_json(run, mail)["mail"]
    assert isinstance(shown, dict)
    assert (shown["state"], shown["words"]) == (FLOWING, str(mail))


OURS = "[vmmigrate] run r1 begun on workstation here: a migration is in progress"
ANOTHERS = "[vmmigrate] run r9 begun on workstation there: a migration is in progress"


@pytest.mark.parametrize(
    ("plugged", "notes", "others", "verbs"),
    [
        (NEW, OURS, (), ["finish", "rollback"]),
        (OLD, OURS, (), ["rollback"]),  # finish would shut down the one that is live
        (None, OURS, (), ["rollback"]),
        (NEW, ANOTHERS, (), []),
        (NEW, OURS, (Holder(ELSEWHERE, PowerState.RUNNING, True, True, LAN),), []),
    ],
    ids=["migrated", "the old one by hand", "nobody", "another run's claim", "another machine"],
)
def test_no_command_is_offered_that_would_be_refused(
    tmp_path: Path, plugged: VmRef | None, notes: str, others: tuple[Holder, ...], verbs: list[str]
) -> None:
    there = {plugged.id if plugged else "nobody"}
    tiny = TinyHypervisor(plugged_in=there, notes=notes, others=list(others))
    record(tmp_path, "r1", MIGRATED)
    given = parts(tmp_path, tiny)
    run = known_runs.status("r1", given)
    mail = service(run, given)
    assert [verb for verb, _ in offered(run.verbs, mail)] == verbs
    lines = status_lines(run, mail)
    assert [line.split()[2] for line in lines if line.startswith("next: ")] == verbs
    assert bool([line for line in lines if line.startswith("in the way: ")]) is (not verbs)
    assert mail is not None
    if mail.state == FLOWING:
        assert mail.expected is (plugged == NEW)


@pytest.mark.parametrize("notes", [OURS, ANOTHERS])
def test_what_is_not_offered_is_refused(tmp_path: Path, notes: str) -> None:
    """The old VM was plugged in by hand beside the new one; or another run has claimed it."""
    plugged = {OLD.id, NEW.id} if notes == OURS else {NEW.id}
    record(tmp_path, "r1", MIGRATED)
    with pytest.raises(Guarded):
        operations.finish("r1", parts(tmp_path, TinyHypervisor(plugged_in=plugged, notes=notes)), yes=True)


def test_the_porter_is_a_real_socket() -> None:
    with Porter(TinyHypervisor(plugged_in={NEW.id})).dial("192.0.2.10", 25, 1.0) as end:
        assert isinstance(end, socket.socket)
        assert end.recv(3) == b"220"
