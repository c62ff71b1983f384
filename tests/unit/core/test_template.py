"""The template holds every setting, can be read, and changes nothing as it is; the schema says the same."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from vmmigrate.cli import app
from vmmigrate.settings.load import load
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SecretSource
from vmmigrate.settings.template import template

SETTING = re.compile(r"^#(?=\w+ = )", re.MULTILINE)


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, (*path, name))
        else:
            yield (*path, name)


def models() -> Iterator[type[BaseModel]]:
    waiting: list[type[BaseModel]] = [Settings]
    while waiting:
        model = waiting.pop()
        yield model
        kinds = (field.annotation for field in model.model_fields.values())
        waiting += [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def test_as_it_is_it_says_nothing() -> None:
    assert Settings.model_validate(tomllib.loads(template())) == Settings()


def test_with_every_line_switched_on_it_is_valid_and_holds_every_setting() -> None:
    data = tomllib.loads(SETTING.sub("", template()))
    Settings.model_validate(data)
    for path in leaves(Settings):
        value = data
        for name in path:
            assert name in value, ".".join(path)
            value = value[name]


def test_what_stands_there_is_the_default_where_there_is_one() -> None:
    data = Settings.model_validate(tomllib.loads(SETTING.sub("", template())))
    for path in leaves(Settings):
        default, switched_on = Settings(), data
        for name in path:
            default, switched_on = getattr(default, name), getattr(switched_on, name)
        assert default in (None, {}) or default == switched_on, ".".join(path)


@pytest.mark.parametrize("model", [*models(), SecretSource], ids=lambda model: model.__name__)
def test_each_setting_says_what_it_is(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            assert field.description, f"{model.__name__}.{name}"
            assert field.description.endswith((".", "…", ")")), field.description
            assert field.default not in (None, ()) or field.examples or SecretSource in get_args(field.annotation), (
                f"{model.__name__}.{name} shows neither a default nor an example"
            )
    assert model.__doc__


def test_each_kind_of_source_is_shown_with_a_valid_example() -> None:
    shown = re.findall(r"^#   (\{.*?\}) ", template(), re.MULTILINE)
    sources = [SecretSource.model_validate(tomllib.loads(f"it = {each}")["it"]) for each in shown]
    assert [next(iter(source.model_dump(exclude_defaults=True))) for source in sources] == list(
        SecretSource.model_fields
    )


def test_the_lines_fit_a_screen() -> None:
    assert [line for line in template().splitlines() if len(line) > 120] == []


# ---- the commands ----------------------------------------------------------------------------------------------------


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(app, ["config", "template"])
    assert (result.exit_code, result.stdout) == (0, template())


def test_the_schema_is_one_and_describes_each_setting() -> None:
    result = CliRunner().invoke(app, ["config", "schema"])
    schema = json.loads(result.stdout)
    assert result.exit_code == 0
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["$defs"]["OldSettings"]["properties"]["smtp_port"]["description"] == "Its SMTP port."


def test_a_good_file_is_good(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(template())
    result = CliRunner().invoke(app, ["config", "check", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file}: ok\n")
    assert load(file, {}, {}) == Settings()


def test_it_is_named_as_every_other_command_names_it(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("")
    checked = CliRunner().invoke(app, ["config", "check", "--config", str(file)])
    assert (checked.exit_code, checked.stdout) == (0, f"{file}: ok\n")
    both = CliRunner().invoke(app, ["config", "check", str(file), "--config", str(file)])
    assert (both.exit_code, both.stderr) == (2, "error: FILE and --config are both given\n  → give one of them\n")


def test_a_bad_one_is_told_with_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[old]\ncolour = 'red'\nsmtp_port = 0\n")
    result = CliRunner().invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert "the configuration has 2 problems" in result.stderr
    assert "old.colour" in result.stderr
    assert "old.smtp_port" in result.stderr
