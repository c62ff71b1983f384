"""Plan the package update of a gateway that was installed from packages: read the set, look at the host."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vmmigrate import limits, reading
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import UsageProblem
from vmmigrate.findings import Findings, refusal
from vmmigrate.parts import Parts, doors_of, hypervisor_of, reported
from vmmigrate.settings.models import Settings
from vmmigrate.steps.update import console
from vmmigrate.updating import machine, needs, signatures
from vmmigrate.updating.chosen import choose
from vmmigrate.updating.look import look_at
from vmmigrate.updating.packages import Package, digests_of, packages_in, read_package, sha256_of
from vmmigrate.updating.planning import UpdatePlan, plan_of
from vmmigrate.updating.request import Request


def plan(request: Request, settings: Settings, parts: Parts) -> UpdatePlan:
    """Changes nothing, here or there.

    Raises PlanRefused with all that is in the way, UsageProblem, and what a log-in raises.
    """
    key, sums, before = request.key, request.sums, request.old_packages
    given, signer = _given(request.packages, key, sums)
    old = _given(before, key, _sums_of(before, sums))[0] if before else ()
    with reported(parts, "plan", "Check everything, change nothing"), doors_of(settings, parts) as doors:
        shell = doors.old.shell(request.host)
        seen = look_at(shell)
        made = replace(plan_of(request.host, seen, choose(given, seen.host)), old=old, pam=request.pam)
        if not made.nothing_to_do:
            missing = needs.findings(needs.look(shell, made.packages), fetches=request.from_repository)
            made = made.having(*missing, *console.findings(doors, shell, made))
            if request.vm is not None:
                made = _with_machine(made, request.vm, settings, parts, shell)
    if signer:
        made = replace(made, why=(*made.why, f"each package is signed by the key {signer}"))
    if made.blocked:
        raise refusal(made.blocked)
    return made


def _with_machine(made: UpdatePlan, name: str, settings: Settings, parts: Parts, shell: Shell) -> UpdatePlan:
    with hypervisor_of(settings, parts) as hypervisor:
        vm = hypervisor.find(name)
        return made.with_machine(vm, machine.findings(hypervisor, vm, shell, parts.wall()))


def _given(folder: Path, key: Path | None, sums: Path | None) -> tuple[tuple[Package, ...], str]:
    """The packages there, and the fingerprint of the key that signed them; "" where none is asked for."""
    if sums is not None:
        _refuse_others(_digests(folder), sums)  # before any tool reads them
    signed = _signed(folder, key, sums) if key else None
    given = read(folder)
    if sums is not None:
        _refuse_others({package.path: package.sha256 for package in given}, sums)
    if signed is not None and signed.digests != {package.path: package.sha256 for package in given}:
        raise UsageProblem(f"what is in {folder} changed meanwhile", hint="see who writes there; then run this again")
    return given, signed.key if signed else ""


def _sums_of(old_folder: Path, sums: Path | None) -> Path | None:
    """Each release has a file of its own: the old one's is beside its packages, or `sums` names both."""
    beside = old_folder / "SHA256SUMS"
    return beside if sums is not None and beside.is_file() else sums


def read(folder: Path) -> tuple[Package, ...]:
    """Raises PlanRefused with each package that cannot be read."""
    found = Findings()
    paths = packages_in(folder)
    given = [found.ask("package", lambda path=path: read_package(path)) for path in paths]  # type: ignore[misc]
    found.refuse_if_blocked()
    if not given:
        raise UsageProblem(f"{folder} has no package", hint="give the folder with the new release's .deb or .rpm files")
    return tuple(package for package in given if package)


@dataclass(frozen=True)
class _Signed:
    """`digests`: of what was looked at, SHA-256, hex; `key`: fingerprint."""

    digests: Mapping[Path, str]
    key: str


def _signed(folder: Path, key: Path, sums: Path | None) -> _Signed:
    digests = _digests(folder)
    return _Signed(digests, signatures.verify(digests, key, sums))


def _digests(folder: Path) -> dict[Path, str]:
    return {path: sha256_of(path) for path in packages_in(folder)}


def _refuse_others(given: Mapping[Path, str], sums: Path) -> None:
    """`given`: SHA-256, hex. Raises PlanRefused for a package that the file does not name, or with another digest."""
    try:
        digests = digests_of(reading.data(sums, limits.PLAN).decode(errors="replace"))
    except ValueError as error:
        raise UsageProblem(f"{sums}: {error}", hint="give the SHA256SUMS file of the release") from error
    except OSError as error:
        raise UsageProblem(f"{sums}: {error.strerror}", hint="give the SHA256SUMS file of the release") from error
    found = Findings()
    for path, sha256 in given.items():
        published = digests.get(path.name)
        if published != sha256:
            seen = f"{path.name}: {'not in ' + sums.name if published is None else 'its SHA-256 is another'}"
            found.error("package-digest", seen, "download it again, from the publisher")
    found.refuse_if_blocked()
