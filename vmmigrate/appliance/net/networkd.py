"""Configure a NIC by systemd-networkd alone: a .network file of our own that is the first to match."""

from collections.abc import Iterator

from vmmigrate.addressing import CidrAddress, LiveNic, Route
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import resolving
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.limits.seconds import NETWORK_SET

FOLDER = "/etc/systemd/network"
_FOLDERS = (FOLDER, "/run/systemd/network", "/usr/lib/systemd/network", "/usr/local/lib/systemd/network")
_ACTIVE = ("systemctl", "is-active", "systemd-networkd")
QUESTIONS = (_ACTIVE, *(("ls", "-1", folder) for folder in _FOLDERS))
LEFT = (f"{FOLDER}/00-vmmigrate-beside.network", f"{FOLDER}/!00-vmmigrate-beside.network")  # a NIC that it leaves alone
NAMES = ("00-vmmigrate-live", "!00-vmmigrate-live")  # the second where the image has one before the first
# Else the unit that waits for the network at each boot waits two minutes, and all mail services behind it: for a NIC
# that has no link until the switch, or, where no NIC is required at all, for one that is.
_ONLINE = "RequiredForOnline=no-carrier"
_STAGING = f"{FOLDER}/zz-vmmigrate-staging.network"
META = FileMeta("0644", "root", "root")
_PATIENCE = NETWORK_SET.most


def present(shell: Shell) -> bool:
    """Whether systemd-networkd runs."""
    return shell.run(_ACTIVE, check=False).stdout.strip() == "active"


def configure(shell: Shell, look: LookingShell, live: LiveNic, in_force: bool) -> None:
    """Write the files and apply them to this NIC; `in_force`: all of it is there already."""
    files = [NewFile(f"{FOLDER}/{name}", text.encode(), META) for name, text in documents(live, first(look)).items()]
    files = [file for file in files if look.file_meta(file.path) is None or look.read_file(file.path) != file.data]
    resolvers = resolvers_beside(look, live)
    if not files and not resolvers and in_force:
        return
    if files or resolvers:
        shell.install(*files, *resolvers)
    apply(shell, live)


def apply(shell: Shell, live: LiveNic) -> None:
    """`reload` is there since systemd 244; before that a restart, which keeps what other NICs have."""
    shell.run(("sh", "-c", "networkctl reload || systemctl restart systemd-networkd"), user="root", timeout=_PATIENCE)
    for name in dict.fromkeys((live.name, live.device)):
        shell.run(("networkctl", "reconfigure", name), user="root", check=False, timeout=_PATIENCE)


def prove(shell: Shell, live: LiveNic) -> Iterator[str]:
    """What networkctl says otherwise than it was wanted."""
    for name in dict.fromkeys((live.name, live.device)):
        file = network_file(shell, name)
        if "vmmigrate-live" not in file:
            yield f"`networkctl status {name}` has {file or 'no file'} as its network file"


def network_file(shell: Shell, name: str) -> str:
    """The .network file that systemd-networkd applies to that interface, '' where there is none."""
    return file_in(shell.run(status(name), check=False).stdout)


def status(name: str) -> tuple[str, ...]:
    return ("networkctl", "status", "--no-pager", "--lines=0", name)


def file_in(said: str) -> str:
    """The network file that a `status` names, '' without one."""
    found = (line.partition("Network File:") for line in said.splitlines())
    return next((path.strip() for _, name_of_it, path in found if name_of_it and path.strip() != "n/a"), "")


def keep_dhcp(shell: Shell, look: LookingShell, interface: str, *, ipv6: bool) -> bool:
    """Have that NIC ask for a lease where no file of the image says anything; whether that was new."""
    text = f"[Match]\nName={interface}\n\n[Network]\nDHCP=yes\n".encode()
    if look.file_meta(_STAGING) is not None and look.read_file(_STAGING) == text:
        return False
    shell.install(NewFile(_STAGING, text, META))
    return True


def leave(shell: Shell, look: LookingShell, nic: LiveNic) -> bool:
    """Have it leave that NIC alone, by a file that goes before all others, netplan's too; whether that was new."""
    path, text = LEFT[NAMES.index(first(look))], f"[Match]\nMACAddress={nic.mac}\nType=ether\n\n[Link]\nUnmanaged=yes\n"
    if look.file_meta(path) is not None and look.read_file(path) == text.encode():
        return False
    shell.install(NewFile(path, text.encode(), META))
    apply(shell, nic)
    return True


def first(look: LookingShell) -> str:
    """The name, without its ending, that goes before every .network file of the image."""
    return NAMES[0] if all(name > f"{NAMES[0]}.network" for name in files_of_others(look)) else NAMES[1]


def files_of_others(look: LookingShell) -> tuple[str, ...]:
    """The names of the .network files that are not ours."""
    listed = {name for folder in _FOLDERS for name in look.run(("ls", "-1", folder), check=False).stdout.splitlines()}
    ours = ("vmmigrate-live", "vmmigrate-beside")
    return tuple(name for name in listed if name.endswith(".network") and not any(each in name for each in ours))


def documents(live: LiveNic, name: str) -> dict[str, str]:
    """File name → text. A VLAN has its MAC from the NIC below it, which is why the type is asked too."""
    match = f"[Match]\nMACAddress={live.mac}\nType=ether\n"
    if live.addressing.vlan is None:
        return {f"{name}.network": "\n".join((match, *_sections(live)))}
    below = f"\n[Network]\nVLAN={live.device}\nLinkLocalAddressing=no\nConfigureWithoutCarrier=yes\n"
    return {
        f"{name}.network": f"{match}\n[Link]\nRequiredForOnline=no\n{_mtu(live)}{below}",
        f"{name}.netdev": f"[NetDev]\nName={live.device}\nKind=vlan\n\n[VLAN]\nId={live.addressing.vlan}\n",
        f"{name}-vlan.network": "\n".join((f"[Match]\nName={live.device}\n", *_sections(live))),
    }


def without_a_link(live: LiveNic) -> str:
    """For a file that netplan made: of sections of one address the later one counts."""
    own = map(_address, live.addressing.of_family(6))
    return "\n".join((f"[Link]\n{_ONLINE}\n{_mtu(live)}", *own))


def of_mtu(live: LiveNic) -> str:
    """The same of the NIC below a VLAN."""
    return f"[Link]\n{_mtu(live)}"


def _mtu(live: LiveNic) -> str:
    return f"MTUBytes={live.addressing.mtu}\n" if live.addressing.mtu else ""


def resolvers_beside(look: LookingShell, live: LiveNic) -> tuple[NewFile, ...]:
    """Without systemd-resolved nobody reads what a .network file says of them."""
    return () if resolving.runs_resolved(look) else tuple(resolving.set_where_no_stack_does(look, live.addressing))


def _sections(live: LiveNic) -> Iterator[str]:
    wanted = live.addressing
    yield f"[Link]\n{_ONLINE}\n{_mtu(live)}"
    lines = ["DHCP=no", "LinkLocalAddressing=ipv6", f"IPv6AcceptRA={'yes' if wanted.advertised else 'no'}"]
    lines += ["ConfigureWithoutCarrier=yes", "IgnoreCarrierLoss=yes"]  # its link is down until the switch
    lines += [f"DNS={server}" for server in wanted.dns]
    lines += [f"Domains={' '.join(wanted.search)}"] if wanted.search else []
    yield "[Network]\n" + "\n".join(lines) + "\n"
    yield from map(_address, wanted.addresses)
    for route in wanted.routes:
        yield "[Route]\n" + "\n".join(_route(route)) + "\n"
    if wanted.advertised:
        yield "[IPv6AcceptRA]\nUseAutonomousPrefix=no\n"


def _address(each: CidrAddress) -> str:
    """Without a link nobody looks for duplicates, and systemd-networkd would wait for that."""
    detection = "\nDuplicateAddressDetection=none" if each.version == 6 else ""
    return f"[Address]\nAddress={each}{detection}\n"


def _route(route: Route) -> Iterator[str]:
    yield f"Destination={route.to}"
    yield f"Gateway={route.via}" if route.via else "Scope=link"
    if route.on_link:
        yield "GatewayOnLink=yes"
    if route.source:
        yield f"PreferredSource={route.source}"
    if route.metric:
        yield f"Metric={route.metric}"
