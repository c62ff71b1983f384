"""A plan's file: written by `plan`, read by `migrate --plan`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmmigrate.model import Plan


def write_plan(path: Path, text: str) -> None:
    from vmmigrate.errors import UsageProblem

    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise UsageProblem(
            f"{path} cannot be written: {error.strerror}", hint="give another path with -o FILE"
        ) from error


def read_plan(path: Path) -> "Plan":
    from vmmigrate import limits, reading
    from vmmigrate.errors import UsageProblem
    from vmmigrate.model import plan_from_json

    hint = "make one: vmmigrate plan OLD IMAGE -o FILE"
    try:
        return plan_from_json(reading.text(path, limits.PLAN))
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is not a plan that this version can read", hint=hint) from error
