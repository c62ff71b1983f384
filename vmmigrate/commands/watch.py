"""The command `watch`: ask a gateway's services from outside, and say when and for how long they did not answer."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Json
from vmmigrate.commands.terminal import echo, show_result

if TYPE_CHECKING:
    from vmmigrate.alone.watch import Turn
    from vmmigrate.parts import Parts


def watch(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The gateway, by name or address.", show_default=False)],
    ask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:PORT",
            help="What to ask: smtp, starttls, smtps or https, each with its port; may be repeated."
            " [default: smtp:25, and of starttls:25, smtps:465, starttls:587, https:443, https:8443 those that answer]",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=0.0, help="How long. [default: until Ctrl-C]", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Ask HOST's services again and again, as their clients do, and show when they do not answer, and for how long.

    The SMTP greeting four times a second, certificates every two seconds; nothing else is sent, and no log-in is made.
    Exit code 3 if a service does not answer at the end.

    Example: vmmigrate watch mail.example.com --ask smtp:25 --ask smtp:587 --ask https:8443
    """
    from vmmigrate.alone import watch as watching
    from vmmigrate.show import watch as lines
    from vmmigrate.show.jsonlines import JsonLines
    from vmmigrate.watch.asking import service_of

    def hear(turn: "Turn") -> None:
        if json:
            JsonLines(sys.stdout).write(lines.turn_json(turn))
        else:
            echo([lines.turn_line(turn)])

    def act(parts: "Parts", _: Any) -> None:
        services = tuple(dict.fromkeys(service_of(text) for text in ask or ()))
        watched = watching.watch(host, services, parts, hear, seconds=seconds)
        show_result(lines.watched_lines(watched), lines.watched_json(watched), json=json)
        watching.refuse_silent(watched)

    carry_out(act, json=json)
