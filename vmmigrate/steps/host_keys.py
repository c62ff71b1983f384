"""Give the new gateway the SSH host keys of the old one, once mail flows; and note which ones it has."""

import io
import json
from dataclasses import replace

from hypervisors import NotYet, Problem, TrustRefused
from vmmigrate.appliance import hostkeys
from vmmigrate.appliance.hostkeys import HostKey
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.units import boot_id
from vmmigrate.errors import ApplianceError, JournalFailed
from vmmigrate.facts import HostKeys, KeptHostKeys, NewGuest, NewVm
from vmmigrate.limits import PEM_KEY
from vmmigrate.run.persistent import persistently
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
        keys, unusable = hostkeys.read(look)
        shown = run.old_host_key() if keys else ""
    except Problem as refused:
        run.remark(f"the new gateway keeps its own SSH host keys: {refused}; {refused.hint}")
        return
    if not keys:
        run.remark("no SSH host key of the old gateway can be read: the new one keeps its own")
        return
    if shown not in {key.line for key in keys}:
        run.remark(
            "the new gateway keeps its own SSH host keys: the old one's sshd shows another than those in /etc/ssh; see"
            " HostKey in its sshd_config"
        )
        return
    if unusable:
        run.remark(
            f"of the old gateway's SSH host keys these are not carried: {', '.join(unusable)}: no private key without a"
            f" passphrase of at most {PEM_KEY.most} bytes; the new one keeps its own of that kind"
        )
    data = {key.kind: key.private.decode() for key in keys}
    run.rundir.sealed.encrypt(run.rundir.host_keys, io.BytesIO(json.dumps(data).encode()))
    run.learn(KeptHostKeys({key.kind: key.line for key in keys}))


def do(run: Run) -> None:
    """Last of all that is copied, with mail flowing: what of it fails is no reason to go back, and is said."""
    before, vm = run.facts.last(HostKeys), run.facts.of(NewVm).vm.id
    known = before if before is not None and before.vm == vm else None  # another VM's keys are no word of this one's
    if known is not None and known.settled:
        run.learn(known)  # a way back took nothing of it, and was refused: the guest need not answer for this
        return
    try:
        persistently("the SSH host keys to be settled", lambda: _settle(run, known or HostKeys(vm=vm)), run.pace)
    except JournalFailed:
        raise
    except Problem as problem:
        run.remark(f"which SSH host keys the new gateway has by now could not be settled: {problem}; {problem.hint}")


def _settle(run: Run, known: HostKeys) -> None:
    first, kept = run.new_shell, run.facts.find(KeptHostKeys)
    look = hostkeys.look_at(first)
    own = hostkeys.public(look)
    if kept is None:
        run.learn(replace(known, lines=_lines(run, own, {}), settled=True))
        return
    lines, none = _lines(run, own, kept.lines), tuple(kind for kind in kept.lines if kind not in own)
    may = replace(known, lines=lines, kept=tuple(kept.lines.values()), added=known.added if known.kept else none)
    run.learn(may)  # from now on it may show either
    try:
        hostkeys.place(first, look, _collected(run))
        _prove(run, look, kept)
    except JournalFailed:
        raise
    except Problem as problem:
        _go_without(run, may, kept, problem)
    else:
        run.learn(replace(may, settled=True))


def _go_without(run: Run, may: HostKeys, kept: KeptHostKeys, problem: Problem) -> None:
    """Whether sshd has read its own again is not known: it may still show either."""
    stay = hostkeys.put_back(run.new_shell, kept.lines, may.added)
    run.learn(replace(may, lines=_lines(run, hostkeys.public(hostkeys.look_at(run.new_shell)), {}), settled=True))
    run.remark(f"the new gateway keeps its own SSH host keys: those of the old one are not taken: {problem}")
    if stay:
        run.remark(f"of the old one's these stay, because nobody knows that it had others: {', '.join(stay)}")


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
            raise ApplianceError(
                "another machine answers with these keys", hint="find out which machine has that address on staging"
            )
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
    needs=(NewVm, NewGuest),
    holds=(later := Nothing("it is the administrator's by then")),
    undone=later,
    changes=(Change("new", "SSH host keys, the own ones beside; sshd reads them again"),),
)
