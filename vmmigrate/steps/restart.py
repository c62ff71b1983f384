"""Restart the new guest after the import, as the vendor demands, with the network that the plan gave it."""

from vmmigrate.appliance.family import detect
from vmmigrate.appliance.units import boot_id, reboot, wait_until_active
from vmmigrate.model import Reboot
from vmmigrate.run import Run
from vmmigrate.steps import address


def do(run: Run) -> None:
    """A reboot, not a restart of services: it also proves that the guest comes back, isolated, on its own."""
    shell, limits = run.new_shell, run.settings.limits
    address.do(run)  # an archive may carry network settings: whether it does is unknown, so they are set again
    if run.facts.find(Reboot) is None:
        run.learn(Reboot(boot_id(shell)))
    before = run.facts.of(Reboot).boot_id
    reboot(shell, before, timeout=limits.restart, clock=run.clock, tick=run.tick)
    units = detect(shell).units.restart_order
    wait_until_active(shell, units, timeout=limits.restart, clock=run.clock, tick=run.tick)
