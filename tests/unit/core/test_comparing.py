"""What is asked a second time, and what is not."""

import pytest

from hypervisors import TrustRefused, Unreachable
from vmmigrate.steps.comparing import asked_again

LATE = Unreachable("no answer in time", hint="wait")
ANOTHER = TrustRefused("another certificate", hint="look")


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        (("220",), "220"),
        ((LATE, "220"), "220"),
        ((LATE, LATE, "220"), Unreachable),
        ((TrustRefused("no", hint="x"), "220"), TrustRefused),
    ],
)
def test_an_answer_that_did_not_come_is_asked_for_once_more(
    answers: tuple[Exception | str, ...], seen: str | type[Exception]
) -> None:
    left = iter(answers)

    def ask() -> str:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    if isinstance(seen, str):
        assert asked_again(ask) == seen
    else:
        with pytest.raises(seen):
            asked_again(ask)
