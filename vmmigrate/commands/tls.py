"""The commands about TLS certificates alone: tls show, tls copy, tls undo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.carrying import Config, Yes, carry_out, confirm, echo

if TYPE_CHECKING:
    from vmmigrate.operations import Parts

app = typer.Typer(
    help="Show a gateway's certificates, copy them to another, undo that.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Old = Annotated[str, typer.Argument(metavar="OLD", help="The gateway that has the certificates.", show_default=False)]
New = Annotated[str, typer.Argument(metavar="NEW", help="The gateway that is to get them.", show_default=False)]
Web = Annotated[bool, typer.Option("--web", help="The console's alone.")]
Smtp = Annotated[bool, typer.Option("--smtp", help="Postfix's alone.")]


@app.command()
def show(
    where: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="A gateway, or one of its ports.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the certificates of a gateway's console and SMTP ports. Nobody logs in, nothing is changed.

    Example: vmmigrate tls show mailgw.example.test
    """
    import json as writer
    from datetime import UTC, datetime

    from vmmigrate import tlsshow

    def act(parts: "Parts", _: Any) -> None:
        host, port = tlsshow.parse(where)
        seen = tlsshow.look(host, port, datetime.now(UTC))
        echo([writer.dumps(tlsshow.to_json(host, seen))] if json else tlsshow.lines(host, seen))

    carry_out(act, json=json)


@app.command()
def copy(old: Old, new: New, web: Web = False, smtp: Smtp = False, config: Config = None, yes: Yes = False) -> None:
    """Copy certificates and keys from OLD to NEW. Proved by handshake: NEW shows them.

    Both are reached over SSH as old.ssh and new.ssh of vmmigrate.toml say. Where a proof fails, NEW's previous ones
    are put back.

    Example: vmmigrate tls copy 192.0.2.10 192.0.2.11
    """
    from vmmigrate import tlscopy

    def act(parts: "Parts", settings: Any) -> None:
        with tlscopy.gateways(settings, parts) as reach:
            giving, taking = reach("old", old), reach("new", new)
            found = tlscopy.look(giving, taking, web=web or not smtp, smtp=smtp or not web)
            echo(tlscopy.lines(found, old, new))
            if not yes and found.change:
                confirm(f"Replace them on {new} now?")
            echo(list(tlscopy.carry_out(taking, found, typer.echo)))

    carry_out(act, json=False, config=config, flags={})


@app.command()
def undo(new: New, config: Config = None) -> None:
    """Put back what NEW had before the last copy, byte for byte.

    Example: vmmigrate tls undo 192.0.2.11
    """
    from vmmigrate import tlscopy

    def act(parts: "Parts", settings: Any) -> None:
        with tlscopy.gateways(settings, parts) as reach:
            if not tlscopy.undo(reach("new", new), typer.echo):
                echo([f"{new} keeps nothing from before a copy: there is nothing to put back"])

    carry_out(act, json=False, config=config, flags={})
