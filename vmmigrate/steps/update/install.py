"""Install the new packages; the way back brings the old ones, settings and database, and proves it."""

from collections.abc import Callable, Iterator

from hypervisors import NotYet, Problem
from vmmigrate.appliance.database import lost, read_database
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError, NeedsAttention
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import load_digests
from vmmigrate.steps.update import services as gateway
from vmmigrate.steps.update import snapshot
from vmmigrate.steps.update.facts import Fetched, HostStopped, Installing, KeptPackages, OpenedHost
from vmmigrate.steps.update.host import (
    PAIR,
    coming,
    dump_path,
    new_path,
    old_path,
    plan_of,
    settings_path,
    shell_of,
    tool_of,
    untouched,
    wanted,
)
from vmmigrate.updating import copying, dumping, logs, services
from vmmigrate.updating.tools import Busy, Tool, differing

_WHOLE = "installed whole"


def do(run: Run) -> None:
    """First what the others depend on, then both of the gateway at once.

    Which packages come from repositories is noted before anything is: no other of them ever goes on a way back.
    """
    plan, shell = plan_of(run), shell_of(run)
    tool = tool_of(plan)
    fetched = _noted(run) if plan.from_repository and untouched(run) else ()
    if run.facts.find(Installing) is None:
        run.learn(Installing(dict(plan.installed)))
    if fetched:
        _alone(run, lambda: tool.install_fetched(shell, fetched))
    for group in ([p for p in plan.packages if p.name not in PAIR], [p for p in plan.packages if p.name in PAIR]):
        if group and differing(tool, shell, {package.name: package.version for package in group}):
            paths = [new_path(run, package) for package in group]
            _alone(run, lambda paths=paths: tool.install(shell, paths))  # type: ignore[misc]
    _refuse_half(tool, shell, wanted(plan))
    gateway.stop_all(run)  # what the packages' scripts have started


def _noted(run: Run) -> tuple[str, ...]:
    """What is still to come from repositories. One that is there already, as of another architecture, is not noted."""
    shell, tool, known = shell_of(run), tool_of(plan_of(run)), run.facts.find(Fetched)
    if known is not None:
        _alone(run, lambda: tool.complete(shell))  # it was begun
    found = coming(run)
    there = tool.states(shell, found.new) if found.new else {}
    names = dict.fromkeys((*(known.names if known else ()), *(name for name in found.new if name not in there)))
    if known is None or known.names != tuple(names):
        run.learn(Fetched(tuple(names)))
    return found.names


def _alone(run: Run, act: Callable[[], None]) -> None:
    """Once nobody else works on the packages: a program of ours whose connection broke may be at it still."""

    def attempt() -> None:
        try:
            act()
        except Busy as busy:
            raise NotYet(str(busy)) from busy

    clears = "wait for it, or end it, on the host; see: lslocks"
    run.wait(
        f"the packages of {shell_of(run).host} to be free", attempt, timeout=run.settings.limits.restart, clears=clears
    )


def _refuse_half(tool: Tool, shell: Shell, versions: dict[str, str]) -> None:
    """Raises ApplianceError with each package that is not whole, and what to type."""
    if odd := differing(tool, shell, versions):
        raise ApplianceError(
            f"on {shell.host} not all packages are as they should be: {odd}",
            hint=f"on the host, as root: {tool.audit}",
        )


def holds(run: Run) -> Iterator[Check]:
    odd = differing(tool_of(plan_of(run)), shell_of(run), wanted(plan_of(run)))
    yield Check("packages", f"the packages on {plan_of(run).host}", _WHOLE, odd or _WHOLE, Verdict.of(not odd))


def laid_beside(run: Run) -> tuple[str, ...]:
    """What the new release would have in place of files that were edited."""
    return copying.laid_beside(shell_of(run), settings_path(run), tool_of(plan_of(run)).laid_beside)


def undo(run: Run) -> None:
    """By the snapshot, where that loses no mail; else packages, settings, database, each as it was.

    Nothing where nothing was begun.
    """
    known = run.facts.find(Installing)
    if known is None:
        return
    by_packages = not snapshot.brought_back(run)
    if by_packages:
        _by_packages(run, known.before)
    _prove(run, known.before)
    if by_packages and plan_of(run).from_repository:
        _remove_fetched(run)


def _by_packages(run: Run, before: dict[str, str]) -> None:
    _refuse_without_old(run, before)
    gateway.stop_all(run)
    _disable(run)  # left to the snapshot, which did not bring it back
    _old_packages(run, before)
    shell = shell_of(run)
    if beside := laid_beside(run):
        shell.run(("rm", "-f", "--", *beside), user="root")
    copying.restore_settings(shell, settings_path(run))
    if plan_of(run).log_limits:
        logs.read_again(shell)
    dumping.restore(shell, dump_path(run))


def _old_packages(run: Run, before: dict[str, str]) -> None:
    shell, tool = shell_of(run), tool_of(plan_of(run))
    if not differing(tool, shell, before):
        return
    back = [name for name, version in before.items() if version]
    _alone(run, lambda: tool.install(shell, [old_path(run, name) for name in back], back=True))
    new = [name for name, version in before.items() if not version]
    if present := [name for name in new if name in tool.states(shell, new)]:
        _alone(run, lambda: tool.remove(shell, present, purge=True))
    _alone(run, lambda: tool.complete(shell))
    gateway.stop_all(run)
    _refuse_half(tool_of(plan_of(run)), shell, before)


def _remove_fetched(run: Run) -> None:
    """What was noted before it came, and no other; what something else needs by now stays, which is said.

    Last: what fails of it is no reason to leave the old release half back.
    """
    shell, tool, known = shell_of(run), tool_of(plan_of(run)), run.facts.find(Fetched)
    if known is None:
        run.remark("what was fetched with the update stays: which packages that was is not recorded")
        return
    try:
        there = tool.states(shell, known.names) if known.names else {}
        if present := [name for name in known.names if name in there]:
            _alone(run, lambda: tool.remove(shell, present, purge=False))
    except Problem as failed:
        run.remark(f"what was fetched with the update stays: {', '.join(known.names)}: {failed}")


def _refuse_without_old(run: Run, before: dict[str, str]) -> None:
    """Before anything stops. Raises NeedsAttention with the packages that have to come from a person."""
    if gone := _without_old(run, before):
        tool, why = tool_of(plan_of(run)), "--no-way-back" if plan_of(run).no_way_back else "--vm alone"
        raise NeedsAttention(
            f"{gone} cannot go back: no package of the old release is kept ({why})",
            hint=f"install it by hand, then run this again; on the host, as root: {tool.audit}; the dump of the"
            f" database before it is {dump_path(run)}",
        )


def _without_old(run: Run, before: dict[str, str]) -> str:
    """The packages that are not as before, where one of them is not kept; "" where all can go back."""
    kept = run.facts.of(KeptPackages).versions
    gone = [name for name, version in before.items() if version and name not in kept]
    return ", ".join(gone) if gone and differing(tool_of(plan_of(run)), shell_of(run), before) else ""


def can_go_back(run: Run) -> Iterator[Check]:
    """Once it took mail with the new release it goes back by packages alone: asked before it stops serving."""
    known = run.facts.find(Installing)
    if known is None or run.facts.last(OpenedHost) is None:
        return
    gone, what = _without_old(run, known.before), f"packages of the old release, kept on {plan_of(run).host}"
    hint = f"it took mail, so nothing goes back by a snapshot; install {gone} of before by hand, then run this again"
    yield Check("old-packages", what, "all", f"none of {gone}" if gone else "all", Verdict.of(not gone), hint)


def _prove(run: Run, before: dict[str, str]) -> None:
    """Raises ApplianceError: it must not be called as before while it is not."""
    shell, had = shell_of(run), load_digests(run)
    now = read_database(shell, run.rundir.sealed.digest_key(), like=had)
    if now != had:
        raise ApplianceError(
            f"the database of {shell.host} is not as it was dumped: {'; '.join(lost(had, now)) or 'other rows'}",
            hint=f"see there: pg_restore --list {dump_path(run)}",
        )
    _refuse_half(tool_of(plan_of(run)), shell, before)


def is_undone(run: Run) -> Iterator[Check]:
    known = run.facts.last(Installing)
    if known is not None:
        odd = differing(tool_of(plan_of(run)), shell_of(run), known.before)
        yield Check("packages", "the old packages", _WHOLE, odd or _WHOLE, Verdict.of(not odd))


# $1…: folders. Each must be a folder by its own whole name, so that nothing is cleared behind a link. They are of
# Tomcat, whose account may put a link above them between look and act: so each is cleared from where we stand.
_CLEAR = """\
for d in "$@"; do
  test -e "$d" || test -L "$d" || continue
  if test -L "$d" || ! test -d "$d" || test "$(readlink -f "$d")" != "$d"; then echo "$d" >&2; exit 9; fi
done
for d in "$@"; do
  test -e "$d" || continue
  (cd -P -- "${d%/*}" && test "$(env pwd -P)" = "${d%/*}" && rm -rf --one-file-system -- "./${d##*/}") ||
    { echo "$d" >&2; exit 9; }
done
"""


def clear(run: Run) -> None:
    """Exactly the two folders of the console in Tomcat's cache [F-UPDATE-3]."""
    shell = shell_of(run)
    done = shell.run(("sh", "-c", _CLEAR, "clear", *plan_of(run).caches), user="root", check=False)
    if done.status:
        raise ApplianceError(
            f"{done.stderr.strip() or 'the cache'} was not cleared: it is a link, or no folder",
            hint="look at that path on the host, then run this again",
        )


def enable(run: Run) -> None:
    plan, shell = plan_of(run), shell_of(run)
    services.enable(shell, plan.units.after)
    if plan.log_limits and (left := logs.lay(shell, plan.log_limits)):
        run.remark(left)


def stop_new(run: Run) -> None:
    if not snapshot.brings_back(run):
        gateway.stop_all(run)


def disable(run: Run) -> None:
    if not snapshot.brings_back(run):
        _disable(run)


def _disable(run: Run) -> None:
    """Only what did not start at a boot before; while its unit is there."""
    shell, unit, known = shell_of(run), plan_of(run).units.after, run.facts.find(HostStopped)
    if plan_of(run).log_limits:
        logs.take_away(shell)
    if known is not None and unit not in known.enabled and services.existing(shell, (unit,)):
        shell.run(("systemctl", "disable", unit), user="root")
