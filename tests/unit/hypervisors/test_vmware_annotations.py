"""Notes over others', where the server compares the configuration's version, which the simulator does not."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from hypervisors import Changed
from hypervisors.vmware import annotations
from hypervisors.vmware.faults import Outdated

SESSION: Any = None


@dataclass
class Server:
    """As the API describes it: each change makes another version; a call with an older one is refused."""

    notes: str = "before"
    version: int = 1
    meanwhile: list[str | None] = field(default_factory=list)  # written by others between look and write; None: other
    written: list[str | None] = field(default_factory=list)  # the versions that were given

    def look(self, *_: object) -> dict[str, Any]:
        return {"config.annotation": self.notes, "config.changeVersion": str(self.version)}

    def reconfigure(self, spec: Any) -> None:
        if self.meanwhile:
            by_others = self.meanwhile.pop(0)
            self.notes = self.notes if by_others is None else by_others
            self.version += 1
        self.written.append(spec.changeVersion)
        if spec.changeVersion not in (None, str(self.version)):
            raise Outdated("the object was changed by another", hint="look again")
        self.notes, self.version = spec.annotation, self.version + 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(annotations.properties, "of_one", made.look)
    monkeypatch.setattr(annotations.tasks, "run", lambda session, what, begin: begin())
    return made


def write(server: Server, notes: str, over: str | None) -> None:
    machine: Any = SimpleNamespace(ReconfigVM_Task=server.reconfigure)
    annotations.write(SESSION, machine, "old", notes, over)


def test_the_version_that_was_seen_is_given(server: Server) -> None:
    write(server, "ours", over="before")
    assert (server.notes, server.written) == ("ours", ["1"])


def test_without_a_text_to_replace_no_version_is_given(server: Server) -> None:
    write(server, "ours", over=None)
    assert (server.notes, server.written) == ("ours", [None])


def test_who_writes_between_look_and_write_is_not_overwritten(server: Server) -> None:
    server.meanwhile = ["theirs"]
    with pytest.raises(Changed, match="the notes of old are not what they were"):
        write(server, "ours", over="before")
    assert server.notes == "theirs"


def test_a_change_of_something_else_does_not_stop_it(server: Server) -> None:
    server.meanwhile = [None, None]
    write(server, "ours", over="before")
    assert (server.notes, server.written) == ("ours", ["1", "2", "3"])


def test_a_machine_that_changes_without_end_is_given_up(server: Server) -> None:
    server.meanwhile = [None] * 99
    with pytest.raises(Changed):
        write(server, "ours", over="before")
    assert server.notes == "before"
