"""What the journeys of an update share: a host of packages, the commands on it, and what there is of the gateway."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fixtures.memory import MemoryHypervisor
from fixtures.packagehost import machine
from fixtures.packagehost.disk import HostDisk
from fixtures.packagehost.host import DEBIAN, NEW, Kind, PackageHost, new_stubs
from fixtures.packages import Stub, build_deb, build_rpm
from hypervisors import VmRef
from tests.journey.story import DONE, KILLED, REFUSED, Child, Stop, Told


@dataclass
class Tale:
    """One host, and the commands on it."""

    host: PackageHost
    child: Child
    settings: dict[str, str] = field(default_factory=dict)

    def __call__(self, *argv: str, stop: Stop | None = None) -> Told:
        folder = self.host.folder
        out, err = folder / "out", folder / "err"
        out.unlink(missing_ok=True)
        err.unlink(missing_ok=True)
        settings = {
            "VMMIGRATE_OLD__SMTP_PORT": str(self.host.port),
            "VMMIGRATE_OUTAGE__WATCH": "false",
            "VMMIGRATE_LIMITS__DRAIN": "0.3",
            "VMMIGRATE_LIMITS__RESTART": "5",
            "VMMIGRATE_RUNS_FOLDER": str(folder / "runs"),
            "VMMIGRATE_KEYS_FOLDER": str(folder / "keys"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "HOST_OF_PACKAGES": str(folder / "host.json"),
            **self.settings,
        }
        request = {"folder": str(folder), "out": str(out), "err": str(err), "argv": argv, "stop": stop}
        status = self.child.ask({**request, "environ": {**os.environ, **settings}, "hypervisor": ""})
        return Told(status, out.read_text(), err.read_text())

    def update(
        self, *more: str, stop: Stop | None = None, packages: Path | None = None, vm: VmRef | None = None
    ) -> Told:
        snapshot = ("--vm", vm.name) if vm else ("--no-snapshot",)
        what = ("update", "127.0.0.1", "--packages", str(packages or self.host.new), *snapshot, "--yes", *more)
        return self(*what, stop=stop)

    def virtual(self) -> VmRef:
        """It is a virtual machine from now on."""
        return machine.add_machine(self.host.folder / "hypervisor", self.disk)

    @property
    def disk(self) -> HostDisk:
        return HostDisk(str(self.host.root), str(self.host.cluster.folder))

    @property
    def snapshots(self) -> list[str]:
        hypervisor = MemoryHypervisor(self.host.folder / "hypervisor")
        return [one.name for one in hypervisor.snapshots(hypervisor.find(machine.NAME))]

    @property
    def run_id(self) -> str:
        return next(path.name for path in (self.host.folder / "runs").iterdir())

    @property
    def run_folder(self) -> Path:
        return self.host.folder / "runs" / self.run_id

    @property
    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run_folder / "journal.jsonl").read_text().splitlines()]

    @property
    def recorded(self) -> tuple[tuple[str, str], ...]:
        lines = (self.host.folder / "runs" / self.run_id / "journal.jsonl").read_text().splitlines()
        return tuple((record["kind"], record.get("step", "")) for record in map(json.loads, lines))

    def world(self) -> dict[str, Any]:
        """What there is of the gateway, without what differs between any two runs."""
        host, cluster = self.host, self.host.cluster
        packages = host.run(host.kind.installed).stdout
        tables = cluster.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").split()
        listed = host.run(("ls", "-A", "/var/lib/vmmigrate")).stdout.split()
        drop_ins = host.root.glob("etc/**/90-vmmigrate.conf")
        return {
            "packages": sorted(line for line in packages.splitlines() if " un" not in line),
            "rows": {table: cluster.sql(f"SELECT t FROM {table} t ORDER BY 1") for table in tables},  # noqa: S608
            "units": {unit: host.state(unit) for unit in (*UNITS, host.kind.tomcat)},
            "enabled": sorted(path.name for path in (host.root / "etc/enabled").iterdir()),
            "main.cf": host.text("/etc/postfix/main.cf"),
            "conffiles": sorted(path.name for path in (host.root / "etc/djigzo").iterdir()),
            "conffile": host.text("/etc/djigzo/djigzo.properties"),
            "drop-ins": sorted(str(path.relative_to(host.root)) for path in drop_ins),
            "takes mail": host.takes_mail,
            "left": sorted(name if name == "claim" else "RUN" for name in listed),
        }


UNITS = ("rsyslog", "djigzo", "ciphermail-gateway-backend", "postfix")


def is_new(tale: Tale) -> bool:
    world = tale.world()
    unit = world["units"]["ciphermail-gateway-backend"]
    return (
        f"djigzo ii {NEW}{tale.host.kind.release}" in world["packages"]
        and unit == "active"
        and bool(world["takes mail"])
    )


# timeout(1) itself, whose hour is over as soon as something there says that it hangs: its timer is SIGALRM.
_IMPATIENT = """#!/bin/sh
/usr/bin/timeout "$@" &
while kill -0 $! 2>/dev/null; do
  if test -e /tmp/hangs; then rm -f /tmp/hangs; kill -ALRM $!; fi
  sleep 0.1
done
wait $!
"""
HANGS = "touch /tmp/hangs"


def impatient(host: PackageHost) -> None:
    """What says HANGS there is ended as after an hour."""
    (host.root / "tmp").chmod(0o1777)
    (host.root / "usr/local/sbin/timeout").write_text(_IMPATIENT)
    (host.root / "usr/local/sbin/timeout").chmod(0o755)


def failing(folder: Path, scripts: dict[str, dict[str, str]], kind: Kind = DEBIAN) -> Path:
    """The new release, with other maintainer scripts."""
    folder.mkdir()
    for stub in new_stubs(scripts):
        (build_deb if kind.format == "deb" else build_rpm)(stub, folder)
    return folder


def needing_another(folder: Path, host: PackageHost, name: str = "ciphermail-core-os-no-deps") -> Path:
    """The new release, of which one package needs a package that only the host's repository has."""
    new = failing(folder, {}, host.kind)
    make = build_deb if host.kind.format == "deb" else build_rpm
    for path in new.glob(f"{name}[-_]5*.{host.kind.format}"):
        path.unlink()
    shutil.rmtree(next(new.glob(f".{name}-5*")))
    make(replace(next(stub for stub in new_stubs() if stub.name == name), depends="another"), new)
    repository = host.root / "repository"
    repository.mkdir()
    make(Stub("another", "1-1"), repository)
    if host.kind.format == "deb":
        scanned = subprocess.run(["dpkg-scanpackages", "."], cwd=repository, check=True, capture_output=True)
        (repository / "Packages").write_bytes(scanned.stdout)
        (host.root / "etc/apt").mkdir()
        (host.root / "etc/apt/sources.list").write_text("deb [trusted=yes] copy:/repository ./\n")
    else:
        subprocess.run(["createrepo_c", "--quiet", str(repository)], check=True)
        (host.root / "etc/yum.repos.d").mkdir()
        text = "[own]\nname=own\nbaseurl=file:///repository\ngpgcheck=0\n"
        (host.root / "etc/yum.repos.d/own.repo").write_text(text)
    return new


def forth_and_back_with_another(tale: Tale, new: Path, away: Callable[[], object]) -> Told:
    """A set that needs another package: refused (that is the answer), else with the host's repository, and undone.

    It is fetched before anything stops: `away` takes the repository away before anything is installed.
    """
    before = tale.world()
    refused = tale.update(packages=new)
    assert refused.status == REFUSED
    assert "dependencies: needed, and not on the host: another" in refused.err
    told = tale.update("--from-repository", packages=new, stop=("SIGKILL", "after", ("done", "copy")))
    away()
    assert told.status == KILLED, told.err
    assert tale.world()["packages"] == before["packages"]
    told = tale("resume", tale.run_id)
    assert told.status == DONE, told.err
    assert is_new(tale)
    assert any(line.startswith("another ii 1-1") for line in tale.world()["packages"])
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before
    return refused
