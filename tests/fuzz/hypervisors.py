"""What a hypervisor answers: libvirt's definitions and its guest agent; vSphere's SOAP and vCenter's tags."""

import inspect
import io
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypervisors import Secret, VmRef
from hypervisors.access import Access
from hypervisors.kvm import guest
from hypervisors.kvm.adapter import KvmHypervisor
from hypervisors.kvm.carrying import carried
from hypervisors.kvm.elements import parsed
from hypervisors.kvm.faults import door
from hypervisors.kvm.session import Session as KvmSession
from hypervisors.vmware import session as vsphere
from hypervisors.vmware import tagging
from hypervisors.vmware.target import target_of
from hypervisors.wire import proxies
from tests.fuzz.parser import SECTION, Parser, sections, text

_DOMAIN = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>old</name>
<uuid>f33048df-d3e6-4fc1-a528-3045070c7f4c</uuid><description>notes</description><memory unit='MiB'>2048</memory>
<vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os><features><acpi/>
</features><cpu mode='host-passthrough'/><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/old.qcow2'/>
<target dev='vda' bus='virtio'/><boot order='1'/></disk><interface type='bridge'><mac address='52:54:00:aa:00:01'/>
<source bridge='br0'/><model type='virtio'/><link state='up'/></interface><channel type='unix'>
<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel></devices></domain>"""
_VM = VmRef("f33048df-d3e6-4fc1-a528-3045070c7f4c", "old")


class _Domain:
    def __init__(self, xml: str, addresses: str) -> None:
        self._xml, self._addresses = xml, addresses

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802 -- libvirt's name
        return self._xml

    def name(self) -> str:
        return "old"

    def UUIDString(self) -> str:  # noqa: N802 -- libvirt's name
        return _VM.id

    def state(self) -> tuple[int, int]:
        return 1, 0

    def isActive(self) -> int:  # noqa: N802 -- libvirt's name
        return 1

    def autostart(self) -> int:
        return 1

    def blockInfo(self, _target: str) -> list[int]:  # noqa: N802 -- libvirt's name
        return [1 << 30, 0, 0]

    def interfaceAddresses(self, _flag: int) -> dict[str, Any]:  # noqa: N802 -- libvirt's name
        address = {"addr": self._addresses, "prefix": 24, "type": 0}
        return {"eth0": {"hwaddr": "52:54:00:aa:00:01", "addrs": [address]}}


class _Connection:
    def __init__(self, domain: _Domain) -> None:
        self._domain = domain

    def lookupByUUIDString(self, _id: str) -> _Domain:  # noqa: N802 -- libvirt's name
        return self._domain

    def listAllStoragePools(self, _flags: int) -> list[object]:  # noqa: N802 -- libvirt's name
        return []


def _libvirt(data: bytes) -> object:
    """The calls without their threads, which a fuzzer would not follow."""
    xml, addresses = (text(each) for each in sections(data, 2))
    session = KvmSession(_Connection(_Domain(xml, addresses)), local=True, stall=1)  # type: ignore[arg-type]
    adapter = KvmHypervisor("qemu:///system", session)
    seen = inspect.unwrap(KvmHypervisor.inventory)(adapter, _VM)
    inspect.unwrap(KvmHypervisor.addresses)(adapter, _VM)
    return seen


def _carried(data: bytes) -> object:
    """The list of what becomes of the old domain's things, beside a plain new one."""
    with door("virtual machine old"):
        old, new = parsed(text(data)), parsed(_DOMAIN)
        return carried(old, new)


def _agent(data: bytes) -> object:
    said = iter([text(each) for each in sections(data, 3)])
    with patch.object(guest.libvirt_qemu, "qemuAgentCommand", lambda *_: next(said, '{"return": {}}')):
        return guest.read_file(_Domain(_DOMAIN, ""), "/etc/os-release")  # type: ignore[arg-type]


def _agents() -> Iterator[bytes]:
    piece = {"return": {"buf-b64": "YWJj", "count": 3, "eof": True}}
    yield SECTION.join((b'{"return": 1000}', json.dumps(piece).encode(), b'{"return": {}}'))


class _Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._data)


class _Wire(HTTPConnection):
    """Whatever is asked, these bytes are the answer."""

    def __init__(self, data: bytes) -> None:
        super().__init__("gw.example.org")
        self._bytes = data
        self.response_class = vsphere._Bounded

    def connect(self) -> None:
        self.sock = SimpleNamespace(  # type: ignore[assignment]
            sendall=lambda data: None,
            makefile=_Raw(self._bytes).makefile,
            close=lambda: None,
            settimeout=lambda s: None,
        )


def _soap(data: bytes) -> object:
    with (
        patch.object(vsphere, "_connection", lambda *_, **__: _Wire(data)),
        patch.object(vsphere, "_AGAIN", 0.0),
    ):
        made = vsphere.Session(target_of("vsphere://root@gw.example.org/"), Access(lambda: Secret("x")), None)  # type: ignore[arg-type]
        return made.is_vcenter


def _soaps() -> Iterator[bytes]:
    body = (
        '<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><RetrieveServiceContentResponse'
        ' xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder><propertyCollector'
        ' type="PropertyCollector">pc</propertyCollector><about><name>x</name><fullName>x</fullName><vendor>V</vendor>'
        "<version>8</version><build>1</build><osType>l</osType><productLineId>e</productLineId><apiType>HostAgent</apiType>"
        "<apiVersion>8.0</apiVersion></about></returnval></RetrieveServiceContentResponse></soapenv:Body></soapenv:Envelope>"
    )
    fault = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>'
        "<faultcode>S</faultcode><faultstring>no</faultstring><detail><NotAuthenticatedFault/></detail></soapenv:Fault>"
        "</soapenv:Body></soapenv:Envelope>"
    )
    for status, said in (("200 OK", body), ("500 Internal Server Error", fault)):
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(said)}\r\n\r\n"
        yield (head + said).encode()


def _tags(data: bytes) -> object:
    """The log-in's answer, the list's, a tag's."""
    login, attached, named = sections(data, 3)
    answers = iter((login, attached, named, b""))

    class Connection:
        def request(self, *_: object) -> None: ...

        def getresponse(self) -> object:
            body = io.BytesIO(next(answers, b""))
            return SimpleNamespace(status=200, reason="OK", read=body.read)

        def close(self) -> None: ...

        def shut(self) -> None: ...

    session = SimpleNamespace(
        target=target_of("vsphere://root@gw.example.org/"), access=Access(lambda: Secret("x")), context=None
    )
    with (
        patch.object(proxies, "connection", lambda *_: Connection()),
        tagging.opened(session) as tags,  # type: ignore[arg-type]
    ):
        return [tags.name(each) for each in tags.attached(SimpleNamespace(_moId="vm-1"))]  # type: ignore[arg-type]


PARSERS = (
    Parser("libvirt-domain", _libvirt, lambda: (SECTION.join((_DOMAIN.encode(), b"192.0.2.10")),)),
    Parser("libvirt-carried", _carried, lambda: (_DOMAIN.encode(),)),
    Parser("guest-agent", _agent, _agents),
    Parser("vsphere-soap", _soap, _soaps),
    Parser("vcenter-tags", _tags, lambda: (b'{"value":"t"}\n=====\n{"value":["a"]}\n=====\n{"value":{"name":"x"}}',)),
)
