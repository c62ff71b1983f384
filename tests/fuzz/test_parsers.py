"""Two seconds of damaged inputs for each parser, the same ones each time: only the product's own errors come out."""

from itertools import count
from random import Random
from time import monotonic

import pytest

from tests.fuzz.every import PARSERS
from tests.fuzz.mutate import mutated
from tests.fuzz.parser import LARGEST

_SECONDS = 2.0


@pytest.mark.parametrize("name", PARSERS)
def test_honest_inputs_are_read(name: str) -> None:
    """At least one: else the damaged ones would show only that all is refused."""
    assert any(PARSERS[name].try_out(seed) for seed in PARSERS[name].seeds)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PARSERS)
def test_only_errors_in_words(name: str) -> None:
    parser, ends = PARSERS[name], monotonic() + _SECONDS
    for number in count():
        chance = Random(f"{name} {number}")  # noqa: S311 -- damage, not keys
        data = mutated(chance.choice(parser.seeds), chance)[:LARGEST]
        try:
            parser.try_out(data)
        except Exception as error:
            raise AssertionError(f"{name}, input {number}: {data[:200]!r}") from error
        if monotonic() > ends:
            return
