"""vApp properties: whether those asked for can be given, put into an import spec, and compared with what was made."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hypervisors.errors import HypervisorError, NotFound
from hypervisors.types import Image, OvfProperty

_MAY_BE_EMPTY = ("string", "boolean", "bool")  # of these a vCenter switches the machine on without a value


def check(image: Image, wanted: Mapping[str, str]) -> None:
    """Raises NotFound for a key that the image does not have, HypervisorError for what is missing or fixed."""
    known = {each.key: each for each in image.ovf.properties} if image.ovf else {}
    for key in wanted:
        if key not in known:
            listed = ", ".join(known) or "none"
            raise NotFound(f"{image.path.name} has no property {key!r}", hint=f"those it has: {listed}")
        if not known[key].user_configurable:
            raise HypervisorError(
                f"the property {key} of {image.path.name} cannot be set: its publisher fixed it", hint="leave it out"
            )
    missing = [each for key, each in known.items() if is_required(each) and not wanted.get(key)]
    if missing:
        told = ", ".join(f"{each.key} ({each.label})" if each.label else each.key for each in missing)
        raise HypervisorError(f"{image.path.name} needs a value for {told}", hint="give one for each of these")


def is_required(known: OvfProperty) -> bool:
    """Without a value vSphere would not switch the machine on, or the guest would not come up."""
    if known.default or not known.user_configurable:
        return False
    qualifiers = re.split(r"[\s,]+", known.qualifiers.lower())
    wants_some = any(word.startswith("minlen(") and word != "minlen(0)" for word in qualifiers)
    return wants_some or "ip" in qualifiers or known.type.lower() not in _MAY_BE_EMPTY


def key_of(info: Any) -> str:
    """As in OvfProperty."""
    return ".".join(part for part in (info.classId, info.id, info.instanceId) if part)


def fill(config: Any, wanted: Mapping[str, str]) -> None:
    """The values into an import spec's vAppConfig, whatever the server made of the property mapping."""
    for change in config.vAppConfig.property if config.vAppConfig else ():
        if key_of(change.info) in wanted:
            change.info.value = wanted[key_of(change.info)]


def check_made(made: Iterable[Any], wanted: Mapping[str, str], name: str) -> None:
    """A wrong property gives a machine that boots and never appears. Raises HypervisorError; values are not told."""
    seen = {key_of(info): info.value for info in made}
    wrong = sorted(key for key, value in wanted.items() if (seen.get(key) or "") != value)
    if wrong:
        raise HypervisorError(
            f"{name} came out with other values of its properties than asked for: {', '.join(wrong)}",
            hint="see vApp Options of the image in the vSphere client; report this with the vSphere version",
        )
