"""A path that leads to a device, or to the wrong file, is read up to its limit."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from hypervisors import HypervisorError, Problem, identify_image, qemu_img
from hypervisors import limits as of_hypervisors
from hypervisors.wire.ssh.known_hosts import known
from tests.limits.twin import most, sparse, twin
from vmmigrate import limits, reading
from vmmigrate.appliance.profile import read_profile
from vmmigrate.commands.plan_file import read_plan
from vmmigrate.errors import UsageProblem
from vmmigrate.run import began_with
from vmmigrate.run.record import parse
from vmmigrate.settings import given, load, secrets, stored
from vmmigrate.settings.secrets import _from_command, _from_file

READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("CONFIGURATION", lambda path: load.load(path, {}, {})),
    ("CONFIGURATION", read_profile),
    ("PASSWORD_FILE", lambda path: _from_file("old.ssh.password", path)),
    ("PLAN", read_plan),
    ("PLAN", lambda path: began_with._read(path, str)),
    ("PLAN", stored.read_stored),
    ("JOURNAL", parse),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "read"), READERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(READERS)])
@twin("CONFIGURATION", "PASSWORD_FILE", "PLAN", "JOURNAL")
def test_a_file_that_is_too_long_is_refused(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    path = sparse(tmp_path / "x", most(name) + 1)
    path.chmod(0o600)
    with pytest.raises(Problem):
        read(path)


@pytest.mark.parametrize("limit", [limits.CONFIGURATION, limits.PASSWORD_FILE])
def test_a_device_without_end_is_read_up_to_the_limit(limit: of_hypervisors.Limit) -> None:
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"more than {limit.most >> 10} KiB"):
        reading.data(Path("/dev/zero"), limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * limit.most


@twin("PLAN")
def test_what_was_given_is_left_out_where_it_is_too_long(tmp_path: Path) -> None:
    assert given.kept(sparse(tmp_path / "given.json", most("PLAN") + 1)) is None


@pytest.mark.slow
@twin("KNOWN_HOSTS")
def test_of_a_known_hosts_file_so_much_is_read() -> None:
    tracemalloc.start()
    assert known(Path("/dev/zero"), "gw", 22).keys == ()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * most("KNOWN_HOSTS")


@pytest.mark.parametrize(
    ("script", "seconds", "words"),
    [
        ("exec sleep 60", 0.2, "sh did not end within"),
        ("sleep 60 & echo x", 0.2, "sh did not end within"),
        ("while :; do printf x; sleep 0.02; done", 0.2, "sh did not end within"),
        ("exec yes", 60, "sh prints more than 64 KiB"),
    ],
    ids=["silent", "what it left behind", "dripping", "endless"],
)
@twin("PASSWORD_COMMAND", "PASSWORD_FILE")
def test_a_password_command_that_does_not_end(
    script: str, seconds: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most("PASSWORD_COMMAND") == secrets._PATIENCE
    monkeypatch.setattr(secrets, "_PATIENCE", seconds)
    with pytest.raises(UsageProblem, match=words):
        _from_command("old.ssh.password", ("sh", "-c", script))


_PERCENT = "printf '(%s.00/100%%)\\r'"


@pytest.mark.parametrize(
    "script",
    ["exec sleep 60", f"{_PERCENT} 1; exec sleep 60", f"for n in 1 2; do {_PERCENT} 0; done; exec sleep 60"],
    ids=["silent", "stuck", "without progress"],
)
@twin("QEMU_IMG")
def test_a_qemu_img_that_does_not_get_on(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on storage that went away."""
    assert most("QEMU_IMG") == qemu_img._QUIET
    monkeypatch.setattr(qemu_img, "_QUIET", 0.2)
    (tmp_path / "qemu-img").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "qemu-img").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    image = identify_image(sparse(tmp_path / "x.img", 1 << 20, (510, b"\x55\xaa")), lambda progress: None)
    with pytest.raises(HypervisorError, match="qemu-img showed no progress for"):
        qemu_img.convert(image, tmp_path / "y", (), lambda progress: None)
    with pytest.raises(HypervisorError, match="qemu-img showed no progress for"):
        qemu_img.measured(image, "raw")
