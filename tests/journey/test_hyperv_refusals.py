"""What a plan through the stand-in Hyper-V host refuses or warns of, and what sends a run back: one host, many rows."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fixtures.appliance import state
from fixtures.hyperv import errors, faults, scripts, windows
from fixtures.openssh import make_key
from tests.journey.hyperv_story import NEEDS, HypervStory, Tell, a_hyperv_story
from tests.journey.story import DONE, REFUSED, WENT_BACK, Child

pytestmark = [pytest.mark.slow, *NEEDS]


@pytest.fixture(scope="module")
def story(child: Child) -> Iterator[HypervStory]:
    """One for all plans: they change nothing."""
    with a_hyperv_story(child, 1) as story:
        yield story


@pytest.fixture
def tell(child: Child) -> Iterator[Tell]:
    """`tell(2)`: an old VM of generation 2."""
    with contextlib.ExitStack() as stack:
        yield lambda generation: stack.enter_context(a_hyperv_story(child, generation))


@dataclass(frozen=True)
class Row:
    """`spoil` changes the host for one plan. `words`: in what is shown; `done`: whether it is only a warning."""

    words: str
    spoil: Callable[[HypervStory], object] = lambda story: None
    settings: dict[str, Any] = field(default_factory=dict)
    done: bool = False


def _host(category: str, error_id: str, text: str, **more: str) -> Callable[[HypervStory], None]:
    record = errors.HostError(category, error_id, text, **more).record
    return lambda story: faults.add(story.lab.folder, "host", error=record)


def _machine(**change: object) -> Callable[[HypervStory], None]:
    def spoil(story: HypervStory) -> None:
        with state.edit(story.lab.folder) as now:
            now["vms"][story.lab.old_id]["hyperv"].update(change)

    return spoil


def _nic(**change: object) -> Callable[[HypervStory], None]:
    def spoil(story: HypervStory) -> None:
        with state.edit(story.lab.folder) as now:
            now["vms"][story.lab.old_id]["nics"][0]["hyperv"].update(change)

    return spoil


def _switch(name: str, value: object) -> Callable[[HypervStory], None]:
    return lambda story: faults.set_switch(story.lab.folder, name, value)


def _disk(**change: object) -> Callable[[HypervStory], None]:
    disk = {"path": "C:\\VMs\\old.vhdx", "controller": "SCSI", "number": 0, "location": 1, "size": 0}
    return _machine(disks=[{**disk, **change}])


_ID = "Microsoft.HyperV.PowerShell.Commands.GetVMHost"
ROWS = {
    "no role": Row(
        "install the role Hyper-V",
        _host(
            "ObjectNotFound",
            "CommandNotFoundException",
            "El t\u00e9rmino no se reconoce.",
            reason="CommandNotFoundException",
        ),
    ),
    "no right": Row(
        "Hyper-V Administrators", _host("PermissionDenied", f"AccessDenied,{_ID}", "Sie d\u00fcrfen das nicht.")
    ),
    "a policy": Row(
        "a policy forbids scripts",
        _host(
            "SecurityError",
            "UnauthorizedAccess",
            "Uruchamianie skrypt\u00f3w jest wy\u0142\u0105czone.",
            reason="PSSecurityException",
        ),
    ),
    "another host key": Row("host key", settings={"hypervisor": {"host_key": "SHA256:" + "A" * 43}}),
    "no such switch": Row("no network 'none'", settings={"new": {"staging": "none"}}),
    "no such bus": Row("boots from IDE alone", settings={"new": {"disk_bus": "virtio"}}),
    "a name that is no folder": Row("cannot be the name of a folder", settings={"new": {"name": "a:b"}}),
    "no room": Row("free", _switch("free", 1)),
    "saved by its host": Row("is not running", _machine(state="Saved")),
    "of a cluster": Row("belongs to a failover cluster", _machine(clustered=True)),
    "a dynamic MAC": Row("has a dynamic MAC", _nic(dynamic=True)),
    "a trunk": Row("is a VLAN trunk", _nic(vlan_mode="Trunk")),
    "a disk of the host": Row("has a disk of the host itself", _disk(pass_through=True), done=True),
    "a shared disk": Row("has a VHD set, which other machines may share", _disk(format="VHDSet"), done=True),
    "replicated": Row("is replicated; the new machine is not", _machine(replication="Enabled"), done=True),
    "checkpoints": Row("has checkpoints, which stay with it", _machine(checkpoints=True), done=True),
}


@pytest.mark.parametrize("title", ROWS)
def test_a_plan_says_what_is_wrong_with_the_host_or_the_machine(story: HypervStory, title: str) -> None:
    """The host's words are of four languages, and none of them is understood: categories, ids and codes are."""
    row = ROWS[title]
    with _spoilt(story, row.spoil):
        told = story.plan(**row.settings)
    assert told.status == (DONE if row.done else REFUSED), told.out + told.err
    assert row.words in " ".join((told.out + told.err).split())


@contextlib.contextmanager
def _spoilt(story: HypervStory, spoil: Callable[[HypervStory], object]) -> Iterator[None]:
    """For one plan; then all is as it was."""
    folder = story.lab.folder
    before = state.read(folder)[1]
    try:
        spoil(story)
        yield
    finally:
        (folder / faults.FILE).unlink(missing_ok=True)
        with state.edit(folder) as now:
            now["vms"][story.lab.old_id] = before["vms"][story.lab.old_id]


def test_another_key_is_refused(story: HypervStory, tmp_path: Path) -> None:
    told = story.plan(hypervisor={"key_file": str(make_key(tmp_path / "other"))})
    assert told.status != DONE
    assert "refused" in told.err


def test_a_host_that_refuses_a_second_machine_of_a_mac_sends_the_run_back(tell: Tell) -> None:
    """Before anything of the old gateway is touched. Its upload was cut off once, and made again."""
    story = tell(2)
    before = story.world()
    faults.set_switch(story.lab.folder, "cut_at", 1 << 16)
    faults.set_switch(story.lab.folder, "refuses_same_mac", True)
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "0x800701E7" in told.err
    assert (story.world(), story.live(), story.answers_the_world()) == (before, ["old"], True)


def test_a_volume_that_fills_up_sends_the_run_back_also_where_its_files_are_held(tell: Tell) -> None:
    """SFTP says only "Failure"; a scanner holds what was sent of the disk when it is to be removed."""
    story = tell(1)
    before = story.world()
    faults.set_switch(story.lab.folder, "room", 1 << 16)
    faults.add(story.lab.folder, "remove", error=errors.held("RemoveItem").record)
    told = story.migrate()
    assert told.status == WENT_BACK
    assert "free room" in told.err
    assert (story.world(), story.live()) == (before, ["old"])
    store = windows.place_of(story.lab.folder, scripts.STORE)
    assert [path.name for path in store.iterdir() if path.name.startswith("vmmigrate-")] == []
