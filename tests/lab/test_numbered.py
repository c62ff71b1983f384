"""A client on a third host sends numbered mail through each end of a run on real guests: none is lost, none twice.

Each begins at the same prepared run, with deferred and held mail in the old queue. Twice may come only what the client
sent whole and got no answer to; which those are is said.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from migrating import SIGKILLED
from moving_guests import Hands

from fixtures import lab as labs
from fixtures.demo.prepared import DEFERRED, HELD, Prepared, prepared
from fixtures.lab import Lab
from fixtures.lab.accounted import numbered_mail, subjects
from fixtures.lab.agent import Agent
from fixtures.lab.places import OLD_ADDRESS
from hypervisors import NotYet, wait_for
from tests.journey.story import DONE

pytestmark = [pytest.mark.lab, pytest.mark.long]
_CONSOLE_LISTENS = "for n in $(seq 170); do ss -Hltn 'sport = :8443' | grep -q . && exit; sleep 1; done; exit 1"
WAITING = {f"waiting {number}" for number in range(1, DEFERRED + HELD + 1)}


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Prepared]:
    with prepared(lab) as run:
        yield run


@pytest.fixture
def run(made: Prepared) -> Prepared:
    made.restore()
    return made


def ends(run: Prepared, verb: str, *more: str) -> str:
    code, said = run(verb, *more)
    assert code == DONE, said[-3000:]
    return said


def killed(run: Prepared, *driver: str) -> None:
    code, said = run("cutover", "--yes", driver=driver)
    assert code == SIGKILLED, said[-3000:]


def after_a_drain(run: Prepared) -> None:
    """Where it can be delivered again, it is sent by the old gateway before its Postfix is stopped."""
    let_go(run.old)
    ends(run, "cutover", "--yes")


def carried(run: Prepared) -> None:
    ends(run, "cutover", "--yes")


def back_before_the_commit(run: Prepared) -> None:
    killed(run, "--after", "done", "verify-live", "SIGKILL")
    ends(run, "rollback", "--scope", "switch", "--yes")


def back_after_the_commit(run: Prepared) -> None:
    ends(run, "cutover", "--yes")
    ends(run, "rollback", "--yes")


def killed_between_the_links_and_resumed(run: Prepared) -> None:
    killed(run, "--die-before-plug")
    ends(run, "resume")


def killed_between_the_links_and_rolled_back(run: Prepared) -> None:
    killed(run, "--die-before-plug")
    ends(run, "rollback", "--scope", "switch", "--yes")


def old_guest_restarted_in_mid_carry(run: Prepared) -> None:
    killed(run, "--after", "learnt", "carry/CarriedMail", "SIGKILL")
    run.old.reboot()
    ends(run, "resume")


def new_guest_restarted_in_mid_carry(run: Prepared) -> None:
    killed(run, "--after", "learnt", "carry/CarriedMail", "SIGKILL")
    run.new.reboot()
    run.new.run(_CONSOLE_LISTENS)  # nobody waits for a new guest that boots while the old one could serve: it goes back
    ends(run, "resume")


def let_go(gateway: Agent) -> None:
    """What the smarthost put off it takes now."""
    (labs.folders().mail / "later").unlink(missing_ok=True)
    gateway.run("postqueue -f")


@pytest.mark.parametrize(
    ("act", "live", "account"),
    [
        (after_a_drain, "new", f"{HELD} held, 0 unaccounted"),
        (carried, "new", f"{DEFERRED} carried, {HELD} held, 0 unaccounted"),
        (back_before_the_commit, "old", f"{DEFERRED + HELD} back in the old gateway, 0 unaccounted"),
        (back_after_the_commit, "old", "back in the old gateway, 0 unaccounted"),
        (killed_between_the_links_and_resumed, "new", f"{DEFERRED} carried, {HELD} held, 0 unaccounted"),
        (killed_between_the_links_and_rolled_back, "old", f"{DEFERRED + HELD} back in the old gateway, 0 unaccounted"),
        (old_guest_restarted_in_mid_carry, "new", f"{HELD} held, 0 unaccounted"),
        (new_guest_restarted_in_mid_carry, "new", f"{DEFERRED} carried, {HELD} held, 0 unaccounted"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_none_is_lost_and_none_comes_twice(
    lab: Lab, run: Prepared, act: Callable[[Prepared], None], live: str, account: str
) -> None:
    gateway, place = getattr(run, live), labs.folders()
    with numbered_mail(place, OLD_ADDRESS, lambda: gateway.run("postqueue -f")) as sent:
        act(run)
        let_go(gateway)
    assert Hands(lab.socket_uri).live() == [gateway.name]
    print(sent)
    assert sent.is_closed, sent
    held = held_in(gateway)
    assert held.total() == HELD
    assert came_out(gateway) == Counter(WAITING - held.keys())
    assert account in ends(run, "status")


def held_in(gateway: Agent) -> Counter[str]:
    """Of what waited in the old gateway at first: what a new guest wrote itself is held there too."""
    shown = gateway.run('cd /var/spool/postfix; find hold -type f -printf "%f\\n" | xargs -r -n1 postcat -hq')
    found = (line.removeprefix("Subject: ") for line in shown.splitlines() if line.startswith("Subject: "))
    return Counter(subject for subject in found if subject in WAITING)


def came_out(gateway: Agent) -> Counter[str]:
    """Of what waited in the old gateway at first, once all of it that is not held is there."""

    def look() -> Counter[str]:
        found = Counter({subject: times for subject, times in subjects(labs.folders()).items() if subject in WAITING})
        if len(found) < DEFERRED:
            gateway.run("postqueue -f")
            raise NotYet(f"{len(found)} so far")
        return found

    return wait_for("what waited", look, timeout=180, clears="postqueue -p", pause=1, max_pause=10)
