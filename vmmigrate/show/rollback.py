"""Show what a rollback would do, for people and for programs. Pure functions."""

from dataclasses import asdict

from vmmigrate.run.way_back import WayBack


def way_back_lines(seen: WayBack) -> list[str]:
    """What it would take away, and the steps that it would undo, in its order."""
    lines = [seen.words, *(f"  {each}" for each in seen.takes)]
    return [*lines, *(f"  would undo: {title}" for title in seen.undoes), "nothing was changed"]


def way_back_json(run_id: str, seen: WayBack) -> dict[str, object]:
    return {"run_id": run_id, "dry_run": True, **asdict(seen)}
