"""Of several HTTPS connectors each port keeps its pair, and what only the guest itself reaches is none of them."""

import dataclasses

import pytest
from scripted_gateway import DEBIAN, Gateway
from small_ca import pair

from vmmigrate.appliance.tls import server_xml
from vmmigrate.appliance.tls.bundle import TlsBundle, collect, console_pin
from vmmigrate.appliance.tls.keys import to_pem
from vmmigrate.appliance.tls.layout import install


def https(*connectors: tuple[int, str, str]) -> str:
    """server.xml with these: port, PEM file, other attributes."""
    form = '<Connector port="{}" SSLEnabled="true" SSLCertificateFile="{}" {}/>'
    return f"<Server><Service>{''.join(form.format(*each) for each in connectors)}</Service></Server>"


@pytest.mark.parametrize("inside", ["127.0.0.1", "127.1", "localhost", "::1", "[::1]", "0:0:0:0:0:0:0:1", "${own}"])
def test_a_connector_for_the_guest_alone_is_not_the_console(inside: str) -> None:
    """As Postfix's services at 127.0.0.1: nobody outside sees its pair. Alone it is the console, behind a proxy."""
    own, shown = pair(), pair()
    files = {"/own": to_pem(own), "/shown": to_pem(shown), "/etc/tomcat9/catalina.properties": b"own=127.0.0.1\n"}
    first, second = (8444, "/own", f'address="{inside}"'), (8443, "/shown", 'address="0.0.0.0"')
    gateway = Gateway(server_xml=https(first, second), files=files)
    assert collect(gateway, DEBIAN, smtp=False).fingerprints == {"web": (shown.fingerprint,)}
    assert console_pin(gateway, DEBIAN) == shown.fingerprint
    assert collect(Gateway(server_xml=https(first), files=files), DEBIAN, smtp=False).fingerprints == {
        "web": (own.fingerprint,)
    }


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ((443, 8443), (8443, 443), {8443: "b", 443: "a"}),
        ((443, 8443), (443, 8443), {443: "a", 8443: "b"}),
        ((443, 8443), (8443,), {8443: "b"}),
        ((8443,), (443, 8443), {443: "a", 8443: "a"}),
        ((443, 8443), (9443, 8443), {9443: "a", 8443: "b"}),
        ((443,), (8443,), {8443: "a"}),
    ],
)
def test_a_port_keeps_its_pair_wherever_it_stands(
    old: tuple[int, ...], new: tuple[int, ...], shown: dict[int, str]
) -> None:
    """A client knows the port. What goes through a sealed file on its way is the same."""
    pairs = dict(zip("ab", (pair(), pair()), strict=True))
    files = {f"/{name}": to_pem(one) for name, one in pairs.items()}
    before = https(*((port, f"/{name}", "") for port, name in zip(old, "ab", strict=False)))
    had = collect(Gateway(server_xml=before, files=files), DEBIAN, smtp=False)
    gateway = Gateway(server_xml=https(*((port, f"/{port}", "") for port in new)))
    made = install(gateway, DEBIAN, TlsBundle.from_bytes(had.to_bytes()))
    wanted = {port: pairs[name].fingerprint for port, name in shown.items()}
    assert {each.port: one for each in made.expected for one in each.fingerprints.values()} == wanted
    assert {each.fingerprint for one in made.pairs.values() for each in one} == set(wanted.values())
    assert {port: console_pin(gateway, DEBIAN, port=port) for port in new} == wanted
    assert console_pin(gateway, DEBIAN) == console_pin(gateway, DEBIAN, port=1) == wanted[new[0]]
    assert [each.id for each in made.findings] == ["tls-no-place"] * (len(old) > len(set(shown.values())))


@pytest.mark.parametrize(
    ("offset", "port", "seen"),
    [
        ("1000", "7443", 8443),
        ("-1000", "8443", 8443),  # which Tomcat does not take
        ("${away}", "7443", 8443),
        ("0", "8443", 8443),
        ("x", "8443", 8443),
        ("1000", "0", None),
    ],
)
def test_the_server_s_offset_is_part_of_each_port(offset: str, port: str, seen: int | None) -> None:
    """What is proved, pinned and matched is what clients see; of port 0 Tomcat chooses another one itself."""
    one = pair()
    xml = https((0, "/a", "")).replace('port="0"', f'port="{port}"')
    files = {"/a": to_pem(one), "/etc/tomcat9/catalina.properties": b"away=1000\n"}
    gateway = Gateway(server_xml=xml.replace("<Server>", f'<Server portOffset="{offset}" port="8005">'), files=files)
    assert list(server_xml.ports(gateway, DEBIAN)) == [seen] * bool(seen)
    assert collect(gateway, DEBIAN, smtp=False).ports == {"web": (seen,) * bool(seen)}


def test_before_tomcat_9_a_server_has_no_offset() -> None:
    old = dataclasses.replace(DEBIAN, units=dataclasses.replace(DEBIAN.units, web="tomcat8"))
    xml = https((7443, "/a", "")).replace("<Server>", '<Server portOffset="1000">')
    gateway = Gateway(files={"/a": to_pem(pair())})
    gateway.files[old.server_xml] = xml.encode()
    assert list(server_xml.ports(gateway, old)) == [7443]
