"""Every secret that the settings can name: where it comes from, and what a person is asked for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hypervisors import Secret
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sides import NewSettings, NewSshSettings, OldSettings
from vmmigrate.settings.sources import SecretSource

_PROPERTIES = "new.properties."


def no_fault(typed: str) -> str:
    """Only who is asked with it knows."""
    return ""


@dataclass(frozen=True)
class Wanted:
    """A secret by the path of its setting. Where nobody can be asked: `what` it is called, `hint` how to give it.

    `fault`: why what was typed cannot be it, found on this workstation, where nothing is sent; "" where it may be.
    `new`: it is set by it, so that a typing error is not found out later: it is typed twice.
    """

    name: str
    source: SecretSource | None
    question: str
    hint: str
    what: str = ""
    fault: Callable[[str], str] = no_fault
    new: bool = False


def all_wanted(settings: Settings) -> dict[str, Wanted]:
    """By name, whether they are needed or not."""
    return {each.name: each for each in _all(settings)}


def variable(name: str) -> str:
    """The variable for a secret without a source: old.ssh.password → VMMIGRATE_OLD_SSH_PASSWORD."""
    return "VMMIGRATE_" + name.replace(".", "_").upper()


def given_as(name: str) -> str:
    """The command that sets a variable to a secret without writing it to the shell's history."""
    return f"read -rs {name}; export {name}"


def _all(settings: Settings) -> Iterator[Wanted]:
    hypervisor = settings.hypervisor
    yield _setting("hypervisor.password", hypervisor.password, f"password for {hypervisor.url}")
    made = settings.backup.file is None  # the console encrypts with it; the archive opens with no other
    yield _setting("backup.password", settings.backup.password, "password of the backup", new=made)
    yield from _side("old", settings.old, _at("the old gateway", settings.old.address))
    yield from _side("new", settings.new, _at("the new VM", settings.new.staging_address))
    for key, value in settings.new.properties.items():
        if isinstance(value, SecretSource):
            yield _property(key, value)


def _at(gateway: str, address: str | None) -> str:
    return f"{gateway} {address}" if address else gateway


def _side(table: str, settings: OldSettings | NewSettings, gateway: str) -> Iterator[Wanted]:
    ssh, console, via = settings.ssh, settings.console, settings.via
    yield _setting(f"{table}.ssh.password", ssh.password, f"SSH password of {ssh.user} on {gateway}")
    passphrase = f"passphrase of the key {ssh.key_file} for {gateway}"
    opened = partial(_passphrase_fault, ssh.key_file)
    yield _setting(f"{table}.ssh.key_passphrase", ssh.key_passphrase, passphrase, fault=opened)
    if isinstance(ssh, NewSshSettings):
        renewed = f"new SSH password for {ssh.user} on {gateway}"
        yield _setting(f"{table}.ssh.new_password", ssh.new_password, renewed, new=True)
    yield _setting(f"{table}.console.password", console.password, f"console password of {console.user} on {gateway}")
    if via:
        jump = f"{via.user} on the jump host {via.host}"
        yield _setting(f"{table}.via.password", via.password, f"SSH password of {jump}")
        opened = partial(_passphrase_fault, via.key_file)
        passphrase = f"passphrase of the key for {jump}"
        yield _setting(f"{table}.via.key_passphrase", via.key_passphrase, passphrase, fault=opened)


def _passphrase_fault(key_file: Path | None, typed: str) -> str:
    from hypervisors.wire.ssh import SshKey, opens  # slow, so only where a passphrase is typed

    opened = key_file is None or opens(SshKey(key_file, Secret(typed)))
    return "" if opened else f"that does not open {key_file}"


def _setting(
    name: str,
    source: SecretSource | None,
    question: str,
    *,
    fault: Callable[[str], str] = no_fault,
    new: bool = False,
) -> Wanted:
    in_file = f'in vmmigrate.toml: {name} = {{ file = "/root/{name}" }}'
    hint = f"{given_as(variable(name))}    # or {in_file}"
    return Wanted(name, source, f"{question} ({name})", hint, fault=fault, new=new)


def _property(key: str, source: SecretSource) -> Wanted:
    name = f"{_PROPERTIES}{key}"
    in_file = f'in vmmigrate.toml: {_PROPERTIES}"{key}" = {{ file = "/root/{name}" }}'
    return Wanted(name, source, f"property {key} of the new VM ({name})", in_file)
