"""The new VM's vApp properties: faults in the requested ones, how a plan shows them, and their values."""

from collections.abc import Iterator, Mapping

from hypervisors import Hypervisor, Image, OvfProperty, Secret, VappProperties
from vmmigrate.findings import Finding, error, warning
from vmmigrate.settings.secrets import Secrets
from vmmigrate.settings.sides import NewSettings

Shown = Mapping[str, str | None]  # as a plan shows them: None stands for a secret
_SOURCES = '{ env = "NAME" }, { file = "PATH" }, { command = […] }, { keyring = "SERVICE/USER" } or { prompt = true }'
_LEAVE_OUT = "remove new.properties from the settings"
_PROFILE = (
    "see that the network of the new VM's first NIC has a network protocol profile; without one vCenter does not "
    "switch the VM on"
)
_THROUGH = "deploy through a vCenter, which passes them to it"


def as_shown(new: NewSettings) -> dict[str, str | None]:
    return {key: value if isinstance(value, str) else None for key, value in new.properties.items()}


def in_words(properties: Shown) -> list[str]:
    return [f"{key}: a secret" if value is None else f"{key} = {value}" for key, value in properties.items()]


def secret_names(properties: Shown) -> list[str]:
    """The settings with the sources of the secret ones."""
    return [_setting(key) for key, value in properties.items() if value is None]


def values(properties: Shown, secrets: Secrets) -> dict[str, str | Secret]:
    """Raises UsageProblem if a secret's source does not have it."""
    return {key: secrets.get(_setting(key)) if value is None else value for key, value in properties.items()}


def _setting(key: str) -> str:
    return f"new.properties.{key}"


def faults(properties: Shown, image: Image, hypervisor: Hypervisor) -> Iterator[Finding]:
    """All faults that are known without the secrets."""
    if image.ovf is None or not isinstance(hypervisor, VappProperties):
        if properties:
            yield _without_properties(image, hypervisor)
        return
    known = {each.key: each for each in image.ovf.properties}
    for key, value in properties.items():
        if key in known:
            yield from _wrong_value(known[key], value, hypervisor)
        else:
            listed = ", ".join(each.key for each in known.values() if each.user_configurable) or "none"
            yield _wrong(f"{image.path.name} has no property {key!r}", f"those that can be set: {listed}")
    for key, asked in known.items():
        if key not in properties and (said := hypervisor.property_fault(asked, "")):
            seen = f"the property {asked} of {image.path.name} {said}"
            yield _wrong(seen, f"give it in the file: {_as_written(asked)}")


def filled_in(properties: Shown, image: Image, hypervisor: Hypervisor) -> Iterator[Finding]:
    """Those that the hypervisor gives a value by itself, if it has one: that is known when the VM is switched on."""
    if image.ovf is None or not isinstance(hypervisor, VappProperties):
        return
    left = [each for each in image.ovf.properties if each.key not in properties and not each.default]
    if filled := [str(each) for each in left if hypervisor.fills_in(each)]:
        seen = f"vCenter gives these properties their values: {', '.join(filled)}"
        yield warning("property-filled-in", seen, _PROFILE)


def not_passed(image: Image, hypervisor: Hypervisor) -> Iterator[Finding]:
    """Those that the image needs and this hypervisor passes to no guest."""
    if image.ovf is None or isinstance(hypervisor, VappProperties):
        return
    if asked := [str(each) for each in image.ovf.properties if each.user_configurable and not each.default]:
        seen = (
            f"{image.path.name} needs the properties {', '.join(asked)}, and {hypervisor.url} passes none to its guest"
        )
        remedy = f"if the guest needs them at its first boot, {_THROUGH}; else set them in it over staging"
        yield warning("property-not-passed", seen, remedy)


def unfit_secrets(properties: Shown, image: Image, hypervisor: Hypervisor, secrets: Secrets) -> Iterator[Finding]:
    """The same for secrets, which `faults` does not know; no value is shown."""
    if image.ovf is None or not isinstance(hypervisor, VappProperties):
        return
    for asked in image.ovf.properties:
        if asked.key in properties and properties[asked.key] is None:
            value = secrets.get(_setting(asked.key)).reveal()
            if said := hypervisor.property_fault(asked, value):
                yield _wrong(f"the property {asked} {said}", "its source has something else: check it")


def _without_properties(image: Image, hypervisor: Hypervisor) -> Finding:
    if image.ovf is None:
        return _wrong(
            f"{image.path.name} has no OVF, so no vApp properties", f"give the publisher's OVA, or {_LEAVE_OUT}"
        )
    seen = f"{hypervisor.url} passes no vApp properties to a guest"
    return _wrong(seen, f"{_LEAVE_OUT} and set them in the guest over staging, or {_THROUGH}")


def _wrong_value(asked: OvfProperty, value: str | None, hypervisor: VappProperties) -> Iterator[Finding]:
    if not asked.user_configurable:
        yield _wrong(f"the property {asked} cannot be set: its publisher fixed it", "remove it from new.properties")
    elif value and asked.password:
        seen = f"the property {asked} is a password, which must not be in the file"
        yield _wrong(seen, f'name its source: new.properties."{asked.key}" = {_SOURCES}')
    elif value is not None and (said := hypervisor.property_fault(asked, value)):
        yield _wrong(f"the property {asked} {said}", f"give it another value: {_as_written(asked)}")


def _wrong(seen: str, remedy: str) -> Finding:
    return error("property", seen, remedy)


def _as_written(asked: OvfProperty) -> str:
    return f'new.properties."{asked.key}" = ' + ('{ env = "NAME" }' if asked.password else '"…"')
