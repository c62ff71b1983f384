"""SECURITY.md: each test that it names exists, and each claim names one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_every_test_that_it_names_exists() -> None:
    there = {
        (file, node.name)
        for file in {file for file, _ in NAMED}
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(NAMED) > 25
    assert set(NAMED) - there == set()


def test_what_somebody_cannot_do_is_shown_by_a_test() -> None:
    section = TEXT.split("## Who is trusted with what")[1].split("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row[3].strip() for row in rows if row[3].strip() and "::" not in row[4]] == []


def test_every_page_that_it_links_to_exists() -> None:
    assert [link for link in re.findall(r"\]\(([\w/.]+)\)", TEXT) if not (ROOT / link).exists()] == []
