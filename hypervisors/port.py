"""The port: what every hypervisor adapter promises, and the optional abilities beside it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from hypervisors.carried import Carried
from hypervisors.description import OvfProperty
from hypervisors.errors import Problem
from hypervisors.limits import AGENT_COMMAND
from hypervisors.types import (
    Address,
    DeploySpec,
    Holder,
    Inventory,
    Network,
    PowerState,
    Probe,
    ProgressListener,
    Ran,
    Snapshot,
    Store,
    VmRef,
)
from hypervisors.waiting import REAL_TIME, Pace


class Hypervisor(Protocol):
    """One connection. Every method may raise Unreachable and HypervisorError beside what it names.

    All setters are convergent: they look first and do nothing where nothing is to be done.
    """

    url: str
    settling: float
    """Seconds after which a `set_notes` over the same text, begun elsewhere before ours, has come to its end.

    0.0 where the hypervisor itself compares in the act of writing.
    """
    keeps_network: bool
    """Whether a NIC whose link is down is still in its network; else it is NOWHERE, and only a record says where."""

    def find(self, name_or_id: str) -> VmRef:
        """The virtual machine of that name or id. Raises NotFound, Ambiguous."""

    def inventory(self, vm: VmRef) -> Inventory:
        """All that is read of `vm`. Raises NotFound."""

    def networks(self) -> tuple[Network, ...]:
        """What a NIC can be plugged into, as far as it is listed (a host's bridge may be missing)."""

    def keeps_mac(self, mac: str) -> bool:
        """Whether a NIC that is defined with this MAC is let have it."""

    def stores(self) -> tuple[Store, ...]:
        """The storage pools or datastores, with the room they have."""

    def deploy(self, spec: DeploySpec, progress: ProgressListener) -> VmRef:
        """Define a virtual machine from an image, switched off, tagged before its first byte is copied.

        Convergent: what an interrupted call of the same `run_id` and name left is removed or completed
        first. Raises NameTaken, NoRoom, BadImage, NotFound (store, network).
        """

    def rehearse(self, spec: DeploySpec) -> tuple[Problem, ...]:
        """Ask all that `deploy` asks before it makes anything, and change nothing; what it will lack.

        `spec.properties` may lack those that are secret. Raises what `deploy` raises before it makes anything, and
        NameTaken for any VM of that name: a rehearsal comes before the first attempt.
        """

    def carried(self, spec: DeploySpec) -> tuple[Carried, ...]:
        """What becomes of all that `spec.like` is and has, in a machine that `deploy` would make of `spec`.

        Complete: what is not known to be kept is listed as dropped. Nothing is changed. Raises NotFound, NotSupported.
        """

    def start(self, vm: VmRef) -> None:
        """Switch on; nothing where it runs."""

    def shut_down(self, vm: VmRef, timeout: float) -> None:
        """Ask the guest to shut down and wait up to `timeout` seconds. Raises TimedOut; never forces."""

    def power_off(self, vm: VmRef, run_id: str) -> None:
        """Switch off by force, which only a virtual machine of our own suffers. Raises NotOurs."""

    def power_state(self, vm: VmRef) -> PowerState:
        """Raises NotFound."""

    def addresses(self, vm: VmRef) -> tuple[Address, ...]:
        """The addresses from leases and from the guest's agent; () if there are neither (a plain bridge)."""

    def set_nic(self, vm: VmRef, mac: str, *, link_up: bool | None = None, network: Network | None = None) -> None:
        """Set link and network of one NIC, in the running and in the stored definition. Raises NotFound.

        A NIC that is NOWHERE needs `network` to be linked up.
        Link down is set in the stored definition first, link up in the running one first: a crash between
        the two never leaves a definition that would come up connected when it should not.
        """

    def remove_nic(self, vm: VmRef, mac: str, run_id: str) -> None:
        """Remove one NIC of a virtual machine of our own, running and stored. Raises NotOurs.

        TimedOut, WrongState: the guest keeps it until it is off, or the hypervisor does; it is linked down for good.
        """

    def set_notes(self, vm: VmRef, notes: str, *, over: str | None = None) -> None:
        """Replace the free text that an administrator sees beside the virtual machine.

        `over`: the text that is replaced, as an inventory had it. Raises Changed, and writes nothing, if it is neither
        that nor `notes` by now. Whether another can write between look and write, each adapter says.
        """

    def set_autostart(self, vm: VmRef, autostart: bool, entry: str = "") -> None:
        """Whether the host starts it at boot; `entry`: from an earlier inventory, to be restored.

        Raises NotSupported where it should and no host of its kind does, or its own host starts nothing at boot.
        """

    def holders(self, mac: str) -> tuple[Holder, ...]:
        """Every machine of this hypervisor that has a NIC of this MAC, whoever made it, on or off.

        Complete, or it raises: a machine that cannot be read is not left out. One that goes while it is looked at is
        left out only if a second look finds it gone.
        """

    def find_tagged(self, run_id: str) -> tuple[VmRef, ...]:
        """The virtual machines that carry this run's tag."""

    def destroy(self, vm: VmRef, run_id: str) -> None:
        """Switch off and delete, with its volumes; nothing where it is gone. Raises NotOurs."""

    def close(self) -> None:
        """Let the connection go."""


@runtime_checkable
class GuestAgent(Protocol):
    """An ability some adapters have: a channel into the guest that no network can forge."""

    def agent_answers(self, vm: VmRef) -> bool:
        """Whether the agent inside answers now."""

    def read_guest_file(self, vm: VmRef, path: str) -> bytes:
        """A small file (up to 1 MiB) of the guest. Raises NotFound, NotSupported (no agent)."""


@runtime_checkable
class GuestCommands(GuestAgent, Protocol):
    """An ability some adapters have: commands in the guest, as its root, without any network.

    It is for guests of our own: whoever made a machine may isolate it so before its cable is plugged in.
    """

    def run_in_guest(
        self,
        vm: VmRef,
        argv: Sequence[str],
        run_id: str,
        *,
        given: bytes = b"",
        timeout: float = AGENT_COMMAND.most,
        pace: Pace = REAL_TIME,
    ) -> Ran:
        """Run a command to its end; `given` is its standard input, `pace` may stop the wait. A program that is not
        there has the status 127, as sh says it. Raises NotOurs, TimedOut, NotSupported (no agent, or one that runs no
        commands). A call whose answer was lost may have run it: give commands that may run twice.
        """


@runtime_checkable
class VappProperties(Protocol):
    """An ability some adapters have: the values of an OVF's properties (`DeploySpec.properties`) reach the guest."""

    def property_fault(self, asked: OvfProperty, value: str) -> str:
        """Why a machine would not start with that value, '' where it would. '' for a value: none is given.

        A predicate of the property, as 'needs a value', which never holds the value: it may be a secret.
        """

    def fills_in(self, asked: OvfProperty) -> bool:
        """Whether it gives the property a value of its own, of the network's or of itself."""


@runtime_checkable
class Rename(Protocol):
    """An ability some adapters have: another name for a virtual machine that is there."""

    renames_running: bool
    """Whether it may run meanwhile; else it must be off."""

    def rename(self, vm: VmRef, name: str) -> VmRef:
        """Convergent: does nothing if it has that name. Raises NotFound, NameTaken, NotSupported for one that runs."""

    def rehearse_rename(self, vm: VmRef, name: str) -> None:
        """Raises what `rename` raises for the name, whether it runs or not, and changes nothing."""


@runtime_checkable
class Snapshots(Protocol):
    """An ability some adapters have: a virtual machine as it was, under a name; with its memory where it runs.

    With the memory a guest goes on where it stood, and not with a boot that begins what was stopped: so going back
    twice loses nothing. All setters but `revert_snapshot` are convergent.
    """

    def snapshots(self, vm: VmRef) -> tuple[Snapshot, ...]:
        """Parents first."""

    def snapshot_fault(self, vm: VmRef) -> str:
        """Why none can be made that holds all of it, '' where nothing is known against it. Nothing is changed."""

    def create_snapshot(self, vm: VmRef, name: str, description: str) -> None:
        """Raises NotSupported, NoRoom."""

    def revert_snapshot(self, vm: VmRef, name: str) -> None:
        """What came since is lost, also where the call is made once more. Raises NotFound."""

    def remove_snapshot(self, vm: VmRef, name: str) -> None:
        """The disks keep what was written since."""


@runtime_checkable
class Probed(Protocol):
    """An ability some adapters have: what a host answered to what no documentation says."""

    def probed(self) -> Probe | None:
        """What `probe` recorded there; None where nobody has asked, or not this version of it. Nothing is changed."""


@runtime_checkable
class Probes(Probed, Protocol):
    """The same, with the asking itself, which is nothing for a call that is repeated when its connection breaks."""

    def probe(self, store: str, token: str) -> Probe:
        """Make small machines of its own in that store, ask, remove all of it, and record the answers there.

        `token`: hexadecimal; what an earlier call with it left is removed first. `store` '': the first there is.
        Raises NotFound (no such store), and what keeps it from removing what it made.
        """

    def remove_probe(self, token: str) -> None:
        """Remove what a call of `probe` with that token left, and what ones that were cut off long ago did."""
