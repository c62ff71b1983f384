"""How fast and how small an OVA's disk goes to vSphere; the peer is http.client with the same bytes and blocks.

Sender, SHA-256 and receiver share this machine's cores. On two, the peer and the receiver fill both (0.43 s of each
for 700 MiB), and SHA-256 takes 0.36 s more of one: the ratio cannot pass 0.87 / (0.87 + 0.36) = 0.71 there. Deeper
queues, larger blocks and TLS in memory did not change that. With a third core, or a receiver elsewhere, none is shared.
"""

import http.client
import os
import ssl
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure, in_turn
from fixtures.appliance import ca, keys

MIB = 1 << 20
SIZE = 700 * MIB
ROUNDS = 5


def measure() -> Iterator[Figure]:
    """Nothing where pyvmomi or qemu-img is missing; no memory without the simulator."""
    try:
        from hypervisors.vmware import sending, trusting
    except ImportError:
        return
    from hypervisors import TlsTrust, identify_image, no_progress

    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as name:
        folder = Path(name)
        disk = identify_image(package(folder, SIZE), no_progress).disk
        with sink(folder) as url:
            parts = urlsplit(url)
            context = trusting.context_for(parts.hostname or "", parts.port or 0, TlsTrust(ca_file=folder / "ca.pem"))
            ours, peer = in_turn(
                lambda: sending.send(url, disk, context, lambda done: None, stall=120),
                lambda: plain_post(url, disk.path, disk.offset, disk.size, context),
                rounds=ROUNDS,
            )
        ratio = round(peer / ours, 3)
        yield Figure("ova_put_ratio", ratio, "ratio", "http.client, 1 MiB blocks", ratio)
        yield Figure("ova_put_mib_s", round(disk.size / MIB / ours, 1), "MiB/s", "http.client, 1 MiB blocks", ratio)
        yield from _memory(folder)


def package(folder: Path, size: int) -> Path:
    """An OVA with a streamOptimized disk of `size` bytes that compression leaves as large."""
    from tests.unit.hypervisors.small_ova import DISK, NAME, OVF

    raw, disk, ova = folder / "raw", folder / DISK, folder / "image.ova"
    with raw.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    options = ("-o", "subformat=streamOptimized")
    subprocess.run(("qemu-img", "convert", "-f", "raw", "-O", "vmdk", *options, raw, disk), check=True)
    raw.unlink()
    text = OVF.replace("@SIZE@", str(disk.stat().st_size)).replace('capacity="4"', f'capacity="{size // MIB}"')
    (folder / NAME).write_text(text)
    with tarfile.open(ova, "w", format=tarfile.USTAR_FORMAT) as archive:
        for member in (NAME, DISK):
            archive.add(folder / member, member)
    disk.unlink()
    return ova


def plain_post(url: str, path: Path, offset: int, size: int, context: ssl.SSLContext) -> None:
    """The floor: no digest, no progress."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context)
    connection.putrequest("POST", parts.path)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    with path.open("rb") as file:
        file.seek(offset)
        left = size
        while left:
            block = file.read(min(MIB, left))
            connection.send(block)
            left -= len(block)
    connection.getresponse().read()
    connection.close()


@contextmanager
def sink(folder: Path) -> Iterator[str]:
    """Where a process of its own takes bodies over TLS and forgets them."""
    key = keys.ec_key("sink")
    certificate = folder / "sink.pem"
    certificate.write_bytes(ca.combined_pem(key, [ca.issue(key, "sink", ["127.0.0.1"])]))
    (folder / "ca.pem").write_bytes(ca.pem(ca.authority()))
    words = (sys.executable, "-m", "benchmarks.tls_sink", certificate)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"https://127.0.0.1:{process.stdout.readline().strip()}/nfc/disk"
        finally:
            process.terminate()


_IMPORT = """
import re, sys
from pathlib import Path
from hypervisors import *
from fixtures.vsphere.simulator import PASSWORD
url, ca_file, image = sys.argv[1:]
hypervisor = connect(url, Access(lambda: Secret(PASSWORD), TlsTrust(ca_file=Path(ca_file))))
lan = next(network for network in hypervisor.networks() if network.name == "lan")
nics = (NicSpec(lan, "00:50:56:0a:00:01", link_up=False),)
ova = identify_image(Path(image), no_progress)
store = hypervisor.stores()[0].name
spec = DeploySpec("run", "new", ova, hypervisor.find("old"), store, nics, properties={"net.ip.0": "192.0.2.7"})
hypervisor.deploy(spec, no_progress)
print(re.search("VmHWM:[^0-9]+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


def _memory(folder: Path) -> Iterator[Figure]:
    """The largest resident set of a fresh process that identifies the OVA and deploys it to the simulator."""
    from fixtures.vsphere import inventory
    from fixtures.vsphere.building import program
    from fixtures.vsphere.simulator import simulator

    try:
        built = program()
    except (OSError, subprocess.CalledProcessError):
        return
    with simulator(built, folder, "vpx") as running:
        with inventory.administrator(running) as service:
            inventory.add_networks(service, distributed=("lan",))
            inventory.add_machine(service, "old", "00:50:56:0a:00:01")
        words = (sys.executable, "-c", _IMPORT, running.url, running.ca_file, folder / "image.ova")
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    largest = int(done.stdout) / 1024
    yield Figure("ova_import_rss_mib", round(largest, 1), "MiB", "80 MiB", round(80 / largest, 2))
