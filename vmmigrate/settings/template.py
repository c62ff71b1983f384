"""A commented vmmigrate.toml with every setting, its default or an example, and its meaning; from the models."""

import textwrap
from collections.abc import Iterator
from typing import Any, get_args

import tomlkit
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vmmigrate.settings.load import ENV_PREFIX
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SecretSource

_WIDTH = 100
_HEAD = f"""\
All settings. A line like #name = value is a setting: remove the # to set it. The value shown is its \
default, or an example if the text says what happens when it is left out.

The file is vmmigrate.toml in the current folder, else in ~/.config/vmmigrate. Each setting is a variable too \
(old.ssh.port: {ENV_PREFIX}OLD__SSH__PORT), and the common ones are options. An option overrides a variable, a \
variable overrides the file. One in the current folder that names a source of a password is given with --config.

`vmmigrate init OLD` asks for what is needed, tries it and writes this file.

A password is never in this file, only its source. One of:"""


def template() -> str:
    lines = [*_comment(_HEAD), *_sources()]
    for name, model in _tables(Settings):
        lines += ["", "", *_comment(_purpose(model)), f"[{name}]"]
        for key, field in model.model_fields.items():
            if not _is_table(field):
                lines += ["", *_comment(str(field.description)), f"#{key} = {_value(field)}"]
    return "\n".join(lines) + "\n"


def _tables(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each table of the file by its name, a parent before its children."""
    for key, field in model.model_fields.items():
        if _is_table(field):
            inner: type[BaseModel] = field.annotation  # type: ignore[assignment]  # checked by _is_table
            yield ".".join((*path, key)), inner
            yield from _tables(inner, (*path, key))


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _value(field: FieldInfo) -> str:
    """Its default as TOML; without a default, its example."""
    if SecretSource in get_args(field.annotation):
        return "{ prompt = true }"
    return _toml(field.default if field.default not in (None, {}) else (field.examples or ["…"])[0])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return str(table.as_string())
    return str(tomlkit.item(value).as_string())


def _sources() -> Iterator[str]:
    for key, field in SecretSource.model_fields.items():
        assert field.examples is not None
        source = f"{{ {key} = {_toml(field.examples[0])} }}"
        yield f"#   {source:<36} {field.description}"


def _purpose(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _comment(text: str) -> list[str]:
    wrapped = [line for part in text.splitlines() for line in textwrap.wrap(part, _WIDTH) or [""]]
    return [f"# {line}".rstrip() for line in wrapped]
