"""Tomcat's server.xml as Tomcat reads it: properties put in, which connectors speak TLS, where a path leads."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from hypervisors import declared_text, encoding_of
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.limits import TOMCAT_PROPERTIES, TOMCAT_VALUE
from vmmigrate.reading import whole

_WITHOUT_OFFSET = tuple(f"tomcat{number}" for number in range(5, 9))  # they pass over what they do not know
_DEEPEST = TOMCAT_PROPERTIES.most
_LONGEST = TOMCAT_VALUE.most
_PROPERTY = re.compile(r"\$\{([^${}]+)\}")
_OPTION = re.compile(r"""(?<![\w.-])-D([\w.-]+)=("[^"]*"|'[^']*'|[^\s"']*)""")
_COMMENT = re.compile(r"^[ \t]*#.*", re.MULTILINE)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_HALF = re.compile(r"[\ud800-\udfff]")  # of a surrogate pair, without the other
_OF_THE_PARSER = ("utf-8", "utf-16")
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def tls_connectors(shell: Shell, software: Software) -> tuple[Element, ...]:
    """The connectors with SSLEnabled. Of these at the guest's own address only where the network reaches none.

    Raises ApplianceError.
    """
    found = tuple(connector for connector in _connectors(shell, software) if _has_tls(connector))
    return tuple(connector for connector in found if not _is_inside(connector)) or found


def ports(shell: Shell, software: Software) -> Iterator[int]:
    """Of all connectors that the network reaches, with TLS or without. Raises as `tls_connectors`."""
    for connector in _connectors(shell, software):
        if (port := port_of(connector)) and not _is_inside(connector):
            yield port


def port_of(connector: Element) -> int | None:
    """None of one that Tomcat chooses itself."""
    return whole(connector.get("port", "")) or None


def _is_inside(connector: Element) -> bool:
    address = connector.get("address", "").strip().strip("[]").lower().removeprefix("::ffff:")
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return address.startswith(("127.", "localhost"))  # Java takes 127.1 too


def _connectors(shell: Shell, software: Software) -> tuple[Element, ...]:
    """Properties are put into their attributes, and the server's offset into their ports.

    Tomcat passes over a connector anywhere else, such as one that was put out of use by an element around it.
    """
    server = _parsed(shell, software)
    found = tuple(server.findall("Service/Connector") if server.tag == "Server" else ())
    known: dict[str, str] = {}
    for element in (server, *(inner for connector in found for inner in connector.iter())):
        for name, value in element.attrib.items():
            if "${" in value:
                known = known or _properties(shell, software)
                element.set(name, _filled(value, known))
    offset = 0 if software.units.web in _WITHOUT_OFFSET else whole(server.get("portOffset", ""))
    if offset:
        for connector in found:
            if port := port_of(connector):
                connector.set("port", str(port + offset))
    return found


def known_only_to_tomcat(shell: Shell, software: Software, value: str) -> ApplianceError:
    return ApplianceError(
        f"{shell.host}: {software.server_xml} names {value}, a property that only Tomcat knows",
        hint=f"write the value itself into {software.server_xml}, or set the property in catalina.properties beside it",
    )


def is_open(value: str | None) -> bool:
    """Whether a property is left in it."""
    return bool(value and _PROPERTY.search(value))


def full(software: Software, path: str) -> str:
    """Paths count from CATALINA_BASE; a URL of a file is one too."""
    if path.startswith("file:"):
        path = unquote(re.sub(r"^file:(//[^/]*)?(?=/)", "", path).removeprefix("file:"))
    return path if path.startswith("/") else f"{_folders(software)['catalina.base']}/{path}"


def default_store(software: Software) -> str:
    """What Tomcat takes where a connector names neither store nor certificate."""
    return f"{_folders(software)['user.home']}/.keystore"


def _folders(software: Software) -> dict[str, str]:
    """Debian's unit has a base of its own, RHEL's and SUSE's is shared."""
    unit = software.units.web or ""
    if unit == "tomcat":
        return dict.fromkeys(("catalina.base", "catalina.home", "user.home"), "/usr/share/tomcat")
    user = unit if unit in ("tomcat7", "tomcat8") else "tomcat"  # from 9 on Debian's user has no number
    return {
        "catalina.base": f"/var/lib/{unit}",
        "catalina.home": f"/usr/share/{unit}",
        "user.home": f"/var/lib/{user}",
    }


def _parsed(shell: Shell, software: Software) -> Element:
    path = software.server_xml
    try:
        root = _element(shell.read_file(path))
        for element in root.iter():  # Tomcat looks at no namespaces
            element.tag = element.tag.rpartition("}")[2]
        return root
    except DefusedXmlException as error:
        raise ApplianceError(
            f"{shell.host}: {path} takes in a part by an entity of its document type, which is not read: {error}",
            hint="write that part into the file itself; Tomcat reads it the same",
        ) from error
    except ParseError as error:
        raise ApplianceError(
            f"{shell.host}: {path} is not XML: {error}", hint="repair it; Tomcat needs it too"
        ) from error
    except (ValueError, LookupError) as error:  # Java reads such an encoding, the parser here does not
        raise ApplianceError(
            f"{shell.host}: {path} is in an encoding that is not read here: {error}",
            hint='write it in UTF-8, with encoding="UTF-8" in its first line; Tomcat reads it the same',
        ) from error


def _element(data: bytes) -> Element:
    """As XML declares it: the parser takes encodings of one byte a character itself, and UTF-8 and UTF-16.

    One that changes its meaning within the text, as ISO-2022-JP does, it takes for one of those, and for no XML.
    """
    try:
        root: Element = defusedxml.ElementTree.fromstring(data)
    except (ValueError, LookupError, ParseError) as error:
        if isinstance(error, ParseError) and encoding_of(data).startswith(_OF_THE_PARSER):
            raise
        root = defusedxml.ElementTree.fromstring(declared_text(data))
    return root


def _has_tls(connector: Element) -> bool:
    """As Tomcat decides it: a store alone makes no HTTPS."""
    return connector.get("SSLEnabled", "").lower() == "true" and "ajp" not in connector.get("protocol", "").lower()


def _filled(value: str, known: dict[str, str]) -> str:
    """`${name}` and `${name:-default}`; what is not known stays as it is, as Tomcat leaves it."""

    def one(found: re.Match[str]) -> str:
        name, colon, default = found[1].partition(":-")
        return known.get(name, default if colon else found[0])

    for _ in range(_DEEPEST):
        value, before = _PROPERTY.sub(one, value), value
        if value == before:
            break
        if len(value) > _LONGEST:  # each may name several, which name several
            raise ApplianceError(
                f"server.xml names properties that make a value of more than {_LONGEST} characters",
                hint="repair it, or catalina.properties beside it; Tomcat needs them too",
            )
    if _HALF.search(value):
        raise ApplianceError(
            "server.xml names a property with half of a character: a \\u escape of a surrogate without the other one",
            hint="repair it in catalina.properties beside it: write both escapes, or another value",
        )
    return value


def _properties(shell: Shell, software: Software) -> dict[str, str]:
    """Of the unit's options and of catalina.properties, which Tomcat reads later."""
    folders = _folders(software)
    unit = software.units.web or ""
    places = (f"/etc/default/{unit}", f"/etc/{unit}/{unit}.conf", f"{folders['catalina.base']}/bin/setenv.sh")
    options = _COMMENT.sub("", "".join(f"{_text(shell, path)}\n" for path in places))
    said = {name: value.strip("\"'") for name, value in _OPTION.findall(options)}
    beside = PurePosixPath(software.server_xml).with_name("catalina.properties")
    return {**folders, **said, **dict(_entries(_text(shell, str(beside))))}


def _text(shell: Shell, path: str) -> str:
    with suppress(CommandFailed):
        return shell.read_file(path).decode("latin-1")
    return ""


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Of a Java properties file: `name=value`, `name: value`, `name value`, lines continued by a backslash."""
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t\f]*", r"\1", text)
    for line in map(str.lstrip, joined.splitlines()):
        found = re.match(r"((?:\\.|[^\s=:\\])+)\s*[=:]?\s*(.*)", line)
        if found and not line.startswith(("#", "!")):
            yield _unescaped(found[1]), _unescaped(found[2])


def _unescaped(text: str) -> str:
    """Java writes what is beyond 16 bits as two escapes, which are one character."""

    def one(found: re.Match[str]) -> str:
        sign = found[1]
        return chr(int(sign[1:], 16)) if len(sign) == 5 else _ESCAPED.get(sign, sign)

    utf16 = _ESCAPE.sub(one, text).encode("utf-16-le", "surrogatepass")
    return utf16.decode("utf-16-le", "surrogatepass")
