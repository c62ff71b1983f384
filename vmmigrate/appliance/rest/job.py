"""Wait for a back end's background job by polling its state."""

from dataclasses import dataclass

from hypervisors import NotYet, Pace, once_reachable, printable, wait_for
from vmmigrate.appliance.rest.answer import Answer, answer_from
from vmmigrate.appliance.rest.pointer import as_text, fill, find
from vmmigrate.appliance.rest.profile import RestJob
from vmmigrate.appliance.rest.session import LOOK, Request, RestSession
from vmmigrate.errors import ApplianceError, NotDiscovered


@dataclass(frozen=True)
class Job:
    """`key`: the profile's table ('rest.export.job'). `patient`: the back end may restart during polling."""

    session: RestSession
    key: str
    profile: RestJob
    id: str | None
    patient: bool = False

    def wait(self, began: str, *, timeout: float, pace: Pace) -> None:
        """Raises ApplianceError if the job fails, NotDiscovered, TimedOut. `began`: the request that started it."""
        poll = Request(f"{self.key}.poll", "GET", fill(self.profile.poll, self.id), {})

        def look() -> None:
            self._judge(self.session.answer(poll, self.session.read(poll)))

        wait_for(
            f"the job that {began} began",
            once_reachable(look) if self.patient else look,
            timeout=timeout,
            clears=f"see the appliance's own log; {self.key}.done and {self.key}.failed name the states that end it",
            pace=pace,
        )

    def _judge(self, answer: Answer) -> None:
        """Return when the job is done. Raises NotYet, ApplianceError, NotDiscovered."""
        state = as_text(find(answer.document, self.profile.state))
        if state is None:
            raise _nothing_at(self.profile.state, "state", answer, f"{self.key}.state")
        if state in self.profile.failed:
            raise ApplianceError(
                f"the back end's job ended as {state!r} ({answer.where}): {self._own_words(answer)}",
                hint="see the appliance's own log; an encrypted backup may be unreadable to another release",
            )
        if state not in self.profile.done:
            raise NotYet(printable(state))

    def _own_words(self, answer: Answer) -> str:
        where = self.profile.message
        said = as_text(find(answer.document, where)) if where is not None else None
        return answer_from("", 0, said.encode()).words if said else answer.words


def id_in(answer: Answer, pointer: str | None, key: str) -> str | None:
    """The id in an answer; None if the profile needs none. Raises NotDiscovered."""
    if pointer is None:
        return None
    found = as_text(find(answer.document, pointer))
    if found is None:
        raise _nothing_at(pointer, "id", answer, key)
    return found


def _nothing_at(pointer: str, what: str, answer: Answer, key: str) -> NotDiscovered:
    return NotDiscovered(
        f"{answer.where} answered {answer.status}, but no {what} at {pointer!r}: seen {answer.shape()}",
        hint=LOOK,
        keys=(key,),
    )
