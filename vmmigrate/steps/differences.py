"""What differs between both gateways and only the operator can judge: each has the id by which it is accepted."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from hypervisors import LoginRefused, Problem
from vmmigrate.appliance import authorized, listeners, mail, maps, transports
from vmmigrate.appliance.looking import LookingShell, looking
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.tls import ports
from vmmigrate.facts import OldState
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.settings.accepting import DECISIONS
from vmmigrate.steps import outgoing
from vmmigrate.steps.comparing import Comparison, compare_all

_AS_OLD = "as in the old gateway"
_STAGING = "over staging, as root"


Looks = tuple[LookingShell, LookingShell]  # at the old guest and at the new one


def looks(run: Run) -> Looks:
    return looking(run.old_shell), looking(run.new_shell)


def compared(run: Run, limit: float, ids: Collection[str] = tuple(DECISIONS), *, by: Looks | None = None) -> Checks:
    """Those of these ids, as they are now. `limit`: seconds to wait for a port that does not answer yet."""
    old, new = by or looks(run)
    with suppress(Problem):  # each asks what is not known yet, and says itself why it got no answer
        _ask_ahead(old, new)
    table = [each for each in _table(old, new) if each.id in ids]
    return compare_all(table, run, run.new_guest.staging_address, limit, Checks())


def _ask_ahead(old: LookingShell, new: LookingShell) -> None:
    """In three commands: on an emulated guest each takes a second or two.

    Of the old guest's accounts only root is asked about with the rest (asking.ask_all): what the others run there is
    not ours. In the new one, which is isolated, nobody has logged in yet.
    """
    old.ahead(*maps.QUESTIONS, listeners.QUESTION, transports.SERVICES, user="root")
    new.ahead(maps.SETTINGS, listeners.QUESTION, transports.SERVICES, authorized.ACCOUNTS, user="root")
    paths = maps.named(old)
    for shell, homes in _homes(old, new):
        with_rest = (authorized.question(name, home) for name, home in homes.items() if shell is new or name == "root")
        shell.ahead(*map(maps.question, paths), *with_rest, user="root")


def drift(run: Run, shell: LookingShell | None = None) -> tuple[str, ...]:
    """Names of the main.cf parameters that the new gateway lacks, or has with another value."""
    now = mail.settings_digest(mail.settings(shell or run.new_shell), run.rundir.sealed.digest_key())
    differs = mail.drift(run.facts.of(OldState).settings, now)
    return tuple(sorted({*differs.missing, *differs.changed}))


def names(run: Run, checks: Checks, new: LookingShell) -> tuple[str, ...]:
    """The same, where a check has found some: as they are, and not as a check shows them."""
    found = any(check.id == "main-cf" and check.verdict is Verdict.FAIL for check in checks.failed)
    return drift(run, new) if found else ()


def _table(old: LookingShell, new: LookingShell) -> tuple[Comparison, ...]:
    return (
        Comparison("ports", "ports", _ports, "add the service to master.cf, or the connector to server.xml, there"),
        Comparison(
            "main-cf",
            "main.cf",
            lambda run, host, limit: (_main_cf(run, new),),
            f"set what is missing: postconf -e NAME=VALUE, {_STAGING}",
        ),
        Comparison(
            "maps",
            "files in which Postfix looks things up",
            lambda run, host, limit: (_maps(old, new),),
            f"copy them, and run postmap where their type needs it, {_STAGING}",
        ),
        Comparison(
            "authorized-keys",
            "keys that may log in over SSH",
            lambda run, host, limit: (_keys(old, new),),
            f"add what is missing to authorized_keys, and take out what is too much, {_STAGING}",
        ),
        Comparison(
            "listeners",
            "ports at which the guests listen",
            lambda run, host, limit: (_listeners(old, new),),
            f"install or start what listens there, or stop what should not, {_STAGING}: ss -Hltnp",
        ),
        Comparison(
            "first-password",
            "the image's first password",
            _first_password,
            "change it there (passwd, over staging), and give the new one as new.ssh.new_password",
        ),
        Comparison(
            "first-account",
            "the image's first console account",
            _first_account,
            "delete it in the new console, or change its password",
        ),
        *outgoing.table(old, new),
    )


def _check(id_: str, what: str, seen: str) -> Check:
    return Check(id_, what, _AS_OLD, seen or _AS_OLD, Verdict.of(not seen))


def _ports(run: Run, host: str, limit: float) -> Iterator[Check]:
    return ports.compared(run.facts.of(OldState).ports, host, run.dial_to(host), limit, run.pace)


def _main_cf(run: Run, new: LookingShell) -> Check:
    return _check("main-cf", "main.cf", ", ".join(drift(run, new)))


def _maps(old: LookingShell, new: LookingShell) -> Check:
    paths = maps.named(old)
    seen = maps.differing(paths, maps.digests(old, paths), maps.digests(new, paths))
    return _check("maps", "files in which Postfix looks things up", "; ".join(seen))


def _keys(old: LookingShell, new: LookingShell) -> Check:
    both = [authorized.keys(shell, homes) for shell, homes in _homes(old, new)]
    unknown, differing = (tuple(each(*both)) for each in (authorized.unknown, authorized.differing))
    check = _check("authorized-keys", "keys that may log in over SSH", "; ".join((*unknown, *differing)))
    return replace(check, verdict=Verdict.UNKNOWN) if unknown else check


def _homes(old: LookingShell, new: LookingShell) -> Iterator[tuple[LookingShell, dict[str, str]]]:
    """Anybody may read who has an account; in the new guest root reads it in one command with more."""
    for shell, user in ((old, None), (new, "root")):
        yield shell, authorized.homes(shell.run(authorized.ACCOUNTS, user=user).stdout)


def _listeners(old: LookingShell, new: LookingShell) -> Check:
    seen = listeners.differing(listeners.ports(old), listeners.ports(new))
    return _check("listeners", "ports at which the guests listen", seen)


def _first_password(run: Run, host: str, limit: float) -> Iterator[Check]:
    """Whether we logged in with it ourselves. Where a key was enough, nothing is known of it."""
    keeps = run.doors.new.keeps_first_password(run.new_shell)
    if keeps is not None:
        what = f"the image's first password of {run.settings.new.ssh.user!r}"
        yield Check("first-password", what, "changed", "still valid" if keeps else "changed", Verdict.of(not keeps))


def _first_account(run: Run, host: str, limit: float) -> Iterator[Check]:
    """The import replaces the accounts; where it adds to them, the image's is known to everybody who has the image."""
    first, old = run.doors.new.account, run.doors.old.account
    same = (first.user, first.password) == (old.user, old.password)
    seen = "the old gateway has it too" if same else "accepted" if _opens(run, first) else "refused"
    what = f"console log-in of {first.user!r} with the image's first password"
    yield Check("first-account", what, "refused", seen, Verdict.of(seen == "refused"))


def _opens(run: Run, account: Account) -> bool:
    console = run.new_console(run.doors.new.console_pin(run.new_shell, run.new_guest.console_url))
    try:
        console.log_in(account)
    except LoginRefused:
        return False
    finally:
        console.close()
    return True
