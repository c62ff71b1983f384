"""Change an expired password: see that it has expired, and have the system change it on a terminal."""

import re

from hypervisors import LoginRefused, Secret, end_in_one_line
from hypervisors.wire.ssh import Answers, Connection, Questions, TooMuch, Unanswerable, Unfinished
from vmmigrate.limits.seconds import GUEST_FILES

_PATIENCE = GUEST_FILES.most
_SHOWN = 300  # characters
_EXPIRED = re.compile(
    r"password (has |is )?expired|expired password|password change required|(required to|must) change your password",
    re.IGNORECASE,
)


def says_expired(text: str) -> bool:
    """Whether these are the words of a system that accepts no log-in before the password is changed."""
    return bool(_EXPIRED.search(text))


def change(connection: Connection, where: str, user: str, current: Secret, new: Secret) -> None:
    """Change it on a terminal, which sshd then demands. The proof is the next log-in.

    Raises LoginRefused with the system's words if it does not accept the new one.
    """
    asked: list[str] = []
    answers = Answers(current, new)

    def answer(question: str) -> str:
        asked.append(question)
        return answers.answer(question)

    try:
        said, status = connection.converse("true", Questions(answer), _PATIENCE)
    except (Unanswerable, Unfinished, TooMuch) as error:
        raise _refused(where, user, str(error)) from error
    if status not in (0, None):
        raise _refused(where, user, said)


def _refused(where: str, user: str, words: str) -> LoginRefused:
    return LoginRefused(
        f"the expired password of {user!r} on {where} could not be changed: {end_in_one_line(words, _SHOWN)}",
        hint="is new.ssh.new_password long and different enough for that system's rules? it was tried once",
    )
