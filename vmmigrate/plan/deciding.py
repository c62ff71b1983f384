"""Make the Plan out of the answers, and have the hypervisor rehearse it."""

from collections.abc import Iterator

from hypervisors import Carried, DeploySpec
from vmmigrate import properties
from vmmigrate.model import Plan, Premise
from vmmigrate.plan import beside, gateway, image, placement
from vmmigrate.plan.hypervisor import mac_by_hand, new_name, old_vm, retired_name
from vmmigrate.plan.look import Look
from vmmigrate.plan.risks import insecure
from vmmigrate.steps import deploy


def new_mac(look: Look) -> str | None:
    """None if the new NIC may have the old one's MAC."""
    old = look.of(gateway.identity).mac
    if look.hypervisor.keeps_mac(old):
        return None
    mac = mac_by_hand(look.of(new_name))
    look.findings.warn(
        "mac",
        f"{old} is from a range that vCenter assigns itself; the new VM's live NIC gets {mac}",
        "enter it wherever the old MAC is known: DHCP reservations, firewalls, switch ports",
    )
    return mac


def plan(look: Look) -> Plan:
    """Without its findings, which are not complete yet."""
    new, machine = look.settings.new, look.of(image.hardware)
    return Plan(
        hypervisor=look.hypervisor.url,
        old=look.of(old_vm).vm,
        old_version=look.of(gateway.software).version,
        identity=look.of(gateway.identity),
        image=look.of(image.image),
        new_name=look.of(new_name),
        store=look.of(placement.store).name,
        staging=look.of(placement.staging) or look.of(gateway.identity).network,
        staging_first=new.staging_first,
        vcpus=machine.vcpus,
        memory=machine.memory,
        firmware=machine.firmware,
        disk_bus=machine.disk_bus,
        folder=new.folder,
        like_old=new.like_old,
        properties=properties.as_shown(new),
        new_mac=look.of(new_mac),
        retired_name=look.of(retired_name),
        restarts_for_name=not getattr(look.hypervisor, "renames_running", True),
        mail_queue=look.settings.mail.queue,
        run_id=look.run_id,
        same_lan=look.of(beside.same_lan),
        insecure=insecure(look.settings),
        premises=tuple(Premise(name, value) for name, value in _premises(look)),
    )


def _premises(look: Look) -> Iterator[tuple[str, str]]:
    identity, machine, new = look.of(gateway.identity), look.of(image.hardware), look.settings.new
    yield "old VM", look.of(old_vm).vm.id
    yield "old version", look.of(gateway.software).version
    yield "live address", identity.address
    yield "live MAC", identity.mac
    yield "live network", str(identity.network)
    yield "host name", identity.hostname
    yield "guest's network", "; ".join(identity.addressing.lines())
    yield "image SHA-256", look.of(image.image).sha256
    yield "new name", look.of(new_name)
    yield "renaming", look.of(retired_name) or "none"
    yield "pool", look.of(placement.store).name
    staging = look.of(placement.staging) or f"the live network, at {look.of(beside.same_lan)}"
    yield "staging", f"{staging}{', first' if new.staging_first else ''}"
    yield "vCPUs", str(machine.vcpus)
    yield "memory", f"{machine.memory // 2**20} MiB"
    yield "firmware", machine.firmware
    yield "disk bus", machine.disk_bus or "as the old VM's"
    yield "folder", new.folder or "as the old VM's"
    yield "like the old VM", "as the hypervisor does" if new.like_old is None else ", ".join(new.like_old) or "nothing"
    yield "properties", "; ".join(properties.in_words(properties.as_shown(new))) or "none"
    yield "mail that waits", look.settings.mail.queue
    yield "insecure", ", ".join(insecure(look.settings)) or "nothing"


def rehearsal(look: Look) -> None:
    for missing in look.hypervisor.rehearse(_spec(look)):
        look.findings.warn("deployment", str(missing), missing.hint)


def carried(look: Look) -> tuple[Carried, ...]:
    return look.hypervisor.carried(_spec(look))


def _spec(look: Look) -> DeploySpec:
    """Without the secret properties, which are not asked for yet."""
    made = look.of(plan)
    plain = {key: value for key, value in made.properties.items() if value is not None}
    return deploy.spec(made, look.run_id, plain)
