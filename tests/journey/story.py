"""A process lab with a way to run, kill and resume migrations in it, and to tell two worlds apart."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.appliance import state
from fixtures.processlab import ProcessLab

CHECKOUT = Path(__file__).parents[2]
KILLED = -9


class Child:
    """The preloaded process of tests/journey/child.py, one for a test session."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.journey.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )

    def ask(self, request: Mapping[str, object]) -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status, outcome = json.loads(self._process.stdout.readline())
        return status, outcome

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Story:
    """One lab and what happened to it. `die`: ('before' or 'after', number of the record)."""

    lab: ProcessLab
    folder: Path
    child: Child

    def migrate(self, die: tuple[str, int] | None = None, **settings: Any) -> tuple[int, str]:
        lab = self.lab
        given: dict[str, Any] = {
            "hypervisor": {"store": lab.store},
            "old": {
                "address": lab.address,
                "smtp_port": lab.smtp_port,
                "ssh": {"port": lab.ssh_port, "host_key": lab.host_key},
            },
            "new": {"staging": lab.staging, "ssh": {"port": lab.ssh_port}},
            "limits": {"drain": 0.3, "network": 5, "boot": 10, "restart": 10, "answer": 2},
        }
        for section, values in settings.items():
            given[section] = {**given.get(section, {}), **values}
        return self._ask(verb="migrate", old=lab.old_name, image=str(lab.image), settings=given, die=die)

    def resume(self, die: tuple[str, int] | None = None) -> tuple[int, str]:
        return self._ask(verb="resume", run=self.run_id, die=die)

    def rollback(self, die: tuple[str, int] | None = None, **options: Any) -> tuple[int, str]:
        return self._ask(verb="rollback", run=self.run_id, die=die, **options)

    def finish(self) -> tuple[int, str]:
        return self._ask(verb="finish", run=self.run_id)

    @property
    def run_id(self) -> str:
        return sorted(path.name for path in (self.folder / "runs").iterdir())[-1]

    @property
    def journal(self) -> list[dict[str, Any]]:
        lines = (self.folder / "runs" / self.run_id / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def world(self) -> dict[str, Any]:
        """All there is, without what differs between any two runs: ids, MACs of staging, leases, times."""
        self.lab.settle()
        vms = state.read(self.lab.folder)[1]["vms"]
        known = {vm["name"]: self._vm(identity, vm) for identity, vm in vms.items()}
        return {("old" if name == self.lab.old_name else "new"): vm for name, vm in known.items()}

    def conflicts(self) -> list[str]:
        """Each time two live guests bore one identity."""
        return self.lab.conflicts()

    # ---- within --------------------------------------------------------------------------------------------

    def _ask(self, **request: Any) -> tuple[int, str]:
        lab = self.lab
        secrets = {
            "VMMIGRATE_OLD_CONSOLE_PASSWORD": lab.admin_old.password,
            "VMMIGRATE_OLD_SSH_PASSWORD": lab.sa_old.password,
            "VMMIGRATE_NEW_CONSOLE_PASSWORD": lab.admin_fresh.password,
            "VMMIGRATE_NEW_SSH_PASSWORD": lab.sa_fresh.password,
        }
        return self.child.ask({**request, "lab": str(lab.folder), "folder": str(self.folder), "secrets": secrets})

    def _vm(self, identity: str, vm: dict[str, Any]) -> dict[str, Any]:
        kept = ("power", "vcpus", "memory", "machine", "domain_type", "autostart", "complete", "booted")
        root = Path(self.lab.root_of(identity).at("/"))
        return {
            **{key: vm[key] for key in kept},
            "notes": self._anonymous(vm["notes"]),
            "nics": [(nic["network"], nic["link_up"], nic["stored_link_up"]) for nic in vm["nics"]],
            "volumes": len(vm["volumes"]),
            "files": {name: self._anonymous(text) for name, text in self._files(root)},
        }

    def _files(self, root: Path) -> list[tuple[str, str]]:
        """What the program could have changed in a guest. PKCS#12 is salted: only that it is there."""
        found = []
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if not path.is_file() or VOLATILE.search(name):
                continue
            data = b"" if name.endswith(".p12") else path.read_bytes()
            found.append((name, data.decode(errors="replace")))
        return found

    def _anonymous(self, text: str) -> str:
        text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
        text = text.replace(self.lab.lan_net, "LAN.").replace(self.lab.staging_net, "STAGING.")
        return re.sub(r"STAGING\.\d+", "STAGING.N", text)


VOLATILE = re.compile(r"boot_id$|ssh_host_|^run/|^tmp/|/log/|sessions|\.pid$")
