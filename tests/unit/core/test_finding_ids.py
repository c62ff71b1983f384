"""Each id of a finding or a check has one meaning: it is given in one file and explained on one line of the docs."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from vmmigrate.steps import outgoing

ROOT = Path(__file__).parents[3]
FINDINGS = {"error", "warning", "info", "missing", "warn", "note", "folder", "_date_finding", "Q"}
CHECKS = {"Check", "Comparison"}
ELSEWHERE = ("vmmigrate/appliance/web", "vmmigrate/appliance/rest", "vmmigrate/init")
TABLE = "vmmigrate/plan/preflight.py"  # names the question that gives the id elsewhere


def given(makers: set[str], variable: str = "") -> dict[str, set[str]]:
    """Each id that a call of `makers` has first, or that is set as `variable`, with the files that do."""
    found: dict[str, set[str]] = defaultdict(set)
    for where, node in calls_and_names():
        for word in words(node, makers, variable):
            found[word].add(where)
    return found


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """The garbage collector would go through them again and again in each later test."""
    yield
    calls_and_names.cache_clear()


@cache
def calls_and_names() -> list[tuple[str, ast.AST]]:
    """Of the product, each with its file."""
    return [
        (where, node)
        for path in sorted((ROOT / "vmmigrate").rglob("*.py"))
        if not (where := str(path.relative_to(ROOT))).startswith(ELSEWHERE)
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call | ast.Assign)
    ]


def words(node: ast.AST, makers: set[str], variable: str) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(word)), *_]):
            if name in makers and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word):
                yield word
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(word))):
            if name == variable:
                yield word


def explained(*sections: str) -> list[str]:
    """The ids in the tables of these sections of docs/findings.md."""
    parts = re.split(r"^## ", (ROOT / "docs" / "findings.md").read_text(), flags=re.MULTILINE)
    return [word for part in parts if part.startswith(sections) for word in re.findall(r"^\| `(.+?)` \|", part, re.M)]


def test_each_finding_is_explained_once_and_given_in_one_file() -> None:
    found = given(FINDINGS, "id_")
    assert sorted(explained("Findings")) == sorted(found)
    assert {word: files for word, files in found.items() if len(files - {TABLE}) > 1} == {}


def test_each_check_is_explained_once() -> None:
    only_unknown = "main-cf"
    assert sorted(explained("Checks")) == sorted({*given(CHECKS), *outgoing.IDS.values(), only_unknown})
