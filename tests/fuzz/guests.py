"""A guest's answers: network, TLS, queues, main.cf, database, packages, units, firewall, what we kept there."""

import json
from collections.abc import Callable
from typing import Any

from scripted_gateway import DEBIAN, STORE, Gateway
from scripted_shell import ScriptedShell
from test_database import KEY, ROWS, DatabaseGuest
from test_family import FIVE
from test_family import guest as packaged

from hypervisors import Secret
from tests.fuzz.guest import of_guest
from tests.fuzz.parser import Parser
from tests.unit.appliance.small_ca import pair
from vmmigrate.appliance import mail, units
from vmmigrate.appliance.database import read_database
from vmmigrate.appliance.family import detect
from vmmigrate.appliance.net import firewall, network
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.tls import placing
from vmmigrate.appliance.tls.bundle import collect, judge
from vmmigrate.appliance.tls.keys import to_pem
from vmmigrate.appliance.tls.pkcs12 import to_pkcs12


def _network() -> ScriptedShell:
    addresses = [
        {
            "ifname": "eth0",
            "address": "52:54:00:00:00:01",
            "mtu": 1400,
            "flags": ["UP"],
            "operstate": "UP",
            "addr_info": [
                {"family": "inet", "local": "192.0.2.10", "prefixlen": 24, "scope": "global"},
                {"family": "inet6", "local": "2001:db8::10", "prefixlen": 64, "scope": "global", "deprecated": True},
            ],
        }
    ]
    routes = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0", "metric": 100, "flags": ["onlink"]},
        {"dst": "198.51.100.0/24", "dev": "eth0", "prefsrc": "192.0.2.10", "protocol": "static", "flags": []},
    ]
    answers = {line: json.dumps(routes) for line in _ROUTES} | {line: json.dumps(addresses) for line in _ADDRESSES}
    answers |= {"hostname": "mailgw\n", "ip -json rule show": "[]", "ip -json -6 rule show": "[]"}
    files = {
        "/etc/hosts": "127.0.0.1 localhost\n192.0.2.10 mailgw.example.test mailgw\n",
        "/etc/resolv.conf": "nameserver 192.0.2.53\nsearch example.test\n",
        "/etc/network/interfaces": "auto eth0\niface eth0 inet static\n  address 192.0.2.10/24\nsource x/*\n",
    }
    return ScriptedShell(answers | {"which ifup": "/sbin/ifup"}, files)


_ROUTES = tuple(
    f"ip {o} route show{t}" for o in ("-json", "-json -6", "-json -d", "-json -details") for t in ("", " table all")
)
_ADDRESSES = tuple(f"ip {o} address show" for o in ("-json", "-json -d", "-json -details", "-details -json"))


def _tls() -> Gateway:
    files = {
        STORE: to_pkcs12(pair("gw.example.org"), Secret("djigzo"), "gw"),
        "/etc/p.pem": to_pem(pair("gw.example.org")),
    }
    main = "smtpd_tls_cert_file = /etc/p.pem\nsmtpd_tls_security_level = may\nmyhostname = gw.$mydomain\nmydomain = x\n"
    return Gateway(main, "587 inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n", files=files)


def _see_network(shell: Shell) -> None:
    found = network.read_network(shell)
    network.look_at(shell)
    for each in found.interfaces:
        found.by_mac(each.mac)


def _see_tls(shell: Shell) -> None:
    judge(collect(shell, DEBIAN), "gw.example.org")


READERS: dict[str, tuple[Callable[[], Any], Callable[[Shell], object]]] = {
    "network": (_network, _see_network),
    "tls": (_tls, _see_tls),
    "queues": (
        lambda: ScriptedShell(
            {"vmmigrate-queue-list": '{"queue_name": "deferred", "queue_id": "A1", "arrival_time": 1}\n'}
        ),
        mail.queues,
    ),
    "main.cf": (_tls, mail.name),
    "database": (lambda: DatabaseGuest(ROWS), lambda shell: read_database(shell, KEY)),
    "packages": (lambda: packaged(FIVE), detect),
    "units": (
        lambda: ScriptedShell({"systemctl is-active postfix": "active\n"}),
        lambda shell: units.unit_states(shell, ["postfix"]),
    ),
    "firewall": (lambda: ScriptedShell({"which nft": "/sbin/nft"}), firewall.is_isolated),
    "kept": (
        lambda: ScriptedShell({}, {placing.RECORD: '{"schema": 1, "done": true, "entries": []}'}),
        placing.kept,
    ),
}


def _parser(name: str) -> Parser:
    read, honest = of_guest(*READERS[name])
    return Parser(f"guest-{name.replace('.', '-')}", read, honest)


PARSERS = tuple(map(_parser, READERS))
