"""vApp properties: whether those asked for can be given, put into an import spec, and compared with what was made."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hypervisors.description import Image, OvfProperty
from hypervisors.errors import HypervisorError, NotFound, Problem, printable
from hypervisors.secrets import Secret
from hypervisors.types import DeploySpec

_BOOLEAN = ("boolean", "bool")
_MAY_BE_EMPTY = ("string", "password", *_BOOLEAN)  # of these a vCenter switches the machine on without a value
_INTEGER = re.compile(r"[su]?int(8|16|32|64)?")
_QUALIFIER = re.compile(r"""(\w+)\s*([({](?:[^"')}]|"[^"]*"|'[^']*')*[)}])?""")
# VMware's own: a vCenter takes the value from the network protocol profile of the property's network, or from itself
_FILLED_IN = frozenset(
    (
        *("autoip", "dns", "domainname", "gateway", "hostprefix", "httpproxy"),
        *("net", "netmask", "searchpath", "subnet", "vimip"),
    )
)


def values(spec: DeploySpec) -> dict[str, str]:
    """Those asked for, as a vCenter takes them: for a boolean only True and False.

    [terraform-provider-vsphere issue 1414, govmomi issue 583]
    """
    known = spec.image.ovf.properties if spec.image.ovf else ()
    booleans = {each.key for each in known if each.type.lower() in _BOOLEAN}
    plain = {key: value.reveal() if isinstance(value, Secret) else value for key, value in spec.properties.items()}
    return {key: value.capitalize() if key in booleans else value for key, value in plain.items()}


def blanked(text: str, spec: DeploySpec) -> str:
    """Without the secrets among the values, however short: a vCenter repeats a value that it refuses."""
    secrets = {each.reveal() for each in spec.properties.values() if isinstance(each, Secret)}
    for value in sorted(secrets | set(map(printable, secrets)), key=len, reverse=True):
        text = text.replace(value, "…") if value else text
    return text


@contextmanager
def discreet(spec: DeploySpec) -> Iterator[None]:
    """Let no Problem out, nor what it came from, that repeats a secret among the values."""
    try:
        yield
    except Problem as problem:
        if not any(isinstance(each, Secret) for each in spec.properties.values()):
            raise
        problem.args, problem.hint = (blanked(str(problem), spec),), blanked(problem.hint, spec)
        raise problem from None


def check(image: Image, wanted: Mapping[str, str]) -> None:
    """Raises NotFound for a key that the image does not have, HypervisorError for what is missing, fixed or unfit."""
    known = {each.key: each for each in image.ovf.properties} if image.ovf else {}
    for key in wanted:
        if key not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(f"{image.path.name} has no property {key!r}", hint=f"those it has: {listed}")
        if not known[key].user_configurable:
            raise HypervisorError(
                f"the property {key} of {image.path.name} cannot be set: its publisher fixed it", hint="leave it out"
            )
    wrong = [f"{each} {said}" for key, each in known.items() if (said := fault(each, wanted.get(key, "")))]
    if wrong:
        raise HypervisorError(f"properties of {image.path.name}: {'; '.join(wrong)}", hint="give each what it takes")


def fault(known: OvfProperty, value: str) -> str:
    """Why a value does not fit. Ranges of numbers and VMware's own types are checked only by the server."""
    if value:
        return next(_misfits(known, value), "")
    return "needs a value" if is_required(known) else ""


def _misfits(known: OvfProperty, value: str) -> Iterator[str]:
    kind, asked = known.type.lower(), _qualifiers(known)
    if _INTEGER.fullmatch(kind) and not re.fullmatch(r"[+-]?\d+", value):
        yield "takes a whole number"
    if kind in _BOOLEAN and value.lower() not in ("true", "false"):
        yield "takes True or False"
    if "ip" in asked and not _is_address(value):
        yield "takes an IP address"
    least, most = _bound(asked, "minlen"), _bound(asked, "maxlen")
    if least is not None and len(value) < least:
        yield f"takes {least} characters or more"
    if most is not None and len(value) > most:
        yield f"takes {most} characters at most"
    choices = [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|([^,\s"]+)', asked.get("valuemap", ""))]
    if choices and value not in choices:
        yield f"takes one of {', '.join(choices)}"


def is_required(known: OvfProperty) -> bool:
    """Without a value vSphere would not switch the machine on, or the guest would not come up."""
    asked = _qualifiers(known)
    if known.default or not known.user_configurable or is_filled_in(known):
        return False
    return bool(_bound(asked, "minlen")) or "ip" in asked or known.type.lower() not in _MAY_BE_EMPTY


def is_filled_in(known: OvfProperty) -> bool:
    return not _FILLED_IN.isdisjoint(_qualifiers(known))


def _qualifiers(known: OvfProperty) -> dict[str, str]:
    """By name in lower case, with what stands in its brackets: MinLen(8), ValueMap{"a", "b"}, Ip("Network 1")."""
    return {name.lower(): inside[1:-1] for name, inside in _QUALIFIER.findall(known.qualifiers)}


def _bound(asked: Mapping[str, str], name: str) -> int | None:
    """The number in MinLen(8)."""
    number = asked.get(name, "").strip()
    return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else None


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def key_of(info: Any) -> str:
    """As in OvfProperty."""
    return ".".join(part for part in (info.classId, info.id, info.instanceId) if part)


def fill(config: Any, wanted: Mapping[str, str]) -> None:
    """The values into an import spec's vAppConfig, whatever the server made of the property mapping."""
    for change in config.vAppConfig.property if config.vAppConfig else ():
        if key_of(change.info) in wanted:
            change.info.value = wanted[key_of(change.info)]


def check_made(made: Iterable[Any], wanted: Mapping[str, str], name: str) -> None:
    """A wrong property gives a machine that boots and never appears. Raises HypervisorError; values are not shown.

    Of a password it is only looked whether it is there: a vCenter does not give its value back
    [terraform-provider-vsphere issues 922 and 1992].
    """
    seen = {key_of(info): info for info in made}
    wrong = sorted(key for key, value in wanted.items() if key not in seen or _differs(seen[key], value))
    if wrong:
        raise HypervisorError(
            f"{name} came out with other values of its properties than asked for: {', '.join(wrong)}",
            hint="see vApp Options of the image in the vSphere client; report this with the vSphere version",
        )


def _differs(info: Any, value: str) -> bool:
    return (info.value or "") != value and not (info.type or "").startswith("password")
