"""The programs and Python packages that a migration uses."""

import os
import shlex
import shutil
import subprocess

from hypervisors import without_secrets
from vmmigrate.doctor.system import System
from vmmigrate.findings import Finding, info, missing, warning
from vmmigrate.limits.seconds import PROGRAM_ASKED

_OLDEST = (3, 11)
_WANTED_FORMATS = ("qcow2", "raw", "vmdk")
_PATIENCE = PROGRAM_ASKED.most


def python(version: tuple[int, ...]) -> Finding:
    said = ".".join(map(str, version[:3]))
    if version[:2] < _OLDEST:
        return missing("python", f"{said} is too old", "install Python 3.11 or later", needed=True)
    return info("python", said)


def libvirt(interpreter: str, system: System, *, needed: bool) -> Finding:
    """Import it in its own process: the package may be there without its library."""
    answer = _asked(interpreter, "import libvirt; v = libvirt.getVersion(); print(libvirt.__file__ and v)")
    if answer.isdecimal():
        number = int(answer)
        return info("libvirt", f"client library {number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}")
    remedy = f"{system.install('libvirt headers')} && {_pip(interpreter, 'kvm')}"
    return missing("libvirt", f"libvirt-python cannot be loaded ({answer})", remedy, needed=needed)


def pyvmomi(interpreter: str, *, needed: bool) -> Finding:
    code = "import pyVmomi, importlib.metadata as m; print('version', m.version('pyvmomi'))"
    answer = _asked(interpreter, code)
    if answer.startswith("version "):
        return info("pyvmomi", answer)
    seen = f"cannot be loaded ({answer})" + ("" if needed else "; needed only for VMware")
    return missing("pyvmomi", seen, _pip(interpreter, "vmware"), needed=needed)


def keyring(interpreter: str, *, needed: bool) -> Finding:
    """`needed`: the configuration names it."""
    answer = _asked(interpreter, "import keyring; k = keyring.get_keyring(); print('is', k.priority, k.name)")
    if not answer.startswith("is "):
        seen = f"the package keyring cannot be loaded ({answer})"
        return missing("keyring", _optional(seen, needed), _pip(interpreter, "keyring"), needed=needed)
    _, priority, name = answer.split(maxsplit=2)
    if float(priority) <= 0:
        from vmmigrate.settings.keyrings import NO_BACKEND

        seen = _optional("this machine has none that can store a secret", needed)
        return missing("keyring", seen, NO_BACKEND, needed=needed)
    return info("keyring", name)


def qemu_img(path: str, system: System) -> Finding:
    program = shutil.which("qemu-img", path=path)
    if program is None:
        seen = "not found on PATH; raw and VMDK images need it, a qcow2 image does not"
        return warning("qemu-img", seen, system.install("qemu-img"))
    version = _said(program, "--version").partition("\n")[0]
    formats = _said(program, "--help").rpartition("Supported formats:")[2].split()
    unread = [name for name in _WANTED_FORMATS if name not in formats]
    if unread:
        seen = f"{version}: it does not read {', '.join(unread)}"
        return warning("qemu-img", seen, system.install("qemu-img"))
    return info("qemu-img", f"{version.removeprefix('qemu-img ')}: reads {', '.join(_WANTED_FORMATS)}")


def _optional(seen: str, needed: bool) -> str:
    return seen if needed else f"{seen}; it is not needed: passwords can come from elsewhere"


def _pip(interpreter: str, extra: str) -> str:
    return f"{shlex.quote(interpreter)} -m pip install 'vmmigrate[{extra}]'"


def _asked(interpreter: str, code: str) -> str:
    """The last line that a new interpreter prints, or why it failed. Nothing of the current folder is imported (-P)."""
    return (_said(interpreter, "-P", "-c", code).strip().splitlines() or ["no output"])[-1]


def _said(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            errors="replace",
            env=without_secrets(os.environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout or done.stderr
