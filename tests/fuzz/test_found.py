"""What damaged inputs ended in another exception than the product's own, or took all time, once: each for its kind."""

import io
import json
import zipfile

import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives.serialization import Encoding

from hypervisors import Secret
from tests.fuzz.every import PARSERS
from tests.fuzz.parser import SECTION
from tests.unit.appliance.small_ca import certificate, pair
from vmmigrate.appliance.tls.keys import key_pem
from vmmigrate.errors import ApplianceError

_DEEP = b"[" * 3000
_VMDK = PARSERS["image"].seeds[1]
_LONG = b"9" * 5000  # int() refuses as many digits


def _sections(*parts: bytes) -> bytes:
    return SECTION.join(parts)


def _agent(*answers: object) -> bytes:
    return _sections(*(json.dumps(each).encode() for each in answers))


def _nameless() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x", b"")
    return out.getvalue().replace(b"\1\0\0\0x", b"\0\0\0\0").replace(b"x" + b"PK\1\2", b"PK\1\2")


def _other_version() -> bytes:
    der = certificate("Publisher")[0].public_bytes(Encoding.DER)
    return bytes(pem.armor("CERTIFICATE", der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x3d")))


def _soap(there: bytes, instead: bytes) -> bytes:
    head, _, body = PARSERS["vsphere-soap"].seeds[0].partition(b"\r\n\r\n")
    other = body.replace(there, instead)
    return head.replace(b"%d" % len(body), b"%d" % len(other)) + b"\r\n\r\n" + other


def _odd_parameters() -> bytes:
    _, _, der = pem.unarmor(key_pem(pair("gw.example.org"), Secret("djigzo")))
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", der.replace(b"\5\0", b"\3\0")))


_OTHER_VERSION = _other_version()
# PKCS#8 of a key of one byte, for which the library says that it has an error of its own.
_SHORT_KEY = b"-----BEGIN PRIVATE KEY-----\nMA8CAQAwBQYDK2VwBAMEAQA=\n-----END PRIVATE KEY-----\n"
FOUND = {
    "one account in two lines, one of them short": (
        "accounts",
        _sections(b"sa:x:1000:1000::/home/sa:/bin/bash\nsa:x\n"),
    ),
    "a host key of Ed25519 that is too short": ("host-keys", _SHORT_KEY),
    "a TLS key of Ed25519 that is too short": ("pem", _SHORT_KEY + certificate("x")[0].public_bytes(Encoding.PEM)),
    "not XML": ("libvirt-domain", b"<domain>"),
    "an entity of its own": ("libvirt-domain", b'<!DOCTYPE d [<!ENTITY a "b">]><domain>&a;</domain>'),
    "a size that is none": ("libvirt-domain", b"<domain><memory unit='MiB'>x</memory></domain>"),
    "a size in no unit": ("libvirt-domain", b"<domain><memory unit='ell'>1</memory></domain>"),
    "an order that is none": (
        "libvirt-domain",
        b"<domain><memory>1</memory><devices><disk device='disk'><boot order='x'/></disk></devices></domain>",
    ),
    "an address that is none": ("libvirt-domain", _sections(PARSERS["libvirt-carried"].seeds[0], b"x y")),
    "a bracket": ("libvirt-url", b"qemu+ssh://[/system"),
    "brackets around nothing": ("libvirt-url", b"qemu+ssh://[]/system"),
    "an agent's answer without a result": ("guest-agent", b"{}"),
    "an agent's answer that is none": ("guest-agent", b"x"),
    "an agent's handle that is none": ("guest-agent", _agent({"return": None})),
    "an agent's handle without end": ("guest-agent", b'{"return": 1e999}'),
    "an agent's piece that is no text": ("guest-agent", _agent({"return": 1}, {"return": {"buf-b64": 1, "eof": True}})),
    "an agent's piece without an end": ("guest-agent", _agent({"return": 1}, {"return": {"buf-b64": "YQ=="}})),
    "an agent's piece in no code": ("guest-agent", _agent({"return": 1}, {"return": {"buf-b64": "é", "eof": True}})),
    "a tag without a name": ("vcenter-tags", b'{"value":"t"}\n=====\n{"value":["a"]}\n=====\n{"value":{}}'),
    "a tag that is nothing": ("vcenter-tags", b'{"value":"t"}\n=====\n{"value":["a"]}\n=====\n{"value":null}'),
    "half a character": ("vcenter-tags", b'{"value":"t"}\n=====\n{"value":["\\ud800"]}'),
    "tags that are no list": ("vcenter-tags", b'{"value":"t"}\n=====\n{"value":7}'),
    "tags that are deep": ("vcenter-tags", _sections(b'{"value":"t"}', _DEEP)),
    "a value that is a thing": ("vsphere-soap", _soap(b"<name>x</name>", b"<name><x>1</x></name>")),
    "a thing of another kind": ("vsphere-soap", _soap(b'type="PropertyCollector"', b'type="Folder"')),
    "a server that says nothing of itself": ("vsphere-soap", _soap(b"about>", b"setting>")),
    "a version that is none": ("vsphere-soap", _soap(b"<apiVersion>8.0<", b"<apiVersion>&#233;.x<")),
    "a host key beyond ASCII": ("host-key", "ssh-ed25519 é".encode()),
    "a deep queue": ("guest-queues", _DEEP),
    "a queue whose name is a list": ("guest-queues", b'{"queue_name": []}'),
    "a deep record": ("guest-kept", _DEEP),
    "a deep file of a run": ("given", _DEEP),
    "a deep configuration": ("configuration", b"a = " + _DEEP),
    "a deep profile": ("profile", b"a = " + _DEEP),
    "a role that is no text": ("bundle", PARSERS["bundle"].seeds[0].replace(b"-tls: web", b"-tls: \xff")),
    "a port of many digits": (
        "server-xml",
        b'<Server><Service><Connector port="' + _LONG + b'" SSLEnabled="true"/></Service></Server>',
    ),
    "a number of many digits": ("main-cf", _sections(b"", b"${{" + _LONG + b"} == {" + _LONG + b"} ? a : b}", b"")),
    "an answer of errors within errors": ("rest", b'{"error":' * 900 + b'"x"' + b"}" * 900),
    "a pointer of many digits": ("rest", _sections(b'{"data":[1]}', b"/data/" + _LONG)),
    "a priority of many digits": ("networkd-nmcli", _sections(b"", b"0" * 36 + b":" + _LONG + b":vlan::x")),
    "a place in a list in another script": ("interfaces", "auto /mac/*/²\n".encode()),
    "an expression that is deep": (
        "interfaces",
        b"iface b inet dhcp\n bridge_ports regex " + b"(" * 3000 + b")" * 3000,
    ),
    "an expression of many": ("interfaces", b"iface b inet dhcp\n bridge_ports regex x{99999999999999999999}\n"),
    "units upon units": ("ovf", PARSERS["ovf"].seeds[0].replace(b"byte * 2^20", b"byte" + b" * 2^99" * 100_000)),
    "a place that no file has": ("image", _VMDK[:28] + b"\xff" * 8 + _VMDK[36:]),
    "a certificate of another version": (
        "signature",
        PARSERS["signature"].seeds[0].partition(SECTION)[0] + SECTION + b"SHA256(x.mf)= 00\n" + _OTHER_VERSION,
    ),
    "a key's parameters of no length": ("pem-chains", _odd_parameters()),
    "a member without a name": ("contents", _nameless()),
    "a file name in no code": ("file-name", b"attachment; filename*0*=a\0b'x'y"),
    "names upon names": ("file-name", b'attachment; filename="' + b'x;"' * 20_000),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", FOUND)
def test_ends_in_words(what: str) -> None:
    name, data = FOUND[what]
    PARSERS[name].try_out(data)


def test_a_length_of_many_digits() -> None:
    import requests

    from vmmigrate.appliance.backup.streams import Incoming

    answer = requests.Response()
    answer.headers["Content-Length"] = _LONG.decode()
    answer.raw = type("Raw", (), {"read": lambda *_, **__: b""})()
    assert Incoming(answer)._total == 0


@pytest.mark.parametrize("listed", ["[1]", "{}", '["a", {"b": 1}]', "[" * 3000])
def test_a_list_of_a_database_that_is_none(listed: str) -> None:
    from vmmigrate.appliance.database import _keyed

    with pytest.raises(ValueError, match=r"nested|no list"):
        _keyed(listed, b"key")


def test_ports_of_many_digits_are_none() -> None:
    from vmmigrate.appliance.mail import sessions

    assert sessions(f"ESTAB 0 192.0.2.1:{_LONG.decode()} x\nESTAB 0 192.0.2.1:25 x\n", (25,)) == 1


@pytest.mark.parametrize("said", [b"(1.0.0/100%)\r", b"(./100%)\r", b"(" + _LONG + b"/100%)\r"])
def test_a_percentage_that_is_no_number(said: bytes) -> None:
    import io

    from hypervisors.qemu_img import _percentages

    assert list(_percentages(io.BytesIO(said + b"(2.00/100%)\r"))) == [2.0]


@pytest.mark.parametrize("said", ["", "soon\n", "nan\n", "1e999\n", _LONG.decode()])
def test_a_clock_that_is_none(said: str) -> None:
    from tests.limits.test_of_guests import Answering
    from vmmigrate.steps.update import snapshot

    with pytest.raises(ApplianceError, match="prints no time"):
        snapshot._clock(Answering(said))  # type: ignore[arg-type]


def test_a_snapshot_of_no_time() -> None:
    from hypervisors.kvm.elements import parsed
    from hypervisors.kvm.snapshots import _snapshot

    assert _snapshot(parsed("<domainsnapshot><creationTime>soon</creationTime></domainsnapshot>")).taken == 0
