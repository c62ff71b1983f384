"""Read what others may have written: a file up to its limit, JSON and TOML however deep, what a system is."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from hypervisors import Limit

ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")  # what useradd takes, and no option (useradd(8), CAVEATS)


def data(path: Path, limit: Limit) -> bytes:
    """All of it. Raises ValueError for more than the limit, OSError."""
    with path.open("rb") as file:
        found = file.read(limit.most + 1)
    if len(found) > limit.most:
        raise ValueError(f"it has more than {limit.most >> 10} KiB, which is the limit for {limit.what}")
    return found


def text(path: Path, limit: Limit) -> str:
    """The same, decoded. Raises UnicodeDecodeError, which is a ValueError, too."""
    return data(path, limit).decode()


def from_json(said: str | bytes) -> Any:
    """Raises ValueError, also for what is nested deeper than the parser follows, or is no text."""
    try:
        return json.loads(said)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def from_toml(said: str) -> dict[str, Any]:
    """Raises ValueError, also for what is nested deeper than the parser follows."""
    try:
        return tomllib.loads(said)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def os_release(said: str) -> dict[str, str]:
    """The values of an `/etc/os-release`, without their quotes."""
    pairs = (line.partition("=") for line in said.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def whole(said: str) -> int | None:
    """A whole number of 18 ASCII digits at most, else None: int() raises for thousands, and reads other scripts'."""
    return int(said) if re.fullmatch(r"[0-9]{1,18}", said) else None
