"""Secrets from where the operator said (environment, file, command, keyring, prompt), each fetched once."""

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from hypervisors import Secret
from vmmigrate.errors import UsageProblem
from vmmigrate.settings.models import Settings
from vmmigrate.settings.sources import SecretSource

Ask = Callable[[str], str]

NAMES = (
    "hypervisor.password",
    "old.console.password",
    "old.ssh.password",
    "new.console.password",
    "new.ssh.password",
    "backup.password",
    "old.ssh.key_passphrase",
    "new.ssh.key_passphrase",
    "new.ssh.new_password",
    "old.via.password",
    "old.via.key_passphrase",
    "new.via.password",
    "new.via.key_passphrase",
)


def cannot_ask(label: str) -> str:
    """For callers without a terminal."""
    key = _property(label)
    setting = f'new.properties."{key}"' if key else label
    in_file = f'in vmmigrate.toml: {setting} = {{ file = "/root/{label}" }}'
    raise UsageProblem(
        f"{label} is not given, and there is no terminal to ask for it",
        hint=in_file if key else f"{given_as(variable(label))}    # or {in_file}",
    )


def _property(name: str) -> str:
    """The key of the vApp property whose secret it is; '' for any other."""
    return name.removeprefix("new.properties.") if name.startswith("new.properties.") else ""


def given_as(name: str) -> str:
    """The command that gives a variable a secret which no history of a shell keeps."""
    return f"read -rs {name}; export {name}"


def in_words(ask: Ask, settings: Settings) -> Ask:
    """Ask for a setting's secret by whose it is and on what. Who cannot ask tells the setting's name."""
    return ask if ask is cannot_ask else lambda name: ask(question(settings, name))


def question(settings: Settings, name: str) -> str:
    """What a person is asked: old.ssh.password → 'SSH password of sa on the old gateway (old.ssh.password)'."""
    if name == "backup.password":
        return f"password of the backup ({name})"
    if name == "hypervisor.password":
        return f"password for {settings.hypervisor.url} ({name})"
    if key := _property(name):
        return f"property {key} of the new VM ({name})"
    where, _, what = name.partition(".")
    side = settings.old if where == "old" else settings.new
    address = settings.old.address if where == "old" else settings.new.staging_address
    gateway = f"the {where} {'gateway' if where == 'old' else 'VM'}" + (f" {address}" if address else "")
    jump = f"{side.via.user} on the jump host {side.via.host}" if side.via else "the jump host"
    return {
        "ssh.password": f"SSH password of {side.ssh.user} on {gateway}",
        "ssh.new_password": f"new SSH password for {side.ssh.user} on {gateway}",
        "ssh.key_passphrase": f"passphrase of the key {side.ssh.key_file} for {gateway}",
        "console.password": f"console password of {side.console.user} on {gateway}",
        "via.password": f"SSH password of {jump}",
        "via.key_passphrase": f"passphrase of the key for {jump}",
    }[what] + f" ({name})"


def variable(name: str) -> str:
    """Where a secret without a source is looked for: old.ssh.password → VMMIGRATE_OLD_SSH_PASSWORD."""
    return "VMMIGRATE_" + name.replace(".", "_").upper()


class Secrets:
    """The secrets of one run, by the path of their setting in what the operator says (`Settings`, or a part)."""

    def __init__(
        self, settings: object, environ: Mapping[str, str], ask: Ask, known: dict[str, Secret] | None = None
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._ask = ask
        self._known = {} if known is None else known

    def get(self, name: str) -> Secret:
        """Raises UsageProblem where the source does not give it."""
        if name not in self._known:
            self._known[name] = Secret(self._fetch(name))
        return self._known[name]

    def is_given(self, name: str) -> bool:
        """Whether the operator named a source or set its variable: else nobody is asked before it is needed."""
        return name in self._known or self._source(name) is not None or bool(self._environ.get(variable(name)))

    def _fetch(self, name: str) -> str:
        source = self._source(name)
        if source is None:
            return self._environ.get(variable(name)) or self._ask(name)
        if source.env is not None:
            return self._from_environment(name, source.env)
        if source.file is not None:
            return _from_file(name, source.file)
        if source.command is not None:
            return _from_command(name, source.command)
        if source.keyring is not None:
            return _from_keyring(name, source.keyring)
        return self._ask(name)

    def _source(self, name: str) -> SecretSource | None:
        value: object = self._settings
        rest = name
        while rest:
            if isinstance(value, Mapping):  # whose keys may have dots in them
                value, rest = value.get(rest), ""
            else:
                part, _, rest = rest.partition(".")
                value = getattr(value, part, None)
        return value if isinstance(value, SecretSource) else None

    def _from_environment(self, name: str, key: str) -> str:
        if not self._environ.get(key):
            raise UsageProblem(f"{name}: the environment has no {key}", hint=given_as(key))
        return self._environ[key]


def _from_file(name: str, path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise UsageProblem(f"{name}: others may read {path}", hint=f"chmod 600 {shlex.quote(str(path))}")
        text = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise UsageProblem(
            f"{name}: {path}: {error.strerror}", hint=f"see what is there: ls -l {shlex.quote(str(path))}"
        ) from error
    except UnicodeDecodeError:
        raise UsageProblem(f"{name}: {path} is no text", hint="put the password there, in UTF-8") from None
    return _not_empty(name, text, str(path))


def _from_command(name: str, argv: tuple[str, ...]) -> str:
    """The first line of what the command prints; its standard error goes to the operator's terminal."""
    try:
        done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, env=dict(os.environ))
    except OSError as error:
        raise UsageProblem(
            f"{name}: cannot run {argv[0]}: {error.strerror}",
            hint=f"name a program on PATH, or its whole path: command -v {shlex.quote(argv[0])}",
        ) from error
    if done.returncode != 0:
        raise UsageProblem(
            f"{name}: {argv[0]} ended with {done.returncode}", hint=f"run it by hand and see why: {shlex.join(argv)}"
        )
    return _not_empty(name, done.stdout.decode(errors="surrogateescape").partition("\n")[0], argv[0])


def _from_keyring(name: str, entry: str) -> str:
    from vmmigrate.settings.keyrings import read  # only who names a keyring pays for looking at what backends there are

    service, _, user = entry.rpartition("/")
    return _not_empty(name, read(name, service, user), f"the keyring's entry {entry}")


def _not_empty(name: str, text: str, where: str) -> str:
    if not text:
        raise UsageProblem(f"{name}: {where} gives an empty password", hint="put the password there")
    return text
