"""Each mutant still has its place in the product: one whose text was rewritten would never be tried again."""

import ast
import functools
import itertools
from pathlib import Path

import pytest

from tests.mutants import reached
from tests.mutants.__main__ import CHECKOUT, Mutant, mutants, place_of, product

KNOWN = mutants(CHECKOUT / "tests" / "mutants" / "mutants.toml")
texts = functools.cache(lambda: product(CHECKOUT))


@pytest.mark.parametrize("mutant", KNOWN, ids=lambda mutant: mutant.name)
def test_its_text_stands_once_in_the_product(mutant: Mutant) -> None:
    assert mutant.new != mutant.old
    assert place_of(mutant, texts()).is_file()


def test_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in KNOWN}) == len(KNOWN)


FILE = '''
TABLE = {1: 2}


def outer(number: int = 3) -> int:
    """Words."""

    @cache
    def inner() -> int:
        return number + 1

    return inner()


def short() -> int: return 4
'''


@pytest.mark.parametrize(
    ("changed", "before"),
    [("number + 1", "return number + 1"), ("return inner", "@cache"), ("{1: 2}", ""), ("= 3", ""), ("return 4", "")],
)
def test_a_mark_stands_before_all_that_the_changed_function_does(changed: str, before: str) -> None:
    text = reached.marked(FILE, {"one": changed})
    ast.parse(text)
    lines = [line.strip() for line in text.splitlines()]
    after = [then for line, then in itertools.pairwise(lines) if line.endswith(".at('one')")]
    assert after == ([before] if before else [])


def test_each_test_that_comes_to_a_place_is_noted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMMIGRATE_MUTANTS_REACHED", str(tmp_path))
    for test in ("a.py::b (setup)", "a.py::b (call)", "a.py::c[x y] (call)"):
        monkeypatch.setenv("PYTEST_CURRENT_TEST", test)
        reached.at("one")
        reached.at("one")
    assert (tmp_path / "one").read_text() == "a.py::b\na.py::c[x y]\n"
