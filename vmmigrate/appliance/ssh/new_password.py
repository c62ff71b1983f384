"""Change an expired password: see that it has expired, and answer what the system asks, each secret in its place."""

import re

import paramiko

from hypervisors import LoginRefused, Secret
from vmmigrate.appliance.ssh.conversation import Questions, converse
from vmmigrate.appliance.ssh.execution import TooMuch, Unfinished
from vmmigrate.appliance.words import in_one_line

_PATIENCE = 60.0  # seconds: an emulated guest takes its time to hash
_SHOWN = 300  # characters
_EXPIRED = re.compile(
    r"password (has |is )?expired|expired password|password change required|(required to|must) change your password",
    re.IGNORECASE,
)
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
        """Raises Unanswerable where a question comes again or a fourth one comes: the answer was not liked."""
        question = question.strip()
        if len(self._left) == 3 and _NEW.search(question) and not _CURRENT.search(question):
            del self._left[0]
        if not self._left or question == self._last:
            raise Unanswerable(f"it asks {question!r} once more")
        self._last = question
        return self._left.pop(0).reveal()


def says_expired(text: str) -> bool:
    """Whether these are the words of a system that lets nobody in before the password is changed."""
    return bool(_EXPIRED.search(text))


def change(transport: paramiko.Transport, where: str, user: str, current: Secret, new: Secret) -> None:
    """Change it on a terminal, which sshd then demands. The proof is the next log-in.

    Raises LoginRefused with the system's words where it does not take the new one.
    """
    asked: list[str] = []
    answers = Answers(current, new)

    def answer(question: str) -> str:
        asked.append(question)
        return answers.answer(question)

    try:
        said, status = converse(transport, "true", Questions(answer), _PATIENCE)
    except (Unanswerable, Unfinished, TooMuch) as error:
        raise _refused(where, user, str(error)) from error
    if status not in (0, None):
        raise _refused(where, user, said)


def _refused(where: str, user: str, words: str) -> LoginRefused:
    return LoginRefused(
        f"the expired password of {user!r} on {where} could not be changed: {in_one_line(words)[-_SHOWN:]}",
        hint="is new.ssh.new_password long and different enough for that system's rules? it was tried once",
    )
