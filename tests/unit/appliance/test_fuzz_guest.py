"""A guest's answers, damaged: what is read of them is right or refused in words, never another exception."""

from random import Random

import pytest

from hypervisors import Problem
from tests.fuzz.guests import READERS
from tests.fuzz.odd_guest import odd

_ROUNDS = 40  # of each


@pytest.mark.parametrize("name", READERS)
def test_only_errors_in_words(name: str) -> None:
    honest, read = READERS[name]
    for seed in range(_ROUNDS):
        try:
            read(odd(honest(), Random(f"{name} {seed}")))  # noqa: S311 -- damage, not keys
        except Problem:
            pass
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}") from error
