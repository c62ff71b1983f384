"""Close the intake of mail, let what is under way end, stop the gateway's services, and the way back of each."""

from collections.abc import Iterator

from hypervisors import NotYet, TimedOut
from vmmigrate.appliance import mail, mailports, sources
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.units import boot_id, unit_states
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps.update import prepare
from vmmigrate.steps.update.facts import DumpedDatabase, HostIntake, HostState, HostStopped, Installing
from vmmigrate.steps.update.host import plan_of, shell_of
from vmmigrate.updating import services

MTA = "postfix"
BY_HAND = "nft delete table inet vmmigrate_intake; systemctl start postfix"  # takes mail again


def close(run: Run) -> None:
    shell = shell_of(run)
    active = sources.active(shell)
    known = run.facts.find(HostIntake)
    stopped = tuple(dict.fromkeys((*(known.stopped if known else ()), *active)))
    boot = boot_id(shell, user="root")
    if known is None or (known.boot_id, known.stopped) != (boot, stopped):
        run.learn(HostIntake(run.wall(), boot, stopped))
    shut(run, shell, active)


def shut(run: Run, shell: Shell, active: tuple[str, ...] = ()) -> None:
    """New mail is refused; what is under way ends. What waits longer stays in the queue, which an update leaves."""
    port = run.settings.old.smtp_port
    listed = shell.run(mailports.QUESTION, user="root", check=False)
    found = mailports.read(listed.stdout if listed.status == 0 else "", port)
    laid = firewall.lay_intake(shell, ports=found.all)
    firewall.close_intake(shell, laid, *sources.stopping(active))
    mail.wait_until_quiet(shell, port, timeout=run.settings.limits.drain, pace=run.pace, carried=True)


def open_again(run: Run) -> None:
    shell, known = shell_of(run), run.facts.find(HostIntake)
    firewall.open_intake(shell)
    if known is not None and known.stopped:
        sources.start(shell, known.stopped)


def is_closed(run: Run) -> Iterator[Check]:
    shell = shell_of(run)
    restarted = boot_id(shell, user="root") != run.facts.of(HostIntake).boot_id
    closed = firewall.intake_closed(shell)
    seen = "open: the host was restarted" if restarted else "closed" if closed else "open"
    yield Check("intake-closed", "the gateway's mail intake", "closed", seen, Verdict.of(seen == "closed"))


def is_open_again(run: Run) -> Iterator[Check]:
    """By its greeting, for which nobody asks for a password."""
    if run.facts.last(HostIntake) is not None:
        yield greeting(run)


def greeting(run: Run) -> Check:
    """Raises Unreachable."""
    host = plan_of(run).host
    said = mail.banner(host, run.settings.old.smtp_port, dial=run.doors.old.dial)
    return Check("live-greeting", f"SMTP at {host}", "a greeting", repr(said), Verdict.PASS)


def all_units(run: Run) -> tuple[str, ...]:
    """In the order in which they stop, under the names of either release."""
    units = plan_of(run).units
    return MTA, units.after, units.before, units.tomcat


def stop(run: Run) -> None:
    shell = shell_of(run)
    if run.facts.find(HostStopped) is None:
        units = services.existing(shell, all_units(run))
        run.learn(HostStopped(units, _enabled(shell, units)))
    stop_all(run)


def stop_all(run: Run) -> None:
    services.stop(shell_of(run), all_units(run), timeout=run.settings.limits.shutdown, pace=run.pace)


def _enabled(shell: Shell, units: tuple[str, ...]) -> tuple[str, ...]:
    """Those that start at a boot."""
    states = shell.run(("systemctl", "is-enabled", *units), user="root", check=False).stdout.split()
    return tuple(unit for unit, state in zip(units, states, strict=False) if state == "enabled")


def start_old(run: Run) -> None:
    """Under the names that they had, after whatever a way back has installed."""
    known = run.facts.find(HostStopped)
    if known is None:
        return
    shell, units = shell_of(run), plan_of(run).units
    shell.run(("systemctl", "daemon-reload"), user="root")
    if known.enabled:
        shell.run(("systemctl", "enable", *known.enabled), user="root")
    services.restart(shell, units.syslog)
    services.start(shell, (units.syslog, units.tomcat, units.before), timeout=_patience(run), pace=run.pace)
    try:
        _wait_for_agent(run)
    except TimedOut as late:
        run.remark(f"Postfix starts all the same, and puts mail off: {late}")
    start_mta(run)


def _wait_for_agent(run: Run) -> None:
    """If it listened there before. Raises TimedOut."""
    known, shell, units = run.facts.find(HostState), shell_of(run), plan_of(run).units
    if known is None or not known.agent:
        return

    def look() -> None:
        if not services.agent_listens(shell):
            raise NotYet("nothing listens there")

    run.wait(
        f"the mail agent to listen at port {mailports.AGENT[0]} of {shell.host}",
        look,
        timeout=_patience(run),
        clears=f"see there: journalctl -u {units.after} -u {units.before}",
    )


def _patience(run: Run) -> float:
    return run.settings.limits.restart


def start_new(run: Run) -> None:
    """All but Postfix: until all is verified no mail leaves by the new release."""
    shell, units = shell_of(run), plan_of(run).units
    services.restart(shell, units.syslog)
    services.start(shell, (units.syslog, units.tomcat, units.after), timeout=_patience(run), pace=run.pace)
    _wait_for_agent(run)


def start_mta(run: Run) -> None:
    services.start(shell_of(run), (MTA,), timeout=_patience(run), pace=run.pace)


def are_stopped(run: Run) -> Iterator[Check]:
    shell = shell_of(run)
    units = services.existing(shell, all_units(run))
    up = [f"{unit} is {state}" for unit, state in unit_states(shell, units).items() if state == "active"]
    yield Check("units-stopped", "the gateway's services", "stopped", ", ".join(up) or "stopped", Verdict.of(not up))


def are_started(run: Run) -> Iterator[Check]:
    units = plan_of(run).units
    names = tuple(filter(None, (units.syslog, units.tomcat, units.after)))
    down = [f"{unit} is {state}" for unit, state in unit_states(shell_of(run), names).items() if state != "active"]
    yield Check("units", "the new services", "active", ", ".join(down) or "active", Verdict.of(not down))


def runs_again(run: Run) -> Iterator[Check]:
    """What a way back has started."""
    units = plan_of(run).units
    names = tuple(filter(None, (units.tomcat, units.before, MTA)))
    down = [f"{unit} is {state}" for unit, state in unit_states(shell_of(run), names).items() if state != "active"]
    yield Check("units", "the old services", "active", ", ".join(down) or "active", Verdict.of(not down))


def dump(run: Run) -> None:
    """Not once the installation began: the database may be half migrated by then."""
    if run.facts.find(DumpedDatabase) is not None and run.facts.find(Installing) is not None:
        return
    run.learn(DumpedDatabase(prepare.dumped(run)))
