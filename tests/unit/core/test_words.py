"""The words of texts for people: what the product, its help and its pages say is plain technical English."""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
# Words that a reader whose mother tongue is not English does not know in this sense, and what stands for them.
PLAIN = {
    r"told|tells?": "reported, shown, says",
    r"mend(s|ed|ing)?": "fix, repair",
    r"borne|bears?": "tolerated; has (a name)",
    r"believ\w+": "trusted",
    r"anew": "again; recreated",
    r"in per cents": "percent-encoded",
    r"the likes of \w+|and its like": "such as; clients like this one",
    r"(are|be) content": "when satisfied",
    r"lacking": "missing",
    r"See the port": "say what it does",
}
# Each with its reason.
ALLOWED = {
    ("vmmigrate/show/doctor.py", "mend"),  # a JSON key of an earlier version, which stays
}
FILE_LIKE = {"archives.py", "bounded.py", "contents.py", "ova.py", "salted.py"}  # they have a `tell`, as io demands
PAGES = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile")]
PAGES += sorted([*(CHECKOUT / "docs").glob("*.md"), *(CHECKOUT / "docs").glob("*.1")])
CODE = sorted([*(CHECKOUT / "vmmigrate").rglob("*.py"), *(CHECKOUT / "hypervisors").rglob("*.py")])


ANY = re.compile("|".join(rf"\b({words})\b" for words in PLAIN), re.IGNORECASE)


@cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    """Of a Python file; both looks at it need them."""
    return list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))


def said(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that a person reads: of a page all, of code its comments and strings without the values in them."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text().splitlines(), 1)
        return
    for token in tokens(path):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield number, without_values(line)


def without_values(text: str) -> str:
    return re.sub(r"\{[^{}\n]*\}", "", text)


def unplain(path: Path) -> list[str]:
    name, text = path.relative_to(CHECKOUT).as_posix(), path.read_text()
    if not (ANY.search(text) or ANY.search(without_values(text))):
        return []  # most files: to take one apart takes a hundred times as long
    return [
        f"{name}:{number}: {found.group()!r}, better: {better}"
        for number, line in said(path)
        if ANY.search(line)
        for words, better in PLAIN.items()
        for found in re.finditer(rf"\b({words})\b", line, re.IGNORECASE)
        if (name, found.group()) not in ALLOWED
    ]


@pytest.mark.parametrize("paths", [PAGES, CODE], ids=["pages", "code"])
def test_texts_for_people_use_plain_words(paths: list[Path]) -> None:
    assert [line for path in paths for line in unplain(path)] == []


def test_names_in_the_program_use_plain_words_too() -> None:
    odd = re.compile("|".join(PLAIN), re.IGNORECASE)
    names = {
        (path.name, name)
        for path in CODE
        if any(map(odd.fullmatch, set(re.split(r"\W|_", path.read_text()))))
        for name in {token.string for token in tokens(path) if token.type == tokenize.NAME}
        if any(map(odd.fullmatch, name.split("_")))
    }
    # a file's position, as io calls it
    assert {name for _, name in names} - {"tell"} == set()
    assert {name for name, word in names if word == "tell"} <= FILE_LIKE


def test_each_exception_is_still_one() -> None:
    for name, word in ALLOWED:
        assert any(re.search(rf"\b{word}\b", line) for _, line in said(CHECKOUT / name)), (name, word)


def test_a_word_in_a_text_is_found_and_a_value_in_braces_is_not(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text('A = f"is told {told}"  # mend it\ntold = 1\n')
    assert list(said(tmp_path / "x.py")) == [(1, 'f"is told "'), (1, "# mend it")]
