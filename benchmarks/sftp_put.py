"""How fast and how small a disk goes to a Hyper-V host by SFTP, with its SHA-256; the peer is OpenSSH's sftp.

The adapter sends through paramiko with its requests pipelined: it takes as much of a core as sftp does, so there is no
second way through the program sftp.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, in_turn
from fixtures import openssh
from hypervisors import Access, SshAccess, no_progress
from hypervisors.hyperv import session, target

MIB = 1 << 20
SIZE = 400 * MIB
ROUNDS = 3
_IMAGE = 300 * MIB
_PEER = "OpenSSH's sftp"


def measure() -> Iterator[Figure]:
    """Nothing where OpenSSH's server is missing. The receiver shares this machine's cores with the sender."""
    if not openssh.SSHD:
        return
    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as name:
        folder = Path(name)
        disk, there = folder / "disk.vhdx", folder / "there"
        with disk.open("wb") as file:
            for _ in range(SIZE // MIB):
                file.write(os.urandom(MIB))
        key = openssh.make_key(folder / "id")
        home = folder / "home"
        home.mkdir()
        subsystem = f"Subsystem sftp internal-sftp -d {home}"
        with openssh.running(folder / "sshd", subsystem, authorized=openssh.public(key)) as sshd:
            access = Access(ssh=SshAccess(host_key=sshd.host_key, key_file=key))
            opened = session.open_session(target.Target(openssh.USER, sshd.address, sshd.port), access)
            ours, peer = in_turn(
                lambda: opened.upload(disk, str(there), no_progress),
                lambda: _by_sftp(sshd, key, disk, there),
                rounds=ROUNDS,
            )
            opened.close()
    ratio = round(peer / ours, 3)
    yield Figure("hyperv_put_ratio", ratio, "ratio", _PEER, ratio)
    yield Figure("hyperv_put_mib_s", round(SIZE / MIB / ours, 1), "MiB/s", _PEER, ratio)
    yield from _memory()


def _by_sftp(sshd: openssh.RealSshd, key: Path, disk: Path, there: Path) -> None:
    options = ("-q", "-b", "-", "-P", str(sshd.port), "-i", str(key), "-o", "StrictHostKeyChecking=no")
    known = ("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
    words = ("sftp", *options, *known, f"{openssh.USER}@{sshd.address}")
    subprocess.run(words, input=f"put {disk} {there}\n".encode(), stdout=subprocess.DEVNULL, check=True)


_IMPORT = """
import re, sys
from pathlib import Path
from hypervisors import *
url, host_key, key, image, store = sys.argv[1:]
hypervisor = connect(url, Access(ssh=SshAccess(host_key=host_key, key_file=Path(key))))
lan = next(network for network in hypervisor.networks() if network.name == "lan")
nics = (NicSpec(lan, "00:15:5d:0a:01:01", link_up=False),)
disk = identify_image(Path(image), no_progress)
hypervisor.deploy(DeploySpec("run", "new", disk, hypervisor.find("old"), store, nics), no_progress)
hypervisor.close()
print(re.search("VmHWM:[^0-9]+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


def _memory() -> Iterator[Figure]:
    """The largest resident set of a fresh process that converts an image and deploys it to the stand-in host."""
    from fixtures.hyperv import lab, scripts

    with tempfile.TemporaryDirectory(prefix="vmmigrate-bench.", dir="/var/tmp") as name:
        folder = Path(name)
        image = folder / "image.raw"
        image.write_bytes(bytes(510) + b"\x55\xaa")
        with image.open("ab") as file:
            for _ in range(_IMAGE // MIB):
                file.write(os.urandom(MIB))
        lab.small_host(folder / "host", lab.OLD_MAC, 1 << 40)
        with lab.reached(folder / "host") as way:
            words = (sys.executable, "-c", _IMPORT, way.url, way.host_key, way.key, image, scripts.STORE)
            done = subprocess.run(words, check=True, capture_output=True, text=True)
    largest = int(done.stdout) / 1024
    yield Figure("hyperv_import_rss_mib", round(largest, 1), "MiB", "80 MiB", round(80 / largest, 2))
