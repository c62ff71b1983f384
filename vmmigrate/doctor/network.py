"""What connections need: the SSH agent, known hosts, a correct clock for certificates, the hypervisor."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hypervisors import Hypervisor, Problem, check_url, without_secrets
from vmmigrate.doctor.system import System
from vmmigrate.findings import Finding, info, missing, warning
from vmmigrate.limits.seconds import PROGRAM_ASKED

_PATIENCE = PROGRAM_ASKED.most


def ssh_agent(path: str, environ: Mapping[str, str], system: System, *, needed: bool) -> Finding:
    """`needed`: the configuration logs in by it."""
    id_ = "ssh-agent"
    program = shutil.which("ssh-add", path=path)
    if program is None:
        return missing(id_, "ssh-add is not found on PATH", system.install("ssh-add"), needed=needed)
    status, said = _run(program, "-l", environ=environ)
    if status == 0:
        return info(id_, f"keys in it: {len(said.splitlines())}")
    if status == 1:
        return missing(id_, "it runs and has no key", "ssh-add", needed=needed)
    return missing(id_, "none runs here", 'eval "$(ssh-agent)" && ssh-add', needed=needed)


def ssh(path: str, system: System) -> Finding:
    """For a qemu+ssh:// URL: OpenSSH's client is what carries it."""
    if shutil.which("ssh", path=path) is None:
        return missing("ssh", "ssh is not found on PATH", system.install("ssh-add"), needed=True)
    return info("ssh", "it carries the connection to libvirt; it asks for no password")


def known_hosts(path: Path) -> Finding:
    id_ = "known-hosts"
    try:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    except FileNotFoundError:
        return warning(id_, f"there is no {path}", "pin the host key: vmmigrate init OLD does")
    except OSError as error:
        remedy = f'chown "$USER" {path}'
        return missing(id_, f"{path} cannot be read: {error.strerror}", remedy, needed=True)
    return info(id_, f"{path}, entries: {len(lines)}")


def clock(path: str) -> Finding:
    """Whether NTP sets the clock; a wrong one makes certificates look expired or not yet valid."""
    id_ = "clock"
    program = shutil.which("timedatectl", path=path)
    said = _run(program, "show", "-p", "NTPSynchronized", "--value")[1].strip() if program else ""
    if said == "yes":
        return info(id_, "set by NTP")
    seen = "not set by NTP" if said == "no" else "not known whether it is set by NTP"
    return warning(id_, seen, "timedatectl set-ntp true" if said == "no" else "compare it: date -u")


def refused_url(url: str) -> Iterator[Finding]:
    """What no adapter takes, where none is connected to."""
    try:
        check_url(url)
    except Problem as problem:
        yield missing("hypervisor", str(problem), problem.hint, needed=True)


def hypervisor(connect: Callable[[str], Hypervisor], url: str) -> Finding:
    """Reads pools and networks, changes nothing."""
    id_ = "hypervisor"
    try:
        opened = connect(url)
        try:
            stores, networks = opened.stores(), opened.networks()
        finally:
            with suppress(Problem):
                opened.close()
    except Problem as problem:
        return missing(id_, str(problem), problem.hint, needed=True)
    seen = f"{url} answers; pools: {len(stores)}, networks: {len(networks)}"
    if len(networks) < 2:
        kvm = "define a network for staging (virsh net-define), or use a bridge of the host: --staging bridge:NAME"
        remedy = "make a switch for staging there: New-VMSwitch" if url.lower().startswith("hyperv") else kvm
        return warning(id_, f"{seen}; staging needs one beside the live network", remedy)
    return info(id_, seen)


def _run(program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    try:
        done = subprocess.run(
            (program, *arguments),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
            env=without_secrets(os.environ if environ is None else environ),
        )
    except (OSError, subprocess.TimeoutExpired):
        return -1, ""
    return done.returncode, done.stdout
