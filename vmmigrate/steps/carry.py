"""Carry the mail that waits in the old gateway into the new one, where it is on hold until the new gateway is open."""

from collections import Counter
from collections.abc import Callable

from hypervisors import LoginRefused, Problem
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import carrying, listing, manifest, programs
from vmmigrate.errors import CommandFailed
from vmmigrate.facts import CarriedMail, Frozen, MailAccount, MailBack, Opened
from vmmigrate.learnt import Facts
from vmmigrate.model import CARRY, REFUSE
from vmmigrate.run.stage import Run
from vmmigrate.steps import carry_back, intake, neighbours


def do(run: Run) -> None:
    """Where all was delivered, Postfix is only stopped: what is submitted there from now on would stay there."""
    if run.plan.mail_queue == REFUSE:
        return  # `close-intake` waited until there was none
    old = run.old_shell
    if run.facts.find(Frozen) is None:
        run.learn(Frozen(run.wall()))
    waiting = carrying.freeze(old)
    if not waiting:
        return
    if run.plan.mail_queue == CARRY:
        carry_back.store(run, old, run.rundir.queue)  # where sudo lets nobody pack it, Postfix is only stopped
        if run.facts.find(CarriedMail) is None:
            _clear(run)
            run.learn(CarriedMail(queues=listing.counted(waiting).counts))  # from now on there may be copies in a guest
        _carry(run, old, waiting)
    else:
        run.learn(CarriedMail(left=len(waiting)))
        run.learn(MailBack(left=len(waiting)))
        run.remark(f"left in {run.plan.old.name}, as requested: {listing.counted(waiting)}")


def _clear(run: Run) -> None:
    """Of an earlier attempt, whose way back could not take its copies out of this guest: they would be let go now."""
    if run.facts.last(CarriedMail) is not None:
        carrying.take_away(run.new_shell)


def _carry(run: Run, old: Shell, waiting: tuple[listing.Message, ...]) -> None:
    """What was laid before is not laid again, so all of this can be done twice."""
    with run.rundir.sealed.decrypted(run.rundir.queue) as source:
        came = carrying.lay_in_one_that_runs(run.new_shell, source)
    _note(run, came, waiting)
    carrying.keep(old)


def _note(run: Run, came: tuple[carrying.Arrived, ...], waiting: tuple[listing.Message, ...]) -> None:
    key = run.rundir.sealed.digest_key()
    lines = manifest.lines(came, waiting, key)
    run.rundir.sealed.encrypt(run.rundir.manifest, manifest.as_file(lines))
    by_queue = dict(Counter(each.queue for each in came))
    run.learn(
        CarriedMail(len(came), by_queue, sum(len(line.recipients) for line in lines), manifest.digest(lines, key))
    )
    listed = ", ".join(f"{number} {name}" for name, number in sorted(by_queue.items()))
    run.remark(f"mail: {len(came)} carried ({listed}), on hold in {run.plan.new_name} until it is open")


def undo(run: Run) -> None:
    """Before the new gateway was open, the old copies are the mail, and the new ones leave its queue. After that, those
    that were carried are the new gateway's.
    """
    if run.facts.find(Frozen) is None:
        return
    carried = run.facts.find(CarriedMail)
    theirs = run.facts.last(Opened) is not None and carried is not None and carried.messages > 0
    intake.answering(run, lambda: _thaw(run, carried, theirs=theirs))  # first: nobody takes mail meanwhile
    if _may_be_held(carried) and not theirs:
        intake.open_again(run)
        neighbours.go_back(run)  # before a guest is asked that may hang: until then routers may send to its MAC
        _take_away(run)
    carry_back.drop(run)


def _may_be_held(carried: CarriedMail | None) -> bool:
    """Of mail that is only left nothing is copied, and nothing put on hold."""
    return carried is not None and not carried.left


def _take_away(run: Run) -> None:
    """They are on hold, in a machine that is unplugged. Of one that cannot be asked, what it holds stays on hold in it:
    nobody sends it unless somebody lets it go.
    """
    try:
        carrying.take_away(run.new_shell)
    except (Problem, KeyError) as problem:
        run.remark(f"copies of carried mail may be on hold in {run.plan.new_name}; do not let them go: {problem}")


def _thaw(run: Run, carried: CarriedMail | None, *, theirs: bool) -> None:
    """What comes back may have come from here: its copy leaves the old queue before that. Postfix is started, whatever
    becomes of the copies: on hold nobody sends them.
    """
    old, back = run.old_shell, MailBack(back=carried.messages + carried.left) if carried and not theirs else None
    if _may_be_held(carried) and not theirs and not carry_back.comes(run):
        account = back if _let_go(run, carrying.let_go_and_start) or back is None else MailBack(held=back.back)
    else:
        if _may_be_held(carried):
            _supersede(run) if theirs else _let_go(run, carrying.let_go)
        account = carry_back.give(run, old)
        carrying.start(old)
        if account is not None and account.back:
            carry_back.let_go(run, old)
        account = account or back
    if account is not None:
        run.learn(account)
        run.remark(_said(account))


def _let_go(run: Run, act: Callable[[Shell], None]) -> bool:
    """Whether it did. Where not, a person can: the old gateway serves all the same."""
    old = run.plan.old.name
    try:
        act(run.old_shell)
    except (CommandFailed, LoginRefused) as failed:
        by_hand = f"to let it go, as root: {programs.LET_GO_BY_HAND}"
        run.remark(f"mail that was carried stays on hold in {old}: {failed}; {by_hand}")
        return False
    return True


def _supersede(run: Run) -> None:
    old, taken = run.plan.old.name, f"{run.plan.new_name} has taken over the mail that was carried; copies of it stay"
    try:
        carrying.supersede(run.old_shell)
    except (CommandFailed, LoginRefused) as failed:
        run.remark(f"{taken} on hold in {old}; do not let them go: {failed}")
    else:
        run.remark(f"{taken} in {old}, beside its queues in {carrying.COPIED}, from where nobody sends them")


def release(run: Run) -> None:
    """The new gateway is open: what was carried goes out, but for what was on hold before. Said is what is missing."""
    carried = run.facts.find(CarriedMail) or CarriedMail()
    own = len(run.facts.of(Opened).own)
    if not carried.messages:
        if own:
            run.learn(MailAccount(left=carried.left, own=own))
        return
    gone = carrying.release(run.new_shell, ids(run))
    held = carried.queues.get(listing.HOLD, 0)
    account = MailAccount(carried.messages - held, held, unaccounted=len(gone), own=own)
    run.learn(account)
    run.remark(_said(account))
    if gone:
        run.remark(
            f"not in the queue of {run.plan.new_name} any more when it was let go, so delivered from there before, or"
            f" taken out by hand: {', '.join(gone)}"
        )


def ids(run: Run) -> tuple[str, ...]:
    """Of those that were carried, and are on hold in the new gateway; none where none were."""
    carried = run.facts.find(CarriedMail)
    if carried is None or not carried.messages:
        return ()
    lines = manifest.from_file(run.rundir.sealed.decrypt_small(run.rundir.manifest))
    return tuple(line.new_id for line in lines if line.queue != carrying.MAILDROP)


def in_words(carried: CarriedMail) -> str:
    """'41 carried, 2 held'."""
    if carried.left:
        return f"{carried.left} left in the old gateway"
    held = carried.queues.get(listing.HOLD, 0)
    return f"{carried.messages - held} carried, {held} held"


def account(facts: Facts) -> str:
    """In one line; "" where no mail waited."""
    known = facts.find(MailAccount) or facts.last(MailBack)
    return _said(known) if known is not None else ""


def _said(account: MailAccount) -> str:
    """'mail: 41 carried, 2 held, 0 unaccounted'."""
    places = (account.carried, "carried"), (account.held, "held"), (account.left, "left")
    said = [f"{number} {word}" for number, word in places if number or (word != "left" and not account.back)]
    back = [f"{account.back} back in the old gateway"] if account.back else []
    own = [f"{account.own} of the new VM's own on hold"] if account.own else []
    return "mail: " + ", ".join((*said, *back, f"{account.unaccounted} unaccounted", *own))
