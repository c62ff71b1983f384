"""Each mutant still has its place in the product: one whose text was rewritten would never be tried again."""

import pytest

from tests.mutants.__main__ import CHECKOUT, Mutant, mutants, place_of

KNOWN = mutants(CHECKOUT / "tests" / "mutants" / "mutants.toml")


@pytest.mark.parametrize("mutant", KNOWN, ids=lambda mutant: mutant.name)
def test_its_text_stands_once_in_the_product(mutant: Mutant) -> None:
    assert mutant.new != mutant.old
    assert place_of(mutant, CHECKOUT).is_file()


def test_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in KNOWN}) == len(KNOWN)
