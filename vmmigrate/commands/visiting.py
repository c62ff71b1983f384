"""The options of the commands that visit one console, and what they make."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vmmigrate.visit import Visit

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The console: https://HOST:8443/ciphermail, or a host, on which it is looked for.",
        show_default=False,
    ),
]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="An administrator of the console.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="Holds the console's password, for you alone (0600). [default: VMMIGRATE_CONSOLE_PASSWORD, else asked]",
    ),
]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", metavar="PEM", help="Believe certificates of these authorities.")
]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", metavar="SHA256", help="Believe this certificate alone, whatever it says."),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="TOML", help="What discovery cannot find out (`vmmigrate probe` writes it)."),
]
BackupPasswordFile = Annotated[
    Path | None,
    typer.Option("--backup-password-file", metavar="FILE", help="Holds the archive's password, for you alone (0600)."),
]


def visit(
    url: str,
    user: str,
    password_file: Path | None,
    ca_file: Path | None,
    fingerprint: str | None,
    profile: Path | None,
) -> "Visit":
    from vmmigrate.visit import Visit

    return Visit(url, user, password_file, ca_file, fingerprint, profile)
