"""Settings from the file, the environment and the flags, checked all at once; each problem in words."""

import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ValidationError

from vmmigrate import limits, reading
from vmmigrate.errors import UsageProblem
from vmmigrate.invalid import plain
from vmmigrate.settings.given import NO_FILE, Given
from vmmigrate.settings.here import HERE, refuse_foreign, refuse_secrets
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SOURCE, TEXT

ENV_PREFIX = "VMMIGRATE_"


def load(file: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Flags over environment over file; without `file`, the default one if it exists.

    Raises UsageProblem that lists every problem with its path.
    """
    return _validated(file or default_file(), _merged(read_given(file, environ).data, flags), environ)


def read_given(file: Path | None, environ: Mapping[str, str]) -> Given:
    """What file and environment say, unchecked; without `file`, the default one if it exists. Raises UsageProblem."""
    path = _chosen(file)
    read = _read_toml(path) if file not in (None, NO_FILE) or (file is None and path.exists()) else {}
    if file is None and path == HERE:
        refuse_secrets(path, read, environ, own_file())
    return Given(str(path.absolute()) if read else "", _merged(read, _from_environment(environ)))


def _validated(path: Path, data: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise _problems(path, error, environ) from error


def _chosen(file: Path | None) -> Path:
    """That file; without one, the default one. Raises UsageProblem for one here that others can have put there."""
    path = file or default_file()
    if file is None and path == HERE:
        refuse_foreign(path)
    return path


def default_file() -> Path:
    """`vmmigrate.toml` here, else in the user's configuration folder."""
    return HERE if HERE.exists() else own_file()


def own_file() -> Path:
    return platformdirs.user_config_path("vmmigrate") / HERE


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return reading.from_toml(reading.text(path, limits.CONFIGURATION))
    except OSError as error:
        there = f"see what is there: ls -ld {shlex.quote(str(path))}"
        missing = "vmmigrate init OLD writes one; or name another file"
        hint = missing if isinstance(error, FileNotFoundError) else "give a file" if path.is_dir() else there
        raise UsageProblem(f"{path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageProblem(
            f"{path}: {error}", hint="this must be TOML; for an example: vmmigrate config template"
        ) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`VMMIGRATE_OLD__SSH__PORT=22` is old.ssh.port; a name without a double underscore is not a setting."""
    data: dict[str, Any] = {}
    for name, value in environ.items():
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        if name.startswith(ENV_PREFIX) and len(path) > 1:
            leaf: Any = value
            for key in reversed(path):
                leaf = {key: leaf}
            data = _merged(data, leaf)
    return data


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge; None in `over` means not given."""
    result = dict(under)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key, {}), Mapping):
            result[key] = _merged(result.get(key, {}), value)
        elif value is not None:
            result[key] = value
    return result


def _problems(file: Path, error: ValidationError, environ: Mapping[str, str]) -> UsageProblem:
    """Each setting by its path, and by its variable if it came from there."""
    lines = []
    for each in error.errors():
        path = tuple(part for part in each["loc"] if part not in (TEXT, SOURCE))
        name = ".".join(map(str, path))
        variables = ", ".join(_set_by(name, environ))
        where = f" ({variables})" if variables else ""
        lines.append(f"{name}{where}: {_in_words(each['type'], each['msg'], path)}")
    many = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
    there = f"in {file}, in the" if file.is_file() else "in the"  # the default one may not be there
    return UsageProblem(
        f"the configuration has {many}:\n  " + "\n  ".join(lines),
        hint=f"fix {'it' if len(lines) == 1 else 'them'} {there} {ENV_PREFIX}… environment or in the options;"
        " all settings: vmmigrate config template",
    )


def _set_by(name: str, environ: Mapping[str, str]) -> list[str]:
    """The variables that set it, or what is in it, or what it is in."""
    variable = f"{ENV_PREFIX}{name.replace('.', '__').upper()}__"
    given = {f"{each.upper()}__": each for each in environ if "__" in each}
    return sorted(each for path, each in given.items() if path.startswith(variable) or variable.startswith(path))


def _in_words(kind: str, message: str, path: tuple[int | str, ...]) -> str:
    if kind == "extra_forbidden" and path[:2] == ("new", "properties"):
        return "there is no such source of a secret; a key with dots must be in quotes"
    if kind == "extra_forbidden":
        near = get_close_matches(str(path[-1]), _beside(path), n=1)
        return "there is no such setting" + (f"; is it {'.'.join(map(str, (*path[:-1], *near)))}?" if near else "")
    if kind == "string_pattern_mismatch" and path[-1:] == ("sha256",):
        return "give 64 hexadecimal digits"
    if path[-2:] == ("via", "url"):
        return "give it as ssh://USER@HOST:PORT"
    return plain(kind, message)


def _beside(path: tuple[int | str, ...]) -> list[str]:
    """The names of the settings in the same table."""
    table: Any = Settings()
    for part in path[:-1]:
        table = getattr(table, str(part), None)
    return list(type(table).model_fields) if isinstance(table, BaseModel) else []
