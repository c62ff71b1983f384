"""A dataclass of options is, to typer, those options; to the command, one value."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer
import typer.main
from typer.testing import CliRunner

from vmmigrate.cli import app
from vmmigrate.commands.option_groups import grouped

seen: list[object] = []


@dataclass(frozen=True)
class Where:
    """Two options."""

    city: Annotated[str, typer.Option("--city", "-c", help="A city.")] = "Delft"
    floor: Annotated[int | None, typer.Option("--floor", min=0)] = None


@grouped
def visit(whom: Annotated[str, typer.Argument()], where: Where, long: bool = False) -> None:
    """Go there."""
    seen.append((whom, where, long))


@grouped
def leave(where: Where) -> None:
    """Leave it."""
    seen.append(where)


def runner() -> typer.Typer:
    fresh = typer.Typer(rich_markup_mode=None)
    fresh.command()(visit)
    fresh.command()(leave)
    return fresh


def test_each_command_gets_its_own_value() -> None:
    seen.clear()
    for arguments in (["visit", "Anna", "-c", "Gouda", "--floor", "3", "--long"], ["leave"]):
        assert CliRunner().invoke(runner(), arguments).exit_code == 0
    assert seen == [("Anna", Where("Gouda", 3), True), Where()]


def test_the_help_shows_them_in_place() -> None:
    words = " ".join(CliRunner().invoke(runner(), ["visit", "--help"]).stdout.split())
    assert "Go there." in words
    assert words.index("--city") < words.index("--floor") < words.index("--long")


def test_what_typer_checks_is_checked() -> None:
    result = CliRunner().invoke(runner(), ["leave", "--floor", "-1"])
    assert result.exit_code == 2


def options(*names: str) -> set[str]:
    command: Any = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


def test_those_that_visit_a_console_have_the_same_options() -> None:
    visitor = {"--user", "--password-file", "--ca-file", "--fingerprint", "--profile"}
    both = options("backup", "export") & options("backup", "import")
    assert both == {"url", *visitor, "--backup-password-file", "--force", "--json"}
    assert visitor | {"--json"} <= options("probe")


def test_those_about_certificates_have_the_same_options() -> None:
    three = [options("tls", name) for name in ("show", "copy", "undo")]
    assert set.intersection(*three) == {"--config", "--json"}


def test_migrate_and_plan_have_the_same_options() -> None:
    assert options("migrate") - options("plan") == {"--plan", "--yes", "-y"}
    assert options("plan") - options("migrate") == {"--output", "-o"}
