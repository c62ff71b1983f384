"""Files of a guest as text: interfaces, main.cf, hosts, resolv.conf, what networkctl and nmcli list, server.xml."""

from collections.abc import Iterator

from scripted_gateway import DEBIAN
from scripted_shell import ScriptedShell

from tests.fuzz.guest import Replayed, of_guest
from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.addressing import LiveNic, addressing
from vmmigrate.appliance import mail
from vmmigrate.appliance.net import interfaces_file, naming, networkd, networkmanager, resolving
from vmmigrate.appliance.net.network import look_at, stack_of
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.tls import postfix, server_xml, stores

_LIVE = LiveNic("eth0", "52:54:00:00:00:01", addressing("192.0.2.10/24", "192.0.2.1", ("192.0.2.53",)))
_INTERFACES = b"""# loopback
auto lo eth0
iface lo inet loopback
allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.10/24
    up ip route add 198.51.100.0/24 \\
        via 192.0.2.1
iface br0 inet dhcp
    bridge_ports eth0
mapping eth*
    script /x
source interfaces.d/*
source-directory /etc/x
"""
_SERVER = b"""<?xml version="1.0"?><Server><Service><Connector port="8443" address="127.0.0.1" SSLEnabled="true"
 keystoreFile="${a}/s.p12" keystorePass="${b:-x}"><SSLHostConfig hostName="_default_"><Certificate
 certificateKeystoreFile="file:///c" certificateKeyFile="k" type="RSA"/></SSLHostConfig>
</Connector></Service></Server>"""


def _interfaces(data: bytes) -> object:
    said = data.decode(errors="surrogateescape")
    interfaces_file.sources(said)
    return interfaces_file.without(said, _LIVE, interfaces_file.over_it([said], _LIVE))


def _main_cf(data: bytes) -> object:
    listed, value, answer = sections(data, 3)
    shell = Replayed(answer)
    values = dict(line.partition(" = ")[::2] for line in text(listed).splitlines())
    return expanded(shell, values, text(value) or "$myhostname")


def _main_cfs() -> Iterator[bytes]:
    listed = b"myhostname = gw.$mydomain\nmydomain = example.org\na = ${b?{x}:{y}}\n"
    for value in (b"$myhostname", b"${{$a} == {x} ? {1} : {2}}", b"${a:no} $(b) $$c", b"${{10} <= {9}?y:n}"):
        yield SECTION.join((listed, value, b"answer"))


def _names(data: bytes) -> object:
    hosts, resolv, name = (text(each) for each in sections(data, 3))
    naming.full_name(hosts, "mailgw")
    naming.with_own_name(hosts, "mailgw")
    return resolving.parsed(resolv), naming.checked(name, "gw")


def _stack(shell: Shell) -> object:
    return stack_of(look_at(shell), "eth0")


_UUID = b"2e9c47f4-a1db-4d04-866f-de732bdd409b"
_LISTED = (
    b"  Network File: /run/x\n=====\n" + _UUID + b":999:802-3-ethernet:bridge:eth0\n" + _UUID + b":-1:vlan::a\\:b\n"
)


def _listed(data: bytes) -> object:
    shown, connections = (text(each) for each in sections(data, 2))
    listed = networkmanager.listed_in(connections)
    return networkd.file_in(shown), tuple(networkmanager.out_of_the_way(listed, "52:54:00:00:00:01"))


def _tomcat(data: bytes) -> object:
    xml, properties = sections(data, 2)

    class Files(ScriptedShell):
        def read_file(self, path: str) -> bytes:
            return xml if path.endswith("server.xml") else properties

    shell = Files()
    list(server_xml.ports(shell, DEBIAN))
    return stores.connectors(shell, DEBIAN)


def _postfix_guest() -> ScriptedShell:
    return ScriptedShell(
        {
            "postconf -n": "smtpd_tls_cert_file = /a\nsmtpd_tls_security_level = may\nsmtpd_tls_chain_files = /b, /c\n",
            "postconf -M": "smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n587 inet n - n - - smtpd\n",
            "postconf -P": "submission/inet/smtpd_tls_security_level = encrypt\n",
            "postconf -h config_directory": "/etc/postfix\n",
        }
    )


_POSTFIX, _POSTFIX_SEEDS = of_guest(_postfix_guest, postfix.read_postfix)
_STACK, _STACK_SEEDS = of_guest(lambda: ScriptedShell({"which ifup": "/sbin/ifup\n"}), _stack)
_SETTINGS, _SETTINGS_SEEDS = of_guest(_postfix_guest, mail.settings)

PARSERS = (
    Parser("interfaces", _interfaces, lambda: (_INTERFACES,)),
    Parser("main-cf", _main_cf, _main_cfs),
    Parser("master-cf", _POSTFIX, _POSTFIX_SEEDS),
    Parser("postconf", _SETTINGS, _SETTINGS_SEEDS),
    Parser(
        "hosts-resolv", _names, lambda: (b"192.0.2.1 gw.x gw # c\n=====\nnameserver ::1%eth0\nsearch a b\n=====\ngw",)
    ),
    Parser("network-stack", _STACK, _STACK_SEEDS),
    Parser("networkd-nmcli", _listed, lambda: (_LISTED,)),
    Parser("server-xml", _tomcat, lambda: (SECTION.join((_SERVER, b"a=/srv\nb : ${a}\\\n x\n")),)),
)
