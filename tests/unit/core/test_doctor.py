"""Each check of the workstation, with its lack provoked for real: a PATH without the program, a shut folder, …"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hypervisors import connect
from vmmigrate.cli import app
from vmmigrate.doctor import network, packages, places
from vmmigrate.doctor.system import System, read_os_release
from vmmigrate.findings import Finding, Severity, error, info, warning
from vmmigrate.settings.folders import KEYS, RUNS
from vmmigrate.settings.models import Settings

DEBIAN = System("Debian GNU/Linux 12 (bookworm)", "debian")
Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes an executable shell script; its folder is a PATH of its own."""

    def write(name: str, script: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def bare(program: Program) -> str:
    """An interpreter that sees the standard library alone."""
    return str(program("python", f'exec {sys.executable} -I -S "$@"'))


# ---- Python and its packages -----------------------------------------------------------------------------------------


def test_python() -> None:
    assert packages.python((3, 11, 2)) == info("python", "3.11.2")
    assert packages.python((3, 10, 9)) == error("python", "3.10.9 is too old", "install Python 3.11 or later")


@pytest.mark.parametrize(("needed", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)])
def test_libvirt_that_cannot_be_loaded(bare: str, needed: bool, severity: Severity) -> None:
    assert packages.libvirt(bare, DEBIAN, needed=needed) == Finding(
        "libvirt",
        severity,
        "libvirt-python cannot be loaded (ModuleNotFoundError: No module named 'libvirt')",
        f"apt install libvirt-dev gcc pkg-config python3-dev && {bare} -m pip install 'vmmigrate[kvm]'",
    )


def test_libvirt_that_can() -> None:
    pytest.importorskip("libvirt")
    found = packages.libvirt(sys.executable, DEBIAN, needed=True)
    assert (found.severity, found.remedy) == (Severity.INFO, "")
    assert found.seen.startswith("client library ")


def test_pyvmomi_that_cannot_be_loaded(bare: str) -> None:
    seen = "cannot be loaded (ModuleNotFoundError: No module named 'pyVmomi')"
    mend = f"{bare} -m pip install 'vmmigrate[vmware]'"
    assert packages.pyvmomi(bare, needed=True) == error("pyvmomi", seen, mend)
    assert packages.pyvmomi(bare, needed=False) == warning("pyvmomi", f"{seen}; needed only for VMware", mend)


def test_keyring_that_cannot_be_loaded(bare: str) -> None:
    found = packages.keyring(bare, needed=True)
    assert (found.severity, found.remedy) == (Severity.ERROR, f"{bare} -m pip install 'vmmigrate[keyring]'")


def test_keyring_without_a_backend(program: Program) -> None:
    pytest.importorskip("keyring")
    nowhere = program("python", f'PYTHON_KEYRING_BACKEND=keyring.backends.fail.Keyring exec {sys.executable} "$@"')
    seen = "this machine has none that can store a secret"
    assert packages.keyring(str(nowhere), needed=True).seen == seen
    assert packages.keyring(str(nowhere), needed=False) == warning(
        "keyring",
        f"{seen}; it is not needed: passwords can come from elsewhere",
        packages.keyring(str(nowhere), needed=True).remedy,
    )


def test_an_interpreter_that_is_none(tmp_path: Path) -> None:
    assert "No such file" in packages.libvirt(str(tmp_path / "python"), DEBIAN, needed=True).seen


# ---- qemu-img --------------------------------------------------------------------------------------------------------


def test_no_qemu_img_on_path(tmp_path: Path) -> None:
    seen = "not found on PATH; raw and VMDK images need it, a qcow2 image does not"
    assert packages.qemu_img(str(tmp_path), DEBIAN) == warning("qemu-img", seen, "apt install qemu-utils")


def test_a_qemu_img_without_a_format(program: Program) -> None:
    path = program("qemu-img", "echo 'qemu-img version 8.2.0'; echo 'Supported formats: qcow2 raw'").parent
    seen = "qemu-img version 8.2.0: it does not read vmdk"
    assert packages.qemu_img(str(path), DEBIAN) == warning("qemu-img", seen, "apt install qemu-utils")


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="there is no qemu-img here")
def test_a_real_qemu_img() -> None:
    found = packages.qemu_img(os.environ["PATH"], DEBIAN)
    assert found.severity is Severity.INFO
    assert found.seen.endswith(": reads qcow2, raw, vmdk")


# ---- SSH and the clock -----------------------------------------------------------------------------------------------


def agent(environ: dict[str, str], *, needed: bool = True) -> Finding:
    return network.ssh_agent(os.environ["PATH"], environ, DEBIAN, needed=needed)


def test_no_ssh_add_on_path(tmp_path: Path) -> None:
    found = network.ssh_agent(str(tmp_path), {}, DEBIAN, needed=False)
    assert found == warning("ssh-agent", "ssh-add is not found on PATH", "apt install openssh-client")


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="there is no ssh-agent here")
def test_an_ssh_agent_absent_empty_and_with_a_key(tmp_path: Path) -> None:
    assert agent({}) == error("ssh-agent", "none runs here", 'eval "$(ssh-agent)" && ssh-add')
    socket, key = str(tmp_path / "agent"), str(tmp_path / "key")
    environ = {"SSH_AUTH_SOCK": socket}
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()  # it says where it listens
        try:
            assert agent(environ, needed=False) == warning("ssh-agent", "it runs and has no key", "ssh-add")
            subprocess.run(["ssh-add", "-q", key], env={**os.environ, **environ}, check=True)
            assert agent(environ) == info("ssh-agent", "keys in it: 1")
        finally:
            running.terminate()


def test_known_hosts(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    assert network.known_hosts(path) == warning(
        "known-hosts", f"there is no {path}", "pin the host key: vmmigrate init OLD does"
    )
    path.write_text("# mine\nmailgw ssh-ed25519 AAAA\n\n")
    assert network.known_hosts(path) == info("known-hosts", f"{path}, entries: 1")
    assert network.known_hosts(tmp_path).severity is Severity.ERROR


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("yes", info("clock", "set by NTP")),
        ("no", warning("clock", "not set by NTP", "timedatectl set-ntp true")),
        ("", warning("clock", "not known whether it is set by NTP", "compare it: date -u")),
    ],
)
def test_the_clock(program: Program, said: str, found: Finding) -> None:
    assert network.clock(str(program("timedatectl", f"echo {said}").parent)) == found


def test_a_clock_that_nobody_knows_of(tmp_path: Path) -> None:
    assert network.clock(str(tmp_path)).severity is Severity.WARNING


# ---- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_that_will_be_made(tmp_path: Path) -> None:
    found = places.folder("runs", tmp_path / "state" / "runs", RUNS, room=0)
    assert found.severity is Severity.INFO
    assert found.seen.endswith(" free, will be created")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_may_look_into(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    seen = f"others may read {tmp_path}"
    assert places.folder("keys", tmp_path, KEYS, room=0) == warning("keys", seen, f"chmod 700 {tmp_path}")
    tmp_path.chmod(0o700)
    assert places.folder("keys", tmp_path, KEYS, room=0).severity is Severity.INFO


def test_a_folder_without_room(tmp_path: Path) -> None:
    found = places.folder("runs", tmp_path, RUNS, room=1 << 60)
    assert found.severity is Severity.WARNING
    assert found.seen.endswith("left, a backup may need 1073741824.0 GiB")
    assert found.remedy == f"free some space: df -h {tmp_path}"


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    path.touch()
    assert places.folder("runs", path, RUNS) == error(
        "runs", f"{path} is not a folder", f"move it away: mv {path} {path}.old"
    )


@pytest.fixture
def shut() -> Iterator[Path]:
    """A folder that may be looked into and not written to, where everybody gets to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    yield folder
    folder.rmdir()


def test_a_folder_that_is_not_writable(shut: Path) -> None:
    """Root may write everywhere: so it becomes another user first."""
    code = "import os, sys; from pathlib import Path; from vmmigrate.doctor.places import folder\n"
    code += "if os.geteuid() == 0: os.setuid(65534)\n"
    code += "found = folder('runs', Path(sys.argv[1]), 'X'); print(found.severity, found.seen, found.remedy, sep='|')"
    argv = [sys.executable, "-c", code, str(shut / "runs")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    mend = f'chown "$USER" {shut} && chmod u+rwx {shut}'
    assert done.stdout == f"error|{shut} is not writable|{mend}\n", done.stderr


def test_a_folder_that_cannot_be_made_although_its_mode_permits_it() -> None:
    found = places.folder("runs", Path("/proc/vmmigrate"), RUNS)
    assert found.severity is Severity.ERROR
    assert found.seen.startswith(("/proc/vmmigrate cannot be created: ", "/proc is not writable"))
    assert "free some space" not in found.remedy


# ---- the configuration -----------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vmmigrate.toml"
    path.write_text('[hypervisor]\nurl = "qemu:///session"\n')
    path.chmod(0o600)
    return path


def test_a_good_configuration(file: Path) -> None:
    found, settings = places.configuration(file, {})
    assert found == info("configuration", str(file))
    assert settings.hypervisor.url == "qemu:///session"


def test_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "vmmigrate.toml"
    assert places.configuration(path, {}) == (
        warning("configuration", f"there is no {path}", "vmmigrate init OLD"),
        Settings(),
    )


def test_a_wrong_configuration(file: Path) -> None:
    file.write_text("[old]\nsmtp_port = 0\n")
    found, _ = places.configuration(file, {})
    assert found.severity is Severity.ERROR
    assert "old.smtp_port" in found.seen
    assert found.remedy.startswith(f"fix it in {file}")


def test_a_configuration_that_others_may_change(file: Path) -> None:
    file.chmod(0o620)
    assert places.configuration(file, {})[0] == error("configuration", f"others may change {file}", f"chmod 600 {file}")


# ---- the hypervisor --------------------------------------------------------------------------------------------------


def test_a_hypervisor_that_answers() -> None:
    pytest.importorskip("libvirt")
    found = network.hypervisor(connect, "test:///default")
    assert found.seen.startswith("test:///default answers; pools: 1, networks: 1")
    assert found.severity is Severity.WARNING  # nothing for staging beside the live network


def test_a_hypervisor_that_is_none() -> None:
    found = network.hypervisor(connect, "nothing:///at-all")
    assert found.severity is Severity.ERROR
    assert "'nothing:///at-all' names no hypervisor known here" in found.seen
    assert found.remedy


# ---- which system ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("ID=debian", "apt install qemu-utils"),
        ("ID=ubuntu\nID_LIKE=debian", "apt install qemu-utils"),
        ('ID="linuxmint"\nID_LIKE="ubuntu debian"', "apt install qemu-utils"),
        ("ID=fedora", "dnf install qemu-img"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "dnf install qemu-img"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "zypper install qemu-tools"),
        ("ID=sles", "zypper install qemu-tools"),
        ('ID=arch\nPRETTY_NAME="Arch Linux"', "install qemu-img with the package manager of Arch Linux"),
    ],
)
def test_the_command_is_of_this_system(tmp_path: Path, said: str, command: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(said + "\n")
    assert read_os_release(path).install("qemu-img") == command


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    system = read_os_release(tmp_path / "os-release")
    assert system.install("qemu-img") == "install qemu-img with the package manager of this system"


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name in ("RUNS", "KEYS"):
        monkeypatch.setenv(f"VMMIGRATE_{name}_FOLDER", str(tmp_path / name))
    umask = os.umask(0o022)
    os.umask(umask)
    monkeypatch.setattr("os.umask", lambda _: umask)  # the command's own stays with this process
    return lambda *arguments: CliRunner().invoke(app, ["doctor", *arguments])


def test_it_ends_with_2_where_something_is_lacking(doctor: Callable[..., Result], file: Path) -> None:
    file.chmod(0o622)
    result = doctor("--config", str(file))
    assert result.exit_code == 2
    assert f"error  configuration  others may change {file}\n" in result.stdout
    assert f"{' ' * 21} → chmod 600 {file}\n" in result.stdout
    assert "configuration" in result.stdout.splitlines()[-1].removeprefix("fix first: ")


def test_for_programs_it_is_one_json_line_a_check(doctor: Callable[..., Result], file: Path) -> None:
    pytest.importorskip("libvirt")
    result = doctor("--config", str(file), "--json", "--connect", "test:///default")
    found = {line["check"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 0, result.stdout
    assert list(found) == [
        *("Python", "libvirt", "pyVmomi", "qemu-img", "keyring", "ssh-agent", "known_hosts"),
        *("runs", "keys", "configuration", "clock", "hypervisor"),
    ]
    assert found["configuration"] == {
        "id": "configuration",
        "severity": "info",
        "seen": str(file),
        "remedy": "",
        "check": "configuration",
        "verdict": "ok",
        "mend": "",
    }
