"""The command that checks this workstation, and asks a hypervisor what no documentation says."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmmigrate.commands.execute import carry_out
from vmmigrate.commands.options import Config, Json
from vmmigrate.commands.terminal import echo

if TYPE_CHECKING:
    from hypervisors import Hypervisor, Probe
    from vmmigrate.durable import Sink
    from vmmigrate.findings import Finding
    from vmmigrate.parts import Parts


def doctor(
    connect: Annotated[
        str | None, typer.Option("--connect", "-c", metavar="URL", help="Try this hypervisor too, reading only.")
    ] = None,
    hypervisor: Annotated[
        str | None,
        typer.Option(
            "--hypervisor",
            metavar="URL",
            help="Try this hypervisor, and ask it what no documentation says: two small VMs of its own are made there,"
            " started, and removed. Plans for it have the answers.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write those answers into this file, as JSON.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the report if it exists.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check what is missing on this workstation, and how to fix it.

    Exit code 0 if a migration can be run, 2 if something is missing.

    Example: vmmigrate doctor --connect qemu+ssh://root@kvm1.example.org/system

    Example: vmmigrate doctor --hypervisor hyperv+ssh://Administrator@hv1.example.org --report hv1.json
    """
    from vmmigrate.doctor import examine, this_one
    from vmmigrate.doctor.places import configuration
    from vmmigrate.findings import errors
    from vmmigrate.parts import access_to
    from vmmigrate.show.doctor import name_of

    absent: list[str] = []

    def hear(finding: "Finding") -> None:
        _show(finding, json)
        absent.extend(map(name_of, errors([finding])))

    def act(parts: "Parts", _: Any) -> None:
        _refuse_contrary(connect, hypervisor, report)
        settings = configuration(config, os.environ)[1]
        access = access_to(settings, parts)
        here = this_one(os.environ, config, lambda url: parts.connect(url, access), connect or hypervisor)
        with _into(report, force=force) as sink:
            for finding in examine(here):
                hear(finding)
            if hypervisor and "hypervisor" not in absent:
                for finding in _asked(partial(here.connect, hypervisor), settings.hypervisor.store or "", sink):
                    hear(finding)

    carry_out(act, json=json)
    if not json:
        echo([f"fix first: {', '.join(dict.fromkeys(absent))}" if absent else "a migration can be run from here"])
    if absent:
        raise typer.Exit(2)


def _refuse_contrary(connect: str | None, hypervisor: str | None, report: Path | None) -> None:
    from vmmigrate.errors import UsageProblem

    if connect and hypervisor:
        raise UsageProblem("--connect and --hypervisor are both given", hint="--hypervisor alone tries it too")
    if report and not hypervisor:
        raise UsageProblem("--report has no answers to write", hint="give --hypervisor URL too")


@contextmanager
def _into(report: Path | None, *, force: bool) -> "Iterator[Sink | None]":
    """A file that cannot be written is refused before anybody is asked."""
    from vmmigrate.durable import new_file

    if report is None:
        yield None
    else:
        with new_file(report, force=force) as (sink, _):
            yield sink


def _asked(connect: "Callable[[], Hypervisor]", store: str, sink: "Sink | None") -> "Iterator[Finding]":
    """What the probe found; a probe that failed is a finding too, and stands in the report."""
    from hypervisors import Problem
    from vmmigrate.doctor import probing

    hypervisor, made = connect(), None
    try:
        made = probing.probe(hypervisor, connect, store)
        _write(sink, made, made.unkept if made else "")
        yield from probing.findings(made)
    except Problem as problem:
        _write(sink, made, str(problem))
        yield probing.failed(problem)
    finally:
        with suppress(Problem):
            hypervisor.close()


def _write(sink: "Sink | None", made: "Probe | None", problem: str) -> None:
    import json

    from vmmigrate.doctor import probing

    if sink is not None:
        sink.write(json.dumps(probing.report(made, problem), indent=2).encode() + b"\n")


def _show(finding: "Finding", json: bool) -> None:
    from vmmigrate.show.doctor import finding_json, finding_lines
    from vmmigrate.show.jsonlines import JsonLines

    if json:
        JsonLines(sys.stdout).write(finding_json(finding))
    else:
        echo(finding_lines(finding))
