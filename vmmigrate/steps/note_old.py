"""Record the old gateway's state: versions, units, banner, settings (as keyed digests)."""

from vmmigrate.appliance import mail
from vmmigrate.appliance.tls import ports
from vmmigrate.appliance.units import unit_states
from vmmigrate.facts import OldState
from vmmigrate.run.stage import Run


def do(run: Run) -> None:
    shell = run.old_shell
    software = run.doors.old.software(shell)
    run.learn(
        OldState(
            packages=software.packages,
            banner=mail.banner(run.old_host, run.settings.old.smtp_port, dial=run.doors.old.dial),
            units=unit_states(shell, software.units.restart_order),
            settings=mail.settings_digest(mail.settings(shell), run.rundir.sealed.digest_key()),
            workstation=shell.own_address(),
            seen_as=shell.seen_address(),
            ports=ports.served(shell, software, run.old_host, run.doors.old.dial),
        )
    )
