"""Ask everything, change nothing: what stands in the way becomes findings, what was decided a Plan."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypervisors import (
    GuestAgent,
    Hypervisor,
    Image,
    Inventory,
    Network,
    Nic,
    NotFound,
    PowerState,
    ProgressListener,
    Store,
    identify_image,
)
from vmmigrate import hardware, properties
from vmmigrate.appliance import mail
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import firewall, network
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.archives import read_archive, refuse_unknown
from vmmigrate.doors import Doors
from vmmigrate.errors import PlanRefused
from vmmigrate.findings import Findings
from vmmigrate.model import Identity, Plan, Premise
from vmmigrate.settings.models import Settings
from vmmigrate.steps import deploy
from vmmigrate.steps.claim import refuse_foreign_claim
from vmmigrate.steps.intake import refuse_stuck_mail


@dataclass
class Preflight:
    """One look at everything a migration will touch."""

    hypervisor: Hypervisor
    settings: Settings
    doors: Doors
    progress: ProgressListener
    findings: Findings = field(default_factory=Findings)

    def plan(self, old: str, image: Path, run_id: str) -> Plan:
        """Raises PlanRefused where too much is wrong to make a plan; else the plan, with its findings."""
        found = self.findings
        inventory = found.ask("old-vm", lambda: self._old_vm(old))
        what = found.ask("image", lambda: self._image(image))
        found.ask("backup-file", self._archive)
        found.refuse_if_blocked()
        assert inventory is not None
        assert what is not None
        name = self.settings.new.name or f"{inventory.vm.name}-{run_id}"
        store = found.ask("store", lambda: self._store(what, inventory))
        staging = found.ask("staging", self._staging)
        found.ask("new-name", lambda: self._free(name))
        found.all += properties.faults(properties.told(self.settings.new), what, self.hypervisor)
        found.all += properties.unheard(what, self.hypervisor)
        guest = self._old_guest(inventory, staging)
        found.refuse_if_blocked()
        assert store is not None
        assert staging is not None
        assert guest is not None
        identity, software = guest
        made = self._decide(inventory, software, identity, what, name, store, staging)
        found.ask("deployment", lambda: self._rehearse(made, run_id))
        return replace(made, findings=tuple(found.all))

    def _decide(
        self,
        inventory: Inventory,
        software: Software,
        identity: Identity,
        image: Image,
        name: str,
        store: Store,
        staging: Network,
    ) -> Plan:
        new, machine = self.settings.new, self._hardware(image, inventory)
        handed = properties.told(new)
        return Plan(
            hypervisor=self.hypervisor.url,
            old=inventory.vm,
            old_version=software.version,
            identity=identity,
            image=image,
            new_name=name,
            store=store.name,
            staging=staging,
            staging_first=new.staging_first,
            vcpus=machine.vcpus,
            memory=machine.memory,
            firmware=machine.firmware,
            disk_bus=machine.disk_bus,
            folder=new.folder,
            properties=handed,
            new_mac=self._new_mac(identity.mac, name),
            insecure=_insecure(self.settings),
            premises=(
                *_premises(inventory, software, identity, image, store),
                Premise("staging", f"{staging}{', first' if new.staging_first else ''}"),
                Premise("vCPUs", str(machine.vcpus)),
                Premise("memory", f"{machine.memory // 2**20} MiB"),
                Premise("firmware", machine.firmware),
                Premise("disk bus", machine.disk_bus or "as the old VM's"),
                Premise("folder", new.folder or "as the old VM's"),
                Premise("properties", "; ".join(properties.in_words(handed)) or "none"),
                Premise("insecure", ", ".join(_insecure(self.settings)) or "nothing"),
            ),
        )

    def _rehearse(self, made: Plan, run_id: str) -> None:
        """Without the secrets among the properties, which are not asked for yet."""
        plain = {key: value for key, value in made.properties.items() if value is not None}
        for lacking in self.hypervisor.rehearse(deploy.spec(made, run_id, plain)):
            self.findings.warn("deployment", str(lacking), lacking.hint)

    def _new_mac(self, old: str, name: str) -> str | None:
        """None where the new NIC may have the old one's."""
        if self.hypervisor.keeps_mac(old):
            return None
        mac = mac_by_hand(name)
        self.findings.warn(
            "mac",
            f"{old} is from a range that vCenter gives out by itself; the new VM's live NIC gets {mac}",
            "tell whatever knows the old MAC: DHCP reservations, firewalls, switch ports",
        )
        return mac

    # ---- the image -----------------------------------------------------------------------------------------

    def _image(self, path: Path) -> Image:
        said = self.settings.image
        image = identify_image(path, self.progress, sha256=said.sha256, ca_file=said.ca_file)
        for remark in image.remarks:
            self.findings.note("image", remark)
        return image

    def _archive(self) -> None:
        """One exported by hand, judged as `backup import` judges it; whether a password opens it, the console tells."""
        backup = self.settings.backup
        if backup.file is None:
            return
        password = self.doors.secrets.get("backup.password") if backup.password else None
        hint = "export it again in the browser, or leave it out: then the old console is asked for one"
        seen = refuse_unknown(read_archive(backup.file, password, self.progress), hint=hint)
        if seen.encrypted and not backup.password:
            self.findings.warn(
                "backup-file", f"{backup.file} is encrypted, and no password is given", "set backup.password"
            )

    def _hardware(self, image: Image, inventory: Inventory) -> hardware.Hardware:
        decided = hardware.decide(self.settings.new, image, inventory)
        if image.ovf:
            self.findings.all += hardware.doubts(decided, image.ovf, inventory)
        return decided

    # ---- the hypervisor ------------------------------------------------------------------------------------

    def _old_vm(self, name: str) -> Inventory:
        inventory = self.hypervisor.inventory(self.hypervisor.find(name))
        if inventory.power is not PowerState.RUNNING:
            raise PlanRefused(
                f"{inventory.vm.name} is not running", hint="start it: its backup and keys are read from it"
            )
        refuse_foreign_claim(inventory.notes, run_id="no run yet")
        return inventory

    def _store(self, image: Image, old: Inventory) -> Store:
        """As set, else the only one, else where the old VM's first disk is."""
        stores = {store.name: store for store in self.hypervisor.stores() if store.active}
        wanted, olds = self.settings.hypervisor.store, old.disks[0].store if old.disks else ""
        name = wanted or (next(iter(stores)) if len(stores) == 1 else olds)
        if name not in stores:
            what = f"no active storage pool or datastore {wanted!r}" if wanted else "it is not clear which store to use"
            raise PlanRefused(
                f"{what} (there are: {', '.join(stores) or 'none'})",
                hint="choose one with hypervisor.store or --store NAME",
            )
        chosen = stores[name]
        if chosen.available < image.virtual_size:
            raise PlanRefused(
                f"{name} has {chosen.available / 2**30:.1f} GiB left, "
                f"the image may grow to {image.virtual_size / 2**30:.1f} GiB",
                hint="make room, or choose another store with hypervisor.store or --store NAME",
            )
        if not wanted and len(stores) > 1:
            self.findings.note("store", f"the new disk goes to {name}, which holds the old VM's first disk")
        return chosen

    def _staging(self) -> Network:
        networks = self.hypervisor.networks()
        wanted = self.settings.new.staging
        fitting = [each for each in networks if wanted and wanted in (each.name, str(each))]
        if len(fitting) > 1:
            raise PlanRefused(
                f"{len(fitting)} networks are called {wanted!r}: {', '.join(map(str, fitting))}",
                hint="name one as it stands here, with new.staging or --staging NETWORK; of two that stand here alike,"
                " give one another name",
            )
        if fitting:
            return fitting[0]
        if wanted and wanted.startswith("bridge:"):
            return Network(wanted.removeprefix("bridge:"), "bridge")
        listed = ", ".join(map(str, networks)) or "none"
        what = f"no network {wanted!r}" if wanted else "no staging network is chosen"
        raise PlanRefused(
            f"{what} (there are: {listed})",
            hint="name one that this workstation reaches and the world does not, with new.staging or --staging NETWORK",
        )

    def _free(self, name: str) -> None:
        try:
            taken = self.hypervisor.find(name)
        except NotFound:
            return
        raise PlanRefused(
            f"there is a virtual machine {taken.name!r} already",
            hint="choose another name with new.name or --name NAME",
        )

    # ---- the old guest -------------------------------------------------------------------------------------

    def _old_guest(self, inventory: Inventory, staging: Network | None) -> tuple[Identity, Software] | None:
        host = self.findings.ask("old-address", lambda: self._old_address(inventory))
        if host is None:
            return None
        shell = self.doors.old.shell(host)
        software = self.findings.ask("old-shell", lambda: refuse_unsupported(self.doors.old.software(shell)))
        if software is None:
            return None
        identity = self.findings.ask("identity", lambda: read_identity(shell, host, inventory))
        if self.settings.backup.file is None:
            self.findings.ask("console", lambda: self._console(shell))
        self.findings.ask("queues", lambda: refuse_stuck_mail(shell))
        self.findings.ask("firewall", lambda: firewall.refuse_without_firewall(shell))
        self.findings.ask("database", lambda: read_database(shell, b"only a look"))
        if identity is None:
            return None
        if staging == identity.network:
            self.findings.error(
                "staging",
                f"{staging} is the live network: the new guest would answer there for the live address",
                "choose another network with new.staging or --staging NETWORK",
            )
        self.findings.ask("tls", lambda: self._keys(shell, software, identity))
        self.findings.ask("network", lambda: self._tell_addresses(shell, identity))
        self._remark(inventory)
        return identity, software

    def _old_address(self, inventory: Inventory) -> str:
        if self.settings.old.address:
            return self.settings.old.address
        found = sorted({each.address for each in self.hypervisor.addresses(inventory.vm) if ":" not in each.address})
        if len(found) != 1:
            raise PlanRefused(
                f"the hypervisor tells {len(found)} addresses of {inventory.vm.name} ({', '.join(found) or 'none'})",
                hint="give the old gateway's address with old.address or --old-address ADDRESS",
            )
        return found[0]

    def _console(self, shell: Shell) -> None:
        """One log-in, and a look at the backup page: no backup is made."""
        console = self.doors.old.console_of(shell)
        try:
            console.log_in(self.doors.old.account)
            console.find_backup()
        finally:
            console.close()

    def _tell_addresses(self, shell: Shell, identity: Identity) -> None:
        """What the new VM will not have of the old one's addresses and resolvers."""
        guest = network.read_network(shell)
        more = [each for each in guest.by_mac(identity.mac).addresses if each != identity.address]
        if more:
            self.findings.warn(
                "addresses", f"the live NIC also has {', '.join(more)}", "add them in the new guest by hand"
            )
        own = [server for server in guest.dns if server not in identity.dns]
        if own:
            self.findings.warn(
                "resolver",
                f"the old guest resolves names by itself ({', '.join(own)})",
                "see that the new guest has a resolver before mail must go out",
            )

    def _keys(self, shell: Shell, software: Software, identity: Identity) -> None:
        self.findings.all += tls.refuse_unusable(tls.collect(LookingShell(shell), software), identity.mail_name)

    def _remark(self, inventory: Inventory) -> None:
        if sum(nic.link_up or nic.stored_link_up for nic in inventory.nics) > 1:
            self.findings.error(
                "nics",
                f"the old VM has {len(inventory.nics)} connected NICs; it would stay live on all but one",
                "set down what is not needed, now and for the next start; more than one is not supported",
            )
        if len(inventory.disks) > 1:
            self.findings.warn(
                "disks",
                f"the old VM has {len(inventory.disks)} disks",
                "the new VM gets the image's disk; carry over what lies on the others by hand",
            )
        if self.settings.new.trust_staging:
            self.findings.warn(
                "trust-staging",
                "the new VM's host key is believed as the staging network shows it",
                "set new.ssh.host_key"
                + (", or use an image with a guest agent" if isinstance(self.hypervisor, GuestAgent) else ""),
            )
        for via in dict.fromkeys(filter(None, (self.settings.old.via, self.settings.new.via))):
            self.findings.warn(
                "via",
                f"everybody on the jump host {via.host} is let in by the firewall that isolates the new VM until it is"
                " opened: the guest sees that machine, not this one",
                "use a jump host where administrators alone log in",
            )


def mac_by_hand(seed: str) -> str:
    """From 00:50:56:00:00:00 to 00:50:56:3f:ff:ff, where vSphere takes addresses given by hand; the same for a seed."""
    one, two, three = hashlib.sha256(seed.encode()).digest()[:3]
    return f"00:50:56:{one & 0x3F:02x}:{two:02x}:{three:02x}"


def _insecure(settings: Settings) -> tuple[str, ...]:
    """Each check that the operator gave up."""
    given = {
        "--trust-staging": settings.new.trust_staging,
        "old.ssh.insecure_ssh_rsa": settings.old.ssh.insecure_ssh_rsa,
        "new.ssh.insecure_ssh_rsa": settings.new.ssh.insecure_ssh_rsa,
    }
    return tuple(name for name, said in given.items() if said)


def refuse_unsupported(software: Software) -> Software:
    """Raises PlanRefused for 6.x, whatever a profile says of its console [F-BACKUP-7, F-REST-4]."""
    if software.family == "6.x":
        raise PlanRefused(
            f"version {software.version or '6.x'} is not migrated: whether its backup imports into another release and"
            " where it keeps its TLS keys is not known",
            hint="migrate 4.x and 5.x appliances; with a REST profile (docs/six.md) `vmmigrate backup export` and"
            " `backup import` work with 6.x",
        )
    return software


def read_identity(shell: Shell, host: str, inventory: Inventory) -> Identity:
    """Who the old gateway is: the interface that bears `host`, matched by MAC with the hypervisor's NIC."""
    guest, mail_name = network.read_network(shell), mail.name(shell)
    for interface in guest.interfaces:
        for address in interface.addresses:
            if address.partition("/")[0] == host:
                nic = _nic(inventory, interface.mac)
                own = guest.gateway if guest.gateway_interface == interface.name else None
                dns = tuple(server for server in guest.dns if not server.startswith("127.") and server != "::1")
                return Identity(guest.hostname, guest.fqdn, mail_name, address, own, dns, nic.mac, nic.network)
    seen = ", ".join(f"{address} on {each.name}" for each in guest.interfaces for address in each.addresses) or "none"
    raise PlanRefused(
        f"no interface of the old guest has the address {host}; those it has: {seen}",
        hint="give the one that mail comes to, with old.address or --old-address; if the guest is behind NAT, its own"
        " one, which this workstation must reach",
    )


def _nic(inventory: Inventory, mac: str) -> Nic:
    for nic in inventory.nics:
        if nic.mac == mac:
            return nic
    told = ", ".join(nic.mac for nic in inventory.nics) or "none"
    raise PlanRefused(
        f"the guest's MAC {mac} is none of {inventory.vm.name}'s ({told})",
        hint="another machine answers at old.address: give this virtual machine's own, or name the other as OLD",
    )


def _premises(
    inventory: Inventory, software: Software, identity: Identity, image: Image, store: Store
) -> tuple[Premise, ...]:
    return (
        Premise("old VM", inventory.vm.id),
        Premise("old version", software.version),
        Premise("live address", identity.address),
        Premise("live MAC", identity.mac),
        Premise("live network", str(identity.network)),
        Premise("host name", identity.hostname),
        Premise("image SHA-256", image.sha256),
        Premise("pool", store.name),
    )
