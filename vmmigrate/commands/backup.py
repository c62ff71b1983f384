"""The commands for one backup without a migration: export, import, inspect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.option_groups import grouped
from vmmigrate.commands.options import BackupPasswordFile, Json, Url, Visitor, Yes
from vmmigrate.commands.terminal import confirm, show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

app = typer.Typer(
    help="Export a console's backup, inspect one, import one.", no_args_is_help=True, rich_markup_mode=None
)
Archive = Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)]


@app.command("export")
@grouped
def export(
    url: Url,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it, readable only by you (0600).")
    ],
    visitor: Visitor,
    backup_password_file: BackupPasswordFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    json: Json = False,
) -> None:
    """Make the console create a backup, and write it to FILE.

    FILE appears complete or not at all. With --backup-password-file the console encrypts it; another release may
    then not be able to read it.

    Example: vmmigrate backup export mail.example.com -o mail.tar.gz --ca-file ca.pem
    """
    from vmmigrate.alone import backup as backups
    from vmmigrate.show import backup as backup_lines

    def act(parts: "Parts", _: Any) -> None:
        written = backups.export(visitor.to(url), output, backup_password_file, parts, force=force)
        show_result(backup_lines.written_lines(written), backup_lines.written_json(written), json=json)

    carry_out(act, json=json)


@app.command("import")
@grouped
def import_(
    url: Url,
    file: Archive,
    visitor: Visitor,
    backup_password_file: BackupPasswordFile = None,
    force: Annotated[bool, typer.Option("--force", help="Send FILE although its format is unknown.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make the console restore FILE, which overwrites all its settings.

    This cannot be undone, and the system must be restarted afterwards.

    Example: vmmigrate backup import https://mail.example.com:8443/ciphermail mail.tar.gz
    """
    from vmmigrate.alone import backup as backups
    from vmmigrate.show import backup as backup_lines

    def act(parts: "Parts", _: Any) -> None:
        console = visitor.to(url)
        archive = backups.importable(file, backup_password_file, parts, force=force)
        if not yes:
            confirm(backup_lines.import_question(archive, url))
        where = backups.import_backup(console, archive, backup_password_file, parts)
        show_result(backup_lines.imported_lines(archive, where), backup_lines.imported_json(archive, where), json=json)

    carry_out(act, json=json)


@app.command("inspect")
def inspect(
    file: Archive,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="The archive's password, readable only by you (0600)."),
    ] = None,
    json: Json = False,
) -> None:
    """Show the format of FILE, whether it opens, and its content. Nothing is unpacked to the disk.

    Example: vmmigrate backup inspect mail.tar.gz
    """
    from vmmigrate.alone import backup as backups
    from vmmigrate.show import backup as backup_lines

    def act(parts: "Parts", _: Any) -> None:
        seen = backups.inspect(file, password_file, parts)
        show_result(backup_lines.inspected_lines(seen), backup_lines.inspected_json(seen), json=json)
        backups.refuse_unopened(seen)

    carry_out(act, json=json)
