"""What a plan asks of a vCenter with 2,000 machines, in a fresh process; the peer is the same with ten of them."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figure import Figure, in_turn

FEW, MANY = 10, 2000
POOLS = 2  # of the simulator's model, each with so many machines as are asked for
ROUNDS = 3

_PLAN = """
import sys
from pathlib import Path
from hypervisors import *
from fixtures.vsphere.simulator import PASSWORD
url, ca_file, image = sys.argv[1:]
hypervisor = connect(url, Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=Path(ca_file))))
old = hypervisor.inventory(hypervisor.find("old"))
lan, staging = (next(each for each in hypervisor.networks() if each.name == name) for name in ("lan", "staging"))
nics = (NicSpec(lan, old.nics[0].mac, link_up=False), NicSpec(staging, None, link_up=True))
assert [holder.vm for holder in hypervisor.holders(old.nics[0].mac)] == [old.vm]
store = hypervisor.stores()[0].name
hypervisor.rehearse(DeploySpec("run", "new", identify_image(Path(image), no_progress), old.vm, store, nics))
hypervisor.close()
"""


def measure() -> Iterator[Figure]:
    """Nothing where pyvmomi or the simulator is missing."""
    try:
        from fixtures.vsphere.building import program

        built = program()
    except (ImportError, OSError, subprocess.CalledProcessError):
        return
    with ExitStack() as stack:
        few, many = (_vcenter(stack, built, number) for number in (FEW, MANY))
        many_s, few_s = in_turn(lambda: _plan(*many), lambda: _plan(*few), rounds=ROUNDS)
    ratio = round(few_s / many_s, 3)
    yield Figure("vsphere_rehearse_seconds_2000", round(many_s, 3), "s", f"{FEW} machines: {few_s:.3f} s", ratio)


def _vcenter(stack: ExitStack, built: Path, number: int) -> tuple[str, Path, Path]:
    """Its URL, its authority, and an image."""
    from fixtures.vsphere import inventory
    from fixtures.vsphere.simulator import simulator
    from tests.unit.hypervisors.small_ova import stream_optimized

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp")))
    running = stack.enter_context(simulator(built, folder, "vpx", machines=number // POOLS))
    with inventory.administrator(running) as service:
        inventory.add_networks(service, distributed=("lan",))
        inventory.add_machine(service, "old", "00:50:56:0a:00:01")
    image = folder / "image.vmdk"
    image.write_bytes(stream_optimized())
    return running.url, running.ca_file, image


def _plan(url: str, ca_file: Path, image: Path) -> None:
    subprocess.run([sys.executable, "-c", _PLAN, url, ca_file, image], check=True)
