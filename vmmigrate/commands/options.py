"""Options and arguments that several commands have."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vmmigrate.alone.visit import Visit
    from vmmigrate.run.stage import Discard

Config = Annotated[
    Path | None, typer.Option("--config", help="A vmmigrate.toml. [default: here, then ~/.config/vmmigrate]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON line per event.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The console: https://HOST:8443/ciphermail, or a host, on which it is searched for.",
        show_default=False,
    ),
]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="An administrator of the console.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="The console's password, readable only by you (0600). [default: VMMIGRATE_CONSOLE_PASSWORD, else asked]",
    ),
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", metavar="PEM", help="Trust certificates of these authorities.")
]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        "--fingerprint",
        metavar="SHA256",
        help="Trust exactly this certificate (SHA-256), even if expired or issued for another name.",
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile", metavar="TOML", help="What discovery cannot find out, as an earlier `vmmigrate probe` wrote it."
    ),
]
BackupPasswordFile = Annotated[
    Path | None,
    typer.Option("--backup-password-file", metavar="FILE", help="The archive's password, readable only by you (0600)."),
]


@dataclass(frozen=True)
class Visitor:
    """The account and the trust for one console: the options of these commands beside the URL."""

    user: User = "admin"
    password_file: PasswordFile = None
    ca_file: CaFile = None
    fingerprint: Fingerprint = None
    profile: ProfileFile = None

    def to(self, url: str) -> "Visit":
        """Raises UsageProblem if it is not a URL."""
        from vmmigrate.alone.visit import Visit

        return Visit(url, self.user, self.password_file, self.ca_file, self.fingerprint, self.profile)


@dataclass(frozen=True)
class Discarded:
    """What may be lost with a new VM that was live: options of the commands that delete one."""

    discard_mail: Annotated[
        str,
        typer.Option(
            metavar="N", help="Delete the new VM with exactly N messages in it; `unseen`: with what nobody can count."
        ),
    ] = ""
    discard_settings: Annotated[
        str, typer.Option(metavar="N", help="The same for users, certificates, keys and settings made in it.")
    ] = ""

    def permitted(self) -> "Discard":
        """Raises UsageProblem for what is neither a number nor `unseen`."""
        from vmmigrate.errors import UsageProblem
        from vmmigrate.run.stage import UNSEEN, Discard

        for name, value in (("mail", self.discard_mail), ("settings", self.discard_settings)):
            if value and value != UNSEEN and not (value.isascii() and value.isdecimal()):
                raise UsageProblem(
                    f"--discard-{name} {value!r} is neither a number nor {UNSEEN!r}",
                    hint="run it without: it then says how much there is",
                )
        return Discard(self.discard_mail, self.discard_settings)
