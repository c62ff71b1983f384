"""What Tomcat's server.xml names for TLS: where each pair lies, how it is read, and what would be written there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from shlex import quote
from xml.etree.ElementTree import Element

from hypervisors import Secret
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.appliance.tls import pkcs12
from vmmigrate.appliance.tls.keys import Pair, chain_pem, is_for_pss, key_pem, load_as_tomcat, to_pem
from vmmigrate.appliance.tls.placing import resolved
from vmmigrate.appliance.tls.server_xml import (
    default_store,
    full,
    is_open,
    known_only_to_tomcat,
    port_of,
    tls_connectors,
)
from vmmigrate.errors import ApplianceError, BadKeys, CommandFailed

STORE = "/usr/share/djigzo-web/ssl/sslCertificate.p12"  # the packages' own path [F-TLS-1]
_META = FileMeta("0640", "tomcat", "djigzo")  # what the packages install [F-TLS-1]
_ALIAS = "tomcat"
_READ_FROM_PEM = ("RSA", "ECDSA", "DSA")  # Tomcat's PEMFile tries these, and RSA only in its usual form
_DEFAULT_HOST = "_default_"
_DEFAULT_PASSWORD = "changeit"  # noqa: S105 -- what Tomcat takes where server.xml names none

# The attributes of `<Certificate>` (8.5 on), then the older ones of `<Connector>` itself, JSSE's and APR's.
_NAMES = {
    "store": ("certificateKeystoreFile", "keystoreFile"),
    "store_password": ("certificateKeystorePassword", "keystorePass"),
    "store_password_file": ("certificateKeystorePasswordFile",),
    "alias": ("certificateKeyAlias", "keyAlias"),
    "cert": ("certificateFile", "SSLCertificateFile"),
    "key": ("certificateKeyFile", "SSLCertificateKeyFile"),
    "chain": ("certificateChainFile", "SSLCertificateChainFile"),
    "key_password": ("certificateKeyPassword", "SSLPassword", "keyPass"),
    "key_password_file": ("certificateKeyPasswordFile",),
    "type": ("type",),
}
_TRUSTED = ("truststoreFile", "caCertificateFile", "caCertificatePath", "SSLCACertificateFile", "SSLCACertificatePath")


@dataclass(frozen=True)
class StorePlace:
    """A pair in a key store. `alias` as server.xml names it, None if Tomcat takes the first key."""

    path: str
    password: Secret
    alias: str | None
    kind: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,)


@dataclass(frozen=True)
class PemPlace:
    """A pair in PEM files. `key` may be `cert`; `chain` '' if the certificate's file has it all."""

    cert: str
    key: str
    chain: str = ""
    password: Secret | None = None
    kind: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for path in (self.key, self.cert, self.chain) if path))


Place = StorePlace | PemPlace


@dataclass(frozen=True)
class Connectors:
    """HTTPS connectors that serve the same pairs. `role`: 'web' of the first, 'web:443' of one with other pairs."""

    role: str
    ports: tuple[int, ...]
    places: tuple[Place, ...]
    other_hosts: tuple[str, ...] = ()  # virtual hosts with pairs of their own, by the name that the client asks for
    trusted: tuple[str, ...] = ()  # where the certificates are that it trusts


def connectors(shell: Shell, software: Software) -> tuple[Connectors, ...]:
    """The HTTPS connectors of the live server.xml, at least one. Raises ApplianceError."""
    path = software.server_xml
    found: list[Connectors] = []
    for connector in tls_connectors(shell, software):
        element, others = _default_host(connector)
        places = tuple(_places(shell, software, element))
        trusted = (each.get(name) for each in (connector, element) for name in _TRUSTED)
        paths = tuple(full(software, value) for value in dict.fromkeys(trusted) if value)
        _add(found, Connectors("web", tuple(filter(None, (port_of(connector),))), places, others, paths))
    if not found:
        raise ApplianceError(
            f"{shell.host}: {path} has no HTTPS connector (SSLEnabled)",
            hint="is TLS ended elsewhere, by a proxy in front? then there is nothing to copy",
        )
    if isinstance(shell, LookingShell):
        shell.ahead(files=[path for each in found for place in each.places for path in place.paths], user="root")
    return tuple(found)


def read(shell: Shell, place: Place) -> Pair:
    """The pair that Tomcat serves from there after its next start. Raises BadKeys, CommandFailed."""
    with _naming_files(shell, place.paths):
        if isinstance(place, StorePlace):
            return pkcs12.chosen(_entries(shell, place), place.alias).pair
        certificates = shell.read_file(place.cert)
        key = certificates if place.key == place.cert else shell.read_file(place.key)
        above = shell.read_file(place.chain) if place.chain else b""
        return load_as_tomcat(certificates + b"\n" + above, key, place.password)


def new_files(shell: Shell, wanted: Sequence[tuple[Place, Pair]]) -> tuple[NewFile, ...]:
    """What these places must hold to serve these pairs; nothing for a place that holds its pair already."""
    files: dict[str, NewFile] = {}
    stores: dict[str, list[tuple[StorePlace, Pair]]] = {}
    for place, pair in wanted:
        if _holds(shell, place, pair):
            continue
        if isinstance(place, StorePlace):
            stores.setdefault(place.path, []).append((place, pair))
        else:
            files |= {path: NewFile(resolved(shell, path), data, _META) for path, data in _pem(place, pair).items()}
    for path, pairs in stores.items():
        files[path] = NewFile(resolved(shell, path), _store(shell, pairs), _META)
    return tuple(files.values())


def unkept(shell: Shell, path: str, wanted: Sequence[tuple[Place, Pair]]) -> tuple[str, ...]:
    """The trusted certificates of a store that `new_files` would write without them."""
    places = [place for place, _ in wanted if isinstance(place, StorePlace) and place.path == path]
    try:
        data = shell.read_file(path)
        return () if not places or pkcs12.is_java_store(data) else pkcs12.others(data, places[0].password)
    except (BadKeys, CommandFailed):
        return ()


def _add(found: list[Connectors], new: Connectors) -> None:
    for index, known in enumerate(found):
        if known.places == new.places:
            found[index] = replace(known, ports=(*known.ports, *new.ports))
            return
    ports = ",".join(map(str, new.ports))
    found.append(replace(new, role=f"web:{ports}") if found else new)


def _default_host(connector: Element) -> tuple[Element, tuple[str, ...]]:
    """What is shown to a client that asks for no known name, and the names of the virtual hosts beside.

    What the connector itself names, by its older attributes, is the default host's.
    """
    hosts = {host.get("hostName", _DEFAULT_HOST).lower(): host for host in connector.findall("SSLHostConfig")}
    name = connector.get("defaultSSLHostConfigName", _DEFAULT_HOST).lower()  # Tomcat lowers both
    own = any(connector.get(each) is not None for each in (*_NAMES["store"], *_NAMES["cert"]))
    chosen = hosts.get(name) if name in hosts or own or not hosts else next(iter(hosts.values()))
    others = tuple(other for other, host in hosts.items() if host is not chosen)
    return (connector if chosen is None else chosen), others


def _places(shell: Shell, software: Software, element: Element) -> Iterator[Place]:
    certificates = [] if element.tag == "Connector" else element.findall("Certificate")
    for each in certificates or [element]:
        yield _place(shell, software, each)


def _place(shell: Shell, software: Software, element: Element) -> Place:
    said = {name: _said(element, spelled) for name, spelled in _NAMES.items()}
    for value in filter(is_open, said.values()):
        raise known_only_to_tomcat(shell, software, value or "")
    kind = {"RSA": "RSA", "EC": "ECDSA", "DSA": "DSA"}.get((said["type"] or "").upper(), "")
    store_password = _password(shell, software, said["store_password"], said["store_password_file"])
    key_password = _password(shell, software, said["key_password"], said["key_password_file"])
    if cert := said["cert"]:
        key = full(software, said["key"] or cert)
        chain = full(software, said["chain"]) if said["chain"] else ""
        return PemPlace(full(software, cert), key, chain, key_password or store_password, kind)
    path = full(software, said["store"]) if said["store"] else default_store(software)
    return StorePlace(path, store_password or Secret(_DEFAULT_PASSWORD, ours=False), said["alias"] or None, kind)


def _said(element: Element, spelled: Sequence[str]) -> str | None:
    """The first of these attributes; '' where it is there and empty."""
    return next((value for name in spelled if (value := element.get(name)) is not None), None)


def _password(shell: Shell, software: Software, word: str | None, file: str | None) -> Secret | None:
    """A file's first line wins, as with Tomcat. An empty password is one."""
    if file:
        return Secret(
            shell.read_file(full(software, file)).decode(errors="replace").partition("\n")[0].rstrip("\r"), ours=False
        )
    return None if word is None else Secret(word, ours=False)


@contextmanager
def _naming_files(shell: Shell, paths: Sequence[str]) -> Iterator[None]:
    """Which files a finding about keys is of."""
    try:
        yield
    except BadKeys as error:
        raise BadKeys(f"{shell.host}: {', '.join(paths)}: {error}", hint=error.hint) from error


def _entries(shell: Shell, place: StorePlace) -> tuple[pkcs12.Entry, ...]:
    data = shell.read_file(place.path)
    if pkcs12.is_java_store(data):
        raise _only_java(place.path)
    return pkcs12.entries(data, place.password)


def _only_java(path: str) -> BadKeys:
    return BadKeys(
        "this is a Java key store (JKS or JCEKS), which only Java reads",
        hint=f"make PKCS#12 of it there: `keytool -importkeystore -srckeystore {quote(path)} -destkeystore "
        f"{quote(f'{path}.p12')} -deststoretype PKCS12`, and name that in server.xml",
    )


def _holds(shell: Shell, place: Place, pair: Pair) -> bool:
    """PKCS#12 is salted, so that equal stores differ in bytes: compare what is inside."""
    try:
        found = read(shell, place)
    except (BadKeys, CommandFailed):
        return False
    return to_pem(found) == to_pem(pair)


def _store(shell: Shell, wanted: Sequence[tuple[StorePlace, Pair]]) -> bytes:
    """The store with those keys replaced; its other keys stay, but for those of one that cannot be read.

    Since 8u60 Java reads PKCS#12 also if server.xml says JKS, but not if it says JCEKS: for that, BadKeys is raised.
    """
    first = wanted[0][0]
    present, data = _present(shell, first)
    for place, pair in wanted:
        alias = (place.alias or (present[0].alias if present else "") or _ALIAS).lower()
        index = next((i for i, entry in enumerate(present) if entry.alias.lower() == alias), len(present))
        index = 0 if present and not place.alias else index
        present[index : index + 1] = [pkcs12.Entry(place.alias or alias, pair)]
    return pkcs12.write(present, first.password, data)


def _present(shell: Shell, place: StorePlace) -> tuple[list[pkcs12.Entry], bytes]:
    """What can be kept of a store, and its bytes; nothing if it is not there or of no use."""
    try:
        data = shell.read_file(place.path)
        if not pkcs12.is_kept_by_java(data):
            return list(_entries(shell, place)), data
    except (BadKeys, CommandFailed):
        return [], b""
    with _naming_files(shell, place.paths):
        raise _only_java(place.path)


def _pem(place: PemPlace, pair: Pair) -> dict[str, bytes]:
    """The key stays encrypted if server.xml has its password. Raises BadKeys where Tomcat would not read it."""
    if pair.kind not in _READ_FROM_PEM or is_for_pss(pair.leaf):
        raise BadKeys(
            f"Tomcat reads no key of the kind {'RSA-PSS' if is_for_pss(pair.leaf) else pair.kind} from PEM files"
            f" ({place.key})",
            hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384)",
        )
    key, chain = key_pem(pair, place.password), chain_pem(pair.chain)
    leaf = chain_pem([pair.leaf]) + (b"" if place.chain else chain)
    files = {place.key: key + leaf} if place.key == place.cert else {place.key: key, place.cert: leaf}
    return files | ({place.chain: chain} if place.chain else {})
