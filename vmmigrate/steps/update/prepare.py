"""Prepare an update: claim the host, bring the packages, keep all that a way back needs. No service is touched."""

from collections.abc import Iterator

from vmmigrate.appliance import mail
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.tls import ports
from vmmigrate.errors import ApplianceError
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps.export import DIGESTS
from vmmigrate.steps.update import console, shown
from vmmigrate.steps.update.facts import HostState, KeptPackages
from vmmigrate.steps.update.host import (
    coming,
    dump_path,
    folder,
    new_path,
    old_path,
    plan_of,
    settings_path,
    shell_of,
    tool_of,
    untouched,
)
from vmmigrate.updating import copying, dumping, place, services
from vmmigrate.updating.copying import Brought
from vmmigrate.updating.tools import Busy

_REPACKS = {"deb": "dpkg-repack", "rpm": "rpmrebuild"}
_FETCHED = "fetched"
_THERE, _OTHER = "as it was put there", "another, or none"


def claim(run: Run) -> None:
    words = f"{run.workstation()} {run.clocks.wall():.0f}: an update is in progress"
    place.claim(shell_of(run), run.run_id, words)
    made = ("mkdir", "-p", f"{folder(run)}/new", f"{folder(run)}/old")
    shell_of(run).run(made, user="root")


def release(run: Run) -> None:
    place.release(shell_of(run), run.run_id)


def is_claimed(run: Run) -> Iterator[Check]:
    """Nobody else updates this host."""
    holder = place.claimed_by(shell_of(run))
    ours = holder.split()[:1] == [run.run_id]
    hint = "" if ours else place.taken(shell_of(run), holder).hint
    yield Check(
        "host-claim", f"the claim on {plan_of(run).host}", "this run's", holder or "none", Verdict.of(ours), hint
    )


def note(run: Run) -> None:
    """Once: after a crash the gateway may be half an update further."""
    if run.facts.find(HostState) is not None:
        return
    shell, host, key = shell_of(run), plan_of(run).host, run.rundir.sealed.digest_key()
    dial = run.doors.old.dial
    served = ports.served(shell, run.doors.old.software(shell), host, dial)
    run.learn(
        HostState(
            mail.banner(host, run.settings.old.smtp_port, dial=dial),
            mail.settings_digest(mail.settings(shell), key),
            served,
            shown.fingerprints(run, served),
            services.agent_listens(shell),
        )
    )


def copy(run: Run) -> None:
    """Then the tool there sees whether they could be installed together, before anything stops.

    What comes from repositories is fetched then too: a network that fails is no outage. To fetch, all is resolved.
    """
    plan, shell = plan_of(run), shell_of(run)
    copying.upload(shell, [Brought(each.path, new_path(run, each), each.sha256) for each in plan.packages])
    paths = [new_path(run, package) for package in plan.packages]
    if plan.from_repository and untouched(run):
        if said := tool_of(plan).fetch(shell, paths):
            run.remark(f"on {plan.host}: {said}")
        if coming(run).names:
            return
    tool_of(plan).rehearse(shell, paths)


def is_copied(run: Run) -> Iterator[Check]:
    packages = plan_of(run).packages
    there = copying.digests(shell_of(run), [new_path(run, package) for package in packages])
    for package in packages:
        same = there.get(new_path(run, package)) == package.sha256
        seen = _THERE if same else _OTHER
        yield Check("package-there", f"{package.name} on {plan_of(run).host}", _THERE, seen, Verdict.of(same))
    if plan_of(run).from_repository and untouched(run):
        missing = _missing(run)
        what = f"what they need, on {plan_of(run).host}"
        yield Check("dependencies-there", what, _FETCHED, missing or _FETCHED, Verdict.of(not missing))


def _missing(run: Run) -> str:
    """In words; "" where nothing is."""
    try:
        coming(run)
    except Busy:
        raise
    except ApplianceError as problem:
        return str(problem)
    return ""


def keep(run: Run) -> None:
    """Raises ApplianceError where a package is not given, not in a cache there, and cannot be made of what is there."""
    plan, shell = plan_of(run), shell_of(run)
    given = {each.name: each for each in plan.old if plan.installed.get(each.name) == each.version}
    copying.upload(shell, [Brought(each.path, old_path(run, name), each.sha256) for name, each in given.items()])
    kept = {name: package.version for name, package in given.items()}
    for name, version in plan.installed.items():
        if version and name not in kept and tool_of(plan).keep(shell, f"{folder(run)}/old", name, version):
            kept[name] = version
    gone = [f"{name} {version}" for name, version in plan.installed.items() if version and name not in kept]
    if gone and not plan.no_way_back and plan.vm is None:
        raise ApplianceError(
            f"no package of the installed release is left on {plan.host}: {', '.join(gone)}",
            hint=f"give them with --old-packages DIR, or install {_REPACKS[plan.format]} there; without them the only"
            " way back is a copy of the whole machine, and --no-way-back must be given",
        )
    if gone:
        by_snapshot = "; by the snapshot there is one, until mail is taken again" if plan.vm else ""
        run.remark(f"without a way back by packages: {', '.join(gone)} could not be kept{by_snapshot}")
    run.learn(KeptPackages(kept))


def is_kept(run: Run) -> Iterator[Check]:
    versions = run.facts.of(KeptPackages).versions
    found = copying.digests(shell_of(run), [old_path(run, name) for name in versions])
    for name, version in versions.items():
        there = old_path(run, name) in found
        yield Check("package-kept", f"{name} {version}", "kept", "kept" if there else "gone", Verdict.of(there))


def save(run: Run) -> None:
    plan = plan_of(run)
    console.backup(run)
    copying.save_settings(shell_of(run), settings_path(run), tool_of(plan).configuration, tuple(plan.installed))


def is_saved(run: Run) -> Iterator[Check]:
    there = bool(copying.digests(shell_of(run), [settings_path(run)]))
    yield Check("settings-kept", "copies of the settings", "kept", "kept" if there else "gone", Verdict.of(there))


def try_dump(run: Run) -> None:
    """That it can be made and read back is seen before anything stops; another one is made when nothing changes it."""
    dumped(run)


def dumped(run: Run) -> int:
    """The number of tables in a new dump; what it holds is noted."""
    shell = shell_of(run)
    tables = dumping.dump(shell, dump_path(run))
    digests = read_database(shell, run.rundir.sealed.digest_key())
    run.rundir.write(run.rundir.digests, DIGESTS.dump_json(digests))
    return tables


def is_dumped(run: Run) -> Iterator[Check]:
    there = bool(copying.digests(shell_of(run), [dump_path(run)]))
    yield Check("dump-kept", "the dump of the database", "kept", "kept" if there else "gone", Verdict.of(there))
