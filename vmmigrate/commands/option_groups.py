"""Share options between commands: written once, as the fields of a dataclass, and passed as one value."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Show the fields of each dataclass parameter to typer as options of the command."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}

    @functools.wraps(command)
    def called(**given: Any) -> None:
        for name, group in groups.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(group)}
            given[name] = group(**own)  # type: ignore[operator]  # a class, not one of its instances
        command(**given)

    spread = [
        each
        for name, parameter in inspect.signature(command).parameters.items()
        for each in (_fields(groups[name]) if name in groups else [_keyword(name, hints[name], parameter.default)])
    ]
    called.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]  # what typer reads
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in spread}
    return called


def _fields(group: Any) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        yield _keyword(field.name, hints[field.name], field.default)


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    default = inspect.Parameter.empty if default is dataclasses.MISSING else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
