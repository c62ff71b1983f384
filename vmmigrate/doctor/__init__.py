"""Whether a migration can be run from this workstation: a table of checks, each with what fixes it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypervisors import Hypervisor
from vmmigrate.doctor import network, packages, places
from vmmigrate.doctor.system import System, read_os_release
from vmmigrate.findings import Finding
from vmmigrate.settings.folders import KEYS, RUNS, keys_folder, runs_folder


@dataclass(frozen=True)
class Workstation:
    """What the checks use. `config`: None for the default one. `url`: a hypervisor to try, None to try none."""

    version: tuple[int, ...]
    interpreter: str
    system: System
    environ: Mapping[str, str]
    known_hosts: Path
    runs: Path
    keys: Path
    config: Path | None
    connect: Callable[[str], Hypervisor]
    url: str | None = None

    @property
    def path(self) -> str:
        return self.environ.get("PATH", "")


def this_one(
    environ: Mapping[str, str], config: Path | None, connect: Callable[[str], Hypervisor], url: str | None
) -> Workstation:
    return Workstation(
        version=sys.version_info[:3],
        interpreter=sys.executable,
        system=read_os_release(Path("/etc/os-release")),
        environ=environ,
        known_hosts=Path.home() / ".ssh" / "known_hosts",
        runs=runs_folder(environ),
        keys=keys_folder(environ),
        config=config,
        connect=connect,
        url=url,
    )


def examine(here: Workstation) -> Iterator[Finding]:
    """What each check found, in order. Changes nothing."""
    configuration, settings = places.configuration(here.config, here.environ)
    url = here.url or settings.hypervisor.url
    scheme = url.partition("://")[0].partition("+")[0].lower()
    vmware, libvirt = scheme == "vsphere", scheme not in ("vsphere", "hyperv")
    text = settings.model_dump_json(exclude_none=True)
    yield packages.python(here.version)
    yield packages.libvirt(here.interpreter, here.system, needed=libvirt)
    yield packages.pyvmomi(here.interpreter, needed=vmware)
    yield packages.qemu_img(here.path, here.system)
    yield packages.keyring(here.interpreter, needed='"keyring":' in text)
    yield network.ssh_agent(here.path, here.environ, here.system, needed='"agent":true' in text)
    if url.lower().startswith("qemu+ssh://"):
        yield network.ssh(here.path, here.system)
    yield network.known_hosts(here.known_hosts)
    yield places.folder("runs-folder", here.runs, RUNS)
    yield places.folder("keys-folder", here.keys, KEYS, room=1 << 20)
    yield configuration
    yield network.clock(here.path)
    if here.url:
        yield network.hypervisor(here.connect, here.url)
    else:
        yield from network.refused_url(url)
