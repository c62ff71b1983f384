"""The commands about TLS certificates: tls show, tls copy, tls undo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config, Json, Yes
from vmmigrate.commands.terminal import confirm, echo, show_result

if TYPE_CHECKING:
    from vmmigrate.parts import Parts

app = typer.Typer(
    help="Show a gateway's certificates, copy them to another gateway, undo the copy.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Old = Annotated[str, typer.Argument(metavar="OLD", help="The gateway that has the certificates.", show_default=False)]
New = Annotated[str, typer.Argument(metavar="NEW", help="The gateway that gets them.", show_default=False)]
Restored = Annotated[
    str,
    typer.Argument(metavar="NEW", help="The gateway whose previous certificates are restored.", show_default=False),
]
Web = Annotated[bool, typer.Option("--web", help="Only the console's.")]
Smtp = Annotated[bool, typer.Option("--smtp", help="Only Postfix's.")]


@app.command()
def show(
    where: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="A gateway, or one of its ports.")],
    via: Annotated[
        str | None,
        typer.Option("--via", metavar="SIDE", help="Through the jump host in old.via or new.via: give old or new."),
    ] = None,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the certificates of a gateway's console and SMTP ports, without a log-in. Nothing is changed.

    Examples: vmmigrate tls show mailgw.example.test · vmmigrate tls show 192.0.2.10:25 --via old
    """
    import json as writer
    from datetime import UTC, datetime

    from vmmigrate.alone import tls_show

    if via not in (None, "old", "new"):
        raise typer.BadParameter("give old or new", param_hint="--via")
    if config and not via:
        raise typer.BadParameter("goes with --via", param_hint="--config")

    def act(parts: "Parts", settings: Any) -> None:
        host, port = tls_show.parse(where)
        with tls_show.through(via, settings, parts) as dial:
            seen = tls_show.look(host, port, datetime.now(UTC), dial)
        echo([writer.dumps(tls_show.to_json(host, seen))] if json else tls_show.lines(host, seen))

    carry_out(act, json=json, config=config, flags={} if via else None)


@app.command()
def copy(
    old: Old,
    new: New,
    web: Web = False,
    smtp: Smtp = False,
    config: Config = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Copy certificates and keys from OLD to NEW. A TLS handshake proves that NEW shows them.

    Both are reached over SSH, with the settings old.ssh and new.ssh of vmmigrate.toml. If a handshake fails, NEW's
    previous certificates are restored.

    Example: vmmigrate tls copy 192.0.2.10 192.0.2.11
    """
    from vmmigrate.alone import tls_copy

    def act(parts: "Parts", settings: Any) -> None:
        with tls_copy.gateways(settings, parts) as (at_old, at_new):
            giving, taking = at_old(old), at_new(new)
            found = tls_copy.look(giving, taking, web=web or not smtp, smtp=smtp or not web)
            show_result(tls_copy.lines(found, old, new), tls_copy.compared_json(found, old, new), json=json)
            if not yes and found.change:
                confirm(f"Replace them on {new} now?")
            with tls_copy.saying(parts, "copy", "Copy certificates and keys") as say:
                proved = tls_copy.carry_out(taking, found, say)
            show_result(list(proved), tls_copy.copied_json(found, old, new, proved), json=json)

    carry_out(act, json=json, config=config, flags={})


@app.command()
def undo(new: Restored, config: Config = None, json: Json = False) -> None:
    """Restore what NEW had before the last copy, byte for byte.

    Example: vmmigrate tls undo 192.0.2.11
    """
    from vmmigrate.alone import tls_copy

    def act(parts: "Parts", settings: Any) -> None:
        with tls_copy.gateways(settings, parts) as (_, at_new):
            with tls_copy.saying(parts, "undo", "Restore the previous certificates and keys") as say:
                paths = tls_copy.undo(at_new(new), say)
            nothing = [] if paths else [f"{new} has nothing saved from before a copy: there is nothing to restore"]
            show_result(nothing, tls_copy.undone_json(new, paths), json=json)

    carry_out(act, json=json, config=config, flags={})
