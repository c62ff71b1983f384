"""What an operator asks of an update: which host, which packages, and how far it may go."""

from dataclasses import dataclass
from pathlib import Path

from vmmigrate.updating.logs import Limits


@dataclass(frozen=True)
class Request:
    """`sums`: a SHA256SUMS file that must name every package of the folder `packages`.

    `key`: a file with the public key by which each must be signed, or `sums`. `vm`: the virtual machine that the host
    is, by name or id, of which a snapshot is to be made. `old_packages`: a folder with the installed release's
    packages, which are held to the same. `no_way_back`: also where none of those is left.
    """

    host: str
    packages: Path
    sums: Path | None = None
    key: Path | None = None
    vm: str | None = None
    old_packages: Path | None = None
    no_way_back: bool = False
    log_limits: Limits | None = None
    from_repository: bool = False
    pam: bool | None = None
