"""A password is changed by answers in their places, whatever the words of the questions are."""

import pytest

from hypervisors import Secret
from hypervisors.wire.ssh import Answers, Unanswerable


def test_a_new_password_is_said_twice_and_no_more() -> None:
    answers = Answers(Secret("old"), Secret("new"))
    said = [answers.answer(each) for each in ("Current password: ", "New password: ", "Retype new password: ")]
    assert said == ["old", "new", "new"]
    with pytest.raises(Unanswerable):
        answers.answer("New password: ")
