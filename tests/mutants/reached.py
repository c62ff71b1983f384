"""Which tests come to the places that mutants change: found out once, by a run of the quick tests with marks there."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_WHERE = "VMMIGRATE_MUTANTS_REACHED"
_seen: set[tuple[str, str]] = set()


def at(name: str) -> None:
    """Called by a mark: the test that runs came to this mutant's place."""
    test, folder = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0], os.environ.get(_WHERE)
    if not test or not folder or (name, test) in _seen:
        return
    _seen.add((name, test))
    opened = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(opened, f"{test}\n".encode())
    os.close(opened)


def tests_by_mutant(tree: Path, places: Mapping[str, tuple[Path, str]], folder: Path) -> dict[str, list[str]]:
    """The tests by their ids, for each mutant that changes a function. `places`: its file and text. `tree` is used up.

    A process that a test has started before the next one begins counts for the first.
    """
    for path in {path for path, _ in places.values()}:
        here = {name: old for name, (place, old) in places.items() if place == path}
        path.write_text(marked(path.read_text(), here))
    chosen = (
        "-q",
        "-n",
        "2",
        "--dist",
        "worksteal",
        "-p",
        "no:cacheprovider",
        "--tb=no",
        "-m",
        "not lab and not slow and not vsphere",
    )
    environ = {**os.environ, "PYTHONPATH": str(tree), _WHERE: str(folder)}
    subprocess.run([sys.executable, "-m", "pytest", *chosen], cwd=tree, env=environ, check=False, capture_output=True)
    return {path.name: list(dict.fromkeys(path.read_text().splitlines())) for path in folder.iterdir()}


def marked(text: str, changes: Mapping[str, str]) -> str:
    """The file with a mark at the beginning of each function in which one of these texts stands."""
    lines = text.splitlines(keepends=True)
    marks: dict[tuple[int, int], list[str]] = {}
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for name, old in changes.items():
        start = text.index(old) + len(old) - len(old.lstrip())
        if place := _beginning(functions, text.count("\n", 0, start) + 1):
            marks.setdefault(place, []).append(name)
    for (line, column), names in sorted(marks.items(), reverse=True):
        calls = "; ".join(f'__import__("tests.mutants.reached", fromlist=["at"]).at({name!r})' for name in names)
        lines.insert(line - 1, f"{' ' * column}{calls}\n")
    return "".join(lines)


def _beginning(functions: Sequence[ast.FunctionDef], line: int) -> tuple[int, int] | None:
    """Line and column of the first statement in the innermost function whose body has that line."""
    around = [each for each in functions if each.body[0].lineno <= line <= (each.end_lineno or 0)]
    inner = max(around, key=lambda each: each.lineno, default=None)
    if inner is None or inner.body[0].lineno == inner.lineno:
        return None
    has_words = ast.get_docstring(inner, clean=False) is not None and len(inner.body) > 1
    first = inner.body[1 if has_words else 0]
    above = getattr(first, "decorator_list", [])
    return min(each.lineno for each in (first, *above)), first.col_offset
