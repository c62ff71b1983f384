"""Copy TLS pairs from one gateway to another and prove it by handshake; restore the previous ones."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from hypervisors import Pace, Problem
from vmmigrate.appliance import mail
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.appliance.tls import layout
from vmmigrate.appliance.tls.chains import name_of
from vmmigrate.appliance.tls.handshake import Expected, is_closed, prove
from vmmigrate.appliance.tls.keys import Pair
from vmmigrate.appliance.tls.placing import Change, forget, is_interrupted, kept, place, put_back
from vmmigrate.doors import Side
from vmmigrate.errors import ApplianceError, NeedsAttention, RolledBack, UsageProblem
from vmmigrate.events import StepRemark
from vmmigrate.parts import Parts, doors_of, reported
from vmmigrate.settings.models import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Replacement:
    """A role's pairs: what the new gateway has now (nothing if that cannot be read), and what it will have."""

    role: str
    paths: tuple[str, ...]
    present: tuple[Pair, ...]
    wanted: tuple[Pair, ...]


@dataclass(frozen=True)
class Copy:
    """The planned copy. Without a change everything is in place already."""

    replacements: tuple[Replacement, ...]
    findings: tuple[str, ...]
    change: Change
    expected: tuple[Expected, ...]
    web: bool
    smtp: bool


@dataclass(frozen=True)
class Gateway:
    """A gateway reached over SSH, whose ports answer at `host`."""

    side: Side
    shell: Shell
    host: str
    smtp_port: int
    timeout: float
    pace: Pace

    def as_reached(self, expected: Iterable[Expected]) -> tuple[Expected, ...]:
        """Seen from here, port 25 may be another one, set by the operator."""
        return tuple(replace(each, port=self.smtp_port) if each.name == tls.PORT_25 else each for each in expected)


Reach = Callable[[str], Gateway]


@contextmanager
def gateways(settings: Settings, parts: Parts) -> Iterator[tuple[Reach, Reach]]:
    """Connections to a gateway of the old side and to one of the new; closed at the end."""

    def reach(side: Side, host: str) -> Gateway:
        port, limits = settings.old.smtp_port, settings.limits
        return Gateway(side, side.shell(host), host, port, limits.restart, parts.pace)

    with doors_of(settings, parts) as doors:
        yield partial(reach, doors.old), partial(reach, doors.new)


@contextmanager
def saying(parts: Parts, step: str, title: str) -> Iterator[Say]:
    """Report a beginning, an end, and the remarks in between to the listener."""
    with reported(parts, step, title):
        yield lambda text: parts.listen(StepRemark(step, text))


def look(old: Gateway, new: Gateway, *, web: bool, smtp: bool) -> Copy:
    """Read both sides and change nothing. Raises BadKeys for a pair that would not work, and what both sides raise."""
    if old.host == new.host:
        raise UsageProblem(f"old and new are both {old.host}", hint="give two different gateways")
    shell, software = LookingShell(new.shell), new.side.software(new.shell)
    giving = LookingShell(old.shell)
    bundle = tls.collect(giving, old.side.software(old.shell), web=web, smtp=smtp)
    if not bundle.pairs:
        raise ApplianceError(f"{old.host} has no certificate for that", hint="check with `vmmigrate tls show`")
    findings = tls.refuse_unusable(bundle, mail.name(giving))
    made = layout.lay_out(shell, software, bundle)
    present = _present(shell, software, web=web, smtp=smtp)
    replacements = tuple(
        Replacement(
            role,
            paths,
            present.get(role, ()),
            made.pairs[role] or bundle.pairs.get(role, ()),
        )
        for role, paths in made.replaced.items()
    )
    said = [f"{each.seen} → {each.remedy}" for each in (*findings, *made.findings)]
    return Copy(replacements, tuple(dict.fromkeys(said)), made.change, made.expected, web, smtp)


def carry_out(new: Gateway, copy: Copy, say: Say) -> tuple[str, ...]:
    """Install, apply, prove; what was proved. Where it fails, the previous pairs are back when RolledBack is raised."""
    closed = _closed(new, copy.expected)
    for each in closed:
        say(f"{each.name} (port {each.port}) accepts no connection from here: its certificate is not checked")
    earlier = kept(new.shell)
    try:
        say(f"installing into {', '.join(copy.change.paths) or 'nothing: all is in place'}")
        place(new.shell, copy.change)
        _apply(new, say, web=copy.web, smtp=copy.smtp)
        return _prove(new, [each for each in copy.expected if each not in closed])
    except BaseException as error:
        if not _go_back(new, copy, earlier, _words(error), say):
            raise
        raise RolledBack(f"{_words(error)}; the previous certificates are back", hint=_hint(error)) from error


def undo(new: Gateway, say: Say) -> tuple[str, ...]:
    """Restore the state before the last copy; returns the files, () if nothing was saved. Raises NeedsAttention."""
    paths = put_back(new.shell)
    if not paths:
        return ()
    say(f"restored: {', '.join(paths)}")
    try:
        _apply_what_is_there(new, say, web=True, smtp=True)
    except (Problem, KeyboardInterrupt) as error:
        hint = error.hint if isinstance(error, Problem) else f"run `vmmigrate tls undo {new.host}` again"
        raise NeedsAttention(f"the files are restored, but {_words(error)}", hint=hint) from error
    forget(new.shell)
    return paths


def lines(copy: Copy, old: str, new: str) -> list[str]:
    """What will be replaced by what, for people."""
    made = [f"{old} → {new}"]
    for each in copy.replacements:
        made.append(f"{each.role}: {', '.join(each.paths)}")
        made += [f"  now   {_described(pair)}" for pair in each.present] or ["  now   nothing that can be read"]
        made += [f"  then  {_described(pair)}" for pair in each.wanted]
    made += [f"  remark  {text}" for text in copy.findings]
    return made if copy.change else [*made, "all of it is in place already"]


def compared_json(copy: Copy, old: str, new: str) -> dict[str, object]:
    """The same for programs, before anything is done."""
    replacements = [
        {
            "role": each.role,
            "paths": list(each.paths),
            "present": [_pair_json(pair) for pair in each.present],
            "wanted": [_pair_json(pair) for pair in each.wanted],
        }
        for each in copy.replacements
    ]
    fields = {"replacements": replacements, "remarks": list(copy.findings), "change": bool(copy.change)}
    return {"event": "Compared", "old": old, "new": new, **fields}


def copied_json(copy: Copy, old: str, new: str, proved: Sequence[str]) -> dict[str, object]:
    """What was done, for programs: `paths` is empty if all was in place."""
    return {"event": "Copied", "old": old, "new": new, "paths": list(copy.change.paths), "proved": list(proved)}


def undone_json(new: str, paths: Sequence[str]) -> dict[str, object]:
    """For programs: `paths` is empty if nothing was saved."""
    return {"event": "Undone", "new": new, "paths": list(paths)}


def _pair_json(pair: Pair) -> dict[str, str]:
    leaf = pair.leaf
    return {
        "kind": pair.kind,
        "subject": leaf.subject.rfc4514_string(),
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "sha256": pair.fingerprint,
    }


def _described(pair: Pair) -> str:
    until = f"{pair.leaf.not_valid_after_utc:%Y-%m-%d}"
    return f"{pair.kind} {name_of(pair.leaf.subject)} until {until}, SHA-256 {pair.fingerprint[:16]}…"


def _present(shell: Shell, software: Software, *, web: bool, smtp: bool) -> tls.Pairs:
    """The new gateway's own pairs, part by part; unreadable ones are skipped, because they will be replaced."""
    found: dict[str, tuple[Pair, ...]] = {}
    for part in [{"web": True, "smtp": False}] * web + [{"web": False, "smtp": True}] * smtp:
        try:
            found |= tls.collect(shell, software, **part).pairs
        except ApplianceError:
            continue
    return found


def _closed(new: Gateway, expected: Sequence[Expected]) -> list[Expected]:
    """Ports that are closed already: because of a firewall, not of the copy."""
    reached = zip(expected, new.as_reached(expected), strict=True)
    return [each for each, at in reached if is_closed(new.host, at.port, new.side.dial)]


def _apply(new: Gateway, say: Say, *, web: bool, smtp: bool, known: bool = False) -> None:
    say(" and ".join(["reloading Postfix"] * smtp + ["restarting the console"] * web))
    software = new.side.software(new.shell)
    layout.apply_installed(new.shell, software, web=web, smtp=smtp, known=known)


def _prove(new: Gateway, expected: Sequence[Expected]) -> tuple[str, ...]:
    proofs: list[str] = []
    for each in new.as_reached(expected):
        proofs += prove(new.host, each, timeout=new.timeout, pace=new.pace, dial=new.side.dial)
    return tuple(proofs)


def _go_back(new: Gateway, copy: Copy, earlier: object, failed: str, say: Say) -> bool:
    """Whether this copy had installed anything; only then an undo belongs to it, not to an `earlier` copy.

    A second failure leaves the record, with which `tls undo` continues.
    """
    try:
        if kept(new.shell) == earlier and not is_interrupted(new.shell):
            return False
        say("it failed: the previous certificates are restored")
        put_back(new.shell)
        _apply_what_is_there(new, say, web=copy.web, smtp=copy.smtp)
        forget(new.shell)
    except (Problem, KeyboardInterrupt) as second:
        raise NeedsAttention(
            f"{failed}; and restoring failed too: {_words(second)}",
            hint=f"fix that, then run `vmmigrate tls undo {new.host}`",
        ) from second
    return True


def _words(error: BaseException) -> str:
    return str(error) or "interrupted"


def _apply_what_is_there(new: Gateway, say: Say, *, web: bool, smtp: bool) -> None:
    """Prove what the files contain, as far as they can be read: what did not work before does not work now."""
    software = new.side.software(new.shell)
    try:
        expected: tuple[Expected, ...] = layout.shown_by(new.shell, software, web=web, smtp=smtp)
    except ApplianceError as error:
        say(f"the previous certificates cannot be read, so they are not checked: {error}")
        expected = ()
    closed = _closed(new, expected)
    _apply(new, say, web=web, smtp=smtp, known=True)
    undisturbed = replace(new, pace=new.pace.undisturbed())  # the way back goes to its end
    for proof in _prove(undisturbed, [each for each in expected if each not in closed]):
        say(proof.replace("the old", "its previous"))


def _hint(error: BaseException) -> str:
    return error.hint if isinstance(error, Problem) else "try again"
