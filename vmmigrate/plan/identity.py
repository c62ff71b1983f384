"""Who the old gateway is to the rest of the world, and whether it is one that is migrated."""

from vmmigrate.appliance.family import Software
from vmmigrate.appliance.net.guest import GuestNetwork
from vmmigrate.errors import PlanRefused
from vmmigrate.model import Identity
from vmmigrate.plan.live import Live


def refuse_unsupported(software: Software) -> Software:
    """Raises PlanRefused for 6.x, whatever a profile says about its console [F-BACKUP-7, F-REST-4]."""
    if software.family == "6.x":
        raise PlanRefused(
            f"version {software.version or '6.x'} is not migrated: it is not known whether its backup can be"
            " imported into another release and where it keeps its TLS keys",
            hint="migrate 4.x and 5.x appliances; with a REST profile (docs/six.md) `vmmigrate backup export` and"
            " `backup import` work with 6.x",
        )
    return software


def identify(guest: GuestNetwork, mail_name: str, chosen: Live) -> Identity:
    """Of the interface that faces the world."""
    whole = chosen.carry(guest).addressing
    default = whole.default(chosen.first.version)
    return Identity(
        guest.hostname,
        guest.fqdn,
        mail_name,
        str(chosen.first),
        str(default.via) if default and default.via else None,
        tuple(map(str, whole.dns)),
        chosen.nic.mac,
        chosen.nic.network,
        whole,
    )
