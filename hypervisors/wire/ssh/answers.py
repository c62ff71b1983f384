"""Answer what a system asks while a password is changed: each secret in its place, and none twice."""

import re

import paramiko

from hypervisors.secrets import Secret

_CURRENT = re.compile(r"current|\bold\b|aktuell|\balte|actuel|ancien|actual|attual|huidig", re.IGNORECASE)
_NEW = re.compile(r"\bnew|neu|nouve|nuev|nuov|nieuw", re.IGNORECASE)


class Unanswerable(paramiko.AuthenticationException):
    """Something is asked that no secret given here answers."""


class Answers:
    """The answers to a change of password: the current one at most once, the new one twice, then nothing more.

    Every such program asks in this order; the words are in any language.
    """

    def __init__(self, current: Secret, new: Secret) -> None:
        self._left = [current, new, new]
        self._last = ""

    def answer(self, question: str) -> str:
        """Raises Unanswerable if a question comes again or a fourth one comes: the answer was not accepted."""
        question = question.strip()
        if len(self._left) == 3 and _NEW.search(question) and not _CURRENT.search(question):
            del self._left[0]
        if not self._left or question == self._last:
            raise Unanswerable(f"it asks {question!r} once more")
        self._last = question
        return self._left.pop(0).reveal()
