"""What is waited for and read in parts: tasks that take their time, leases that fail, lists of several pages."""

import http.client
from types import SimpleNamespace
from typing import Any
from xml.parsers.expat import ExpatError

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from hand_made import Answers, session_with, told
from pyVmomi import vim, vmodl

from hypervisors import HypervisorError, NameTaken, NoRoom, Problem, TimedOut, Unreachable
from hypervisors.vmware import lease, properties, tasks

LEASE = vim.HttpNfcLease("lease-1")
State = vim.HttpNfcLease.State


class TestTasks:
    TASK = vim.Task("task-1")

    def run(self, *states: dict[str, Any], timeout: float = 5.0) -> object:
        session = session_with(
            Answers(*([told(self.TASK, {f"info.{k}": v for k, v in each.items()})] for each in states))
        )
        return tasks.run(session, "start of new", lambda: self.TASK, timeout=timeout)

    def test_one_that_takes_its_time_is_waited_for(self) -> None:
        running = {"state": "running", "progress": 40}
        assert self.run({"state": "queued"}, running, running, {"state": "success", "result": "done"}) == "done"

    def test_one_that_fails_tells_why(self) -> None:
        fault = vim.fault.DuplicateName(msg="The name 'new' already exists.")
        with pytest.raises(NameTaken, match="start of new: The name 'new' already exists"):
            self.run({"state": "running"}, {"state": "error", "error": fault})

    def test_one_that_does_not_end_is_given_up_with_how_far_it_came(self) -> None:
        with pytest.raises(TimedOut, match=r"for start of new \(last seen: running, 40 %\)") as caught:
            self.run({"state": "running", "progress": 40}, timeout=0.1)
        assert "task" in caught.value.hint


class TestPages:
    def test_all_are_read(self) -> None:
        machines = [vim.VirtualMachine(f"vm-{number}") for number in range(5)]
        rows = [told(machine, {"name": machine._moId}) for machine in machines]
        answers = Answers((rows[:2], rows[2:4], rows[4:]))
        found = properties.of_each(session_with(answers), machines, ("name",), "the machines")
        assert [(thing, row["name"]) for thing, row in found] == [(each, each._moId) for each in machines]
        assert answers.tokens == ["2 more", "1 more"]


class View:
    """Cannot be cleaned up."""

    def __init__(self, fault: Exception) -> None:
        self._moId, self._fault = "view-1", fault

    def Destroy(self) -> None:  # noqa: N802 -- pyvmomi's name
        raise self._fault


@pytest.mark.parametrize(
    "fault",
    [
        vmodl.fault.SystemError(msg="out of memory"),
        vmodl.fault.ManagedObjectNotFound(msg="gone"),
        vim.fault.NotAuthenticated(msg="the session ended"),
        http.client.RemoteDisconnected("closed"),
        TimeoutError("timed out"),
        ExpatError("no XML"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_view_that_cannot_be_cleaned_up_fails_no_read(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = vim.VirtualMachine("vm-1")
    session = session_with(Answers([told(machine, {"name": "old"})]))
    session.content.viewManager = SimpleNamespace(CreateContainerView=lambda *_: View(fault))
    monkeypatch.setattr(properties, "_through", lambda *_: None)
    [(thing, row)] = properties.of_all(session, vim.VirtualMachine, ("name",), session.content)
    assert (thing, row["name"]) == (machine, "old")


class Renewed:
    """A lease's renewals, by hand: each takes the next of these; then all is well."""

    def __init__(self, *answers: Exception | None) -> None:
        self.left = list(answers)
        self.percents: list[int] = []

    def HttpNfcLeaseProgress(self, percent: int) -> None:  # noqa: N802 -- pyvmomi's name
        self.percents.append(percent)
        answer = self.left.pop(0) if self.left else None
        if answer is not None:
            raise answer


def busy() -> Exception:
    return http.client.HTTPException("503 Service Unavailable")


class Time:
    """The clock of a lease, and what it waits at: a wait takes as long as it says, whatever the machine does."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(lease, "time", made)
    return made


def renewing(server: Renewed, life: float, time: Time) -> lease.Lease:
    """A lease that lives for `life` seconds, renewed four times in each."""
    made = lease.Lease(session_with(Answers([])), server, "new")  # type: ignore[arg-type]
    made._over = time  # type: ignore[assignment]
    made._renew(life)
    return made


class TestRenewals:
    def test_a_server_that_answers_none_is_asked_until_the_lease_has_died(self, time: Time) -> None:
        server = Renewed(*[busy()] * 100)
        made = renewing(server, 120, time)
        assert (time.now, len(server.percents)) == (120, 4)
        with pytest.raises(Unreachable, match="upload lease of new: no answer from the server: 503"):
            made.check()

    def test_its_life_counts_from_the_last_that_was_answered(self, time: Time) -> None:
        server = Renewed(None, None, None, *[busy()] * 100)
        renewing(server, 120, time)
        assert (time.now, len(server.percents)) == (3 * 30 + 120, 3 + 4)

    def test_one_that_went_with_its_session_is_worth_another_attempt(self, time: Time) -> None:
        server = Renewed(vmodl.fault.ManagedObjectNotFound(msg="The object has already been deleted"))
        with pytest.raises(Unreachable, match="upload lease of new: it ended before the upload did") as caught:
            renewing(server, 120, time).check()
        assert "run it again" in caught.value.hint
        assert "removed" not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize(
        ("fault", "problem"),
        [(vim.fault.NotFound(msg="gone"), lease.Ended), (vim.fault.NoDiskSpace(msg="full"), NoRoom)],
    )
    def test_a_refusal_is_final(self, time: Time, fault: Exception, problem: type[Problem]) -> None:
        server = Renewed(busy(), fault)
        with pytest.raises(problem):
            renewing(server, 120, time).check()
        assert len(server.percents) == 2


class TestALeaseThatFailed:
    FULL = vim.fault.NoDiskSpace(msg="Insufficient disk space on datastore 'ssd-1'.")

    def lease(self, *states: dict[str, Any]) -> lease.Lease:
        return lease.Lease(session_with(Answers(*([told(LEASE, each)] for each in states))), LEASE, "new")

    def test_before_it_was_ready(self) -> None:
        made = self.lease({"state": State.initializing}, {"state": State.error, "error": self.FULL})
        with pytest.raises(NoRoom, match="upload lease of new: Insufficient disk space on datastore 'ssd-1'"):
            made.begin()

    def test_in_mid_upload(self) -> None:
        """At our end it shows as a connection that broke."""
        problem = self.lease({"error": self.FULL}).reason()
        assert isinstance(problem, NoRoom)
        assert "Insufficient disk space" in str(problem)

    def test_one_that_did_not_fail_tells_nothing(self) -> None:
        assert self.lease({}).reason() is None

    def test_one_that_is_gone_says_so_in_place_of_the_hosts_refusal(self) -> None:
        """A host that knows no such lease answers 404, of which nobody learns anything."""
        session = session_with(Answers(*self.ready_then_full()[:2], []))
        with pytest.raises(Unreachable, match="it ended before the upload did"), lease.held(session, LEASE, "new"):
            raise HypervisorError("esx1 refused the disk: 404 Not Found", hint="see the host's events")

    def test_its_words_go_before_those_of_the_connection(self) -> None:
        session = session_with(Answers(*self.ready_then_full()))
        with pytest.raises(NoRoom) as caught, lease.held(session, LEASE, "new"):
            raise Unreachable("the upload to esx1 broke off", hint="is it reachable?")
        assert isinstance(caught.value.__cause__, Unreachable)

    def ready_then_full(self) -> list[list[Any]]:
        info = vim.HttpNfcLease.Info(leaseTimeout=300, entity=vim.VirtualMachine("vm-1"), deviceUrl=[])
        return [
            [told(LEASE, {"state": State.ready})],
            [told(LEASE, {"info": info})],
            [told(LEASE, {"error": self.FULL})],
        ]
