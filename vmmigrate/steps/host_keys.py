"""Give the new gateway the SSH host keys of the old one, once mail flows; and note which ones it has."""

import io
import json

from hypervisors import LoginRefused, NotYet, Problem, TrustRefused
from vmmigrate.appliance import hostkeys
from vmmigrate.appliance.hostkeys import HostKey
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.units import boot_id
from vmmigrate.errors import ApplianceError
from vmmigrate.facts import HostKeys, KeptHostKeys, NewGuest
from vmmigrate.run.stage import Run
from vmmigrate.step import Change, Nothing, Step

KEEP = "keep"
_SECOND = "a second log-in, by the old gateway's host keys"
_CLEARS = "sshd of the new gateway does not show them"


def asked(run: Run) -> tuple[tuple[str, ...], ...]:
    """Of the old gateway, as root."""
    return hostkeys.QUESTIONS if run.settings.carry.host_keys == KEEP else ()


def collect(run: Run, look: LookingShell) -> None:
    """While the old gateway can be asked: they are stored encrypted, as the TLS keys are."""
    if not asked(run):
        return
    try:
        keys = hostkeys.read(look)
    except LoginRefused as refused:
        run.remark(f"the new gateway keeps its own SSH host keys: {refused}; {refused.hint}")
        return
    if not keys:
        run.remark("no SSH host key of the old gateway can be read: the new one keeps its own")
        return
    data = {key.kind: key.private.decode() for key in keys}
    run.rundir.sealed.encrypt(run.rundir.host_keys, io.BytesIO(json.dumps(data).encode()))
    run.learn(KeptHostKeys({key.kind: key.line for key in keys}))


def do(run: Run) -> None:
    """Last of all that is copied, with mail flowing: what of it fails is no reason to go back, and is said."""
    before = run.facts.last(HostKeys)
    if before is not None and before.settled:
        run.learn(before)  # a way back took nothing of it, and was refused: the guest need not answer for this
        return
    first, kept = run.new_shell, run.facts.find(KeptHostKeys)
    look = hostkeys.look_at(first)
    own = hostkeys.public(look)
    if kept is None:
        run.learn(HostKeys(_lines(run, own, {}), settled=True))
        return
    run.learn(HostKeys(_lines(run, own, kept.lines), tuple(kept.lines.values())))  # from now on it may show either
    try:
        hostkeys.place(first, look, _collected(run))
        _prove(run, look, kept)
        run.learn(HostKeys(_lines(run, own, kept.lines), tuple(kept.lines.values()), settled=True))
    except Problem as problem:
        hostkeys.put_back(first, tuple(kept.lines))
        run.learn(HostKeys(_lines(run, hostkeys.public(hostkeys.look_at(first)), {}), settled=True))
        run.remark(f"the new gateway keeps its own SSH host keys: those of the old one are not taken: {problem}")


def _collected(run: Run) -> tuple[HostKey, ...]:
    data: dict[str, str] = json.loads(run.rundir.sealed.decrypt_small(run.rundir.host_keys))
    keys = (hostkeys.parsed(kind, text) for kind, text in data.items())
    return tuple(key for key in keys if key)


def _prove(run: Run, first: LookingShell, kept: KeptHostKeys) -> None:
    """A new log-in, by these keys alone, while the first one stays open. Raises what it fails with."""
    keys, limit = tuple(kept.lines.values()), run.settings.limits.answer
    run.wait_for_answer(_SECOND, lambda: _log_in_by(run, first, keys), timeout=limit, clears=_CLEARS)


def _log_in_by(run: Run, first: LookingShell, keys: tuple[str, ...]) -> None:
    """sshd reads its keys a moment after it was asked to: until then it shows the ones that it had."""
    second = run.shell_by(keys)
    try:
        if boot_id(first, user="root") != boot_id(second):
            raise ApplianceError("another machine answers by them", hint="whose address is that on staging?")
    except TrustRefused as early:
        raise NotYet(str(early)) from early
    finally:
        second.close()


def _lines(run: Run, own: dict[str, str], kept: dict[str, str]) -> tuple[str, ...]:
    return hostkeys.lines(run.plan.identity.host, run.settings.new.ssh.port, own, kept)


STEP = Step(
    "host-keys",
    "Give the new gateway the old SSH host keys",
    do,
    Nothing("they stay in the new VM, which nobody reaches then but we, who trust both; `finish` deletes it"),
    learns=(HostKeys,),
    needs=(NewGuest,),
    holds=(later := Nothing("it is the administrator's by then")),
    undone=later,
    changes=(Change("new", "SSH host keys, the own ones beside; sshd reads them again"),),
)
