"""Arguments and options of the commands that begin a run, or name one."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vmmigrate.commands.options import Config
from vmmigrate.settings.folders import run_ids, runs_folder

Old = Annotated[
    str, typer.Argument(metavar="OLD", help="The old virtual machine, by name or UUID.", show_default=False)
]
Image = Annotated[
    Path,
    typer.Argument(metavar="IMAGE", help="The new release's image: OVA, OVF, qcow2, raw or VMDK.", show_default=False),
]


def matching_runs(incomplete: str) -> list[str]:
    """For the shell's completion: matching runs, the newest first."""
    with suppress(OSError):  # a folder that cannot be read completes nothing
        return [run for run in reversed(run_ids(runs_folder(os.environ))) if run.startswith(incomplete)]
    return []


RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run's id, as `vmmigrate status` lists it.",
        show_default=False,
        autocompletion=matching_runs,
    ),
]
Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        "-c",
        metavar="URL",
        help="The hypervisor: qemu:///system, qemu+ssh://…, vsphere://…, hyperv+ssh://…",
    ),
]
Store = Annotated[str | None, typer.Option("--store", help="The storage pool or datastore for the new disk.")]
Staging = Annotated[str | None, typer.Option("--staging", help="The staging network, which this workstation reaches.")]
Name = Annotated[
    str | None,
    typer.Option("--name", help="The new virtual machine's name. [default: OLD-RUN]"),
]
OldAddress = Annotated[str | None, typer.Option("--old-address", help="The old gateway's address.")]
Sha256 = Annotated[str | None, typer.Option("--sha256", metavar="DIGEST", help="The image's SHA-256, as published.")]
BackupFile = Annotated[Path | None, typer.Option("--backup-file", help="Use this archive, exported by hand.")]
Agreed = Annotated[Path | None, typer.Option("--plan", help="A plan made earlier: refuse if it no longer holds.")]
Queue = Annotated[
    str | None,
    typer.Option("--queue", metavar="carry|leave|refuse", help="What becomes of mail that waits in the old gateway."),
]
Drain = Annotated[
    float | None,
    typer.Option("--drain", metavar="SECONDS", help="How long mail under way is delivered before the switch."),
]
Accept = Annotated[
    str | None,
    typer.Option("--accept", metavar="ID,…", help="What may stay otherwise than it should be, by its id."),
]
Budget = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Go back where no mail is taken for longer before it is open: 60s, 2m."),
]
AcceptOutage = Annotated[
    bool,
    typer.Option(
        "--accept-outage",
        help="Where the old gateway changes to the last, prepare once more, its intake closed: no mail for minutes.",
    ),
]
TestMail = Annotated[
    str | None,
    typer.Option(
        "--test-mail",
        metavar="[FROM,]TO",
        help="Hand the new gateway one message once it is open, and say what became of it.",
    ),
]
Outgoing = Annotated[
    str | None,
    typer.Option(
        "--outgoing",
        metavar="named,HOST:PORT,…",
        help="Servers that must answer before the switch: those in the new gateway's settings; others.",
    ),
]
TrustStaging = Annotated[bool, typer.Option("--trust-staging", help="INSECURE: trust the new VM's host key as seen.")]


@dataclass(frozen=True)
class Given:
    """The options of `migrate` and `plan` beside OLD and IMAGE."""

    config: Config = None
    connect: Connect = None
    store: Store = None
    staging: Staging = None
    name: Name = None
    old_address: OldAddress = None
    sha256: Sha256 = None
    backup_file: BackupFile = None
    queue: Queue = None
    drain: Drain = None
    accept: Accept = None
    budget: Budget = None
    accept_outage: AcceptOutage = False
    outgoing: Outgoing = None
    test_mail: TestMail = None
    trust_staging: TrustStaging = False

    def flags(self) -> dict[str, Any]:
        """By the paths of their settings; None means not given."""
        return {
            "hypervisor": {"url": self.connect, "store": self.store},
            "old": {"address": self.old_address},
            "new": {"staging": self.staging, "name": self.name, "trust_staging": self.trust_staging or None},
            "image": {"sha256": self.sha256},
            "backup": {"file": self.backup_file},
            "mail": {"queue": self.queue, "test": self.test_mail},
            "limits": {"drain": self.drain},
            "switch": {
                "accept": self.accept,
                "budget": self.budget,
                "accept_outage": self.accept_outage or None,
                "outgoing": self.outgoing,
            },
        }
