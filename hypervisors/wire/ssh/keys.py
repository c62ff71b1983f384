"""The private keys that a log-in offers: from a file, with its certificate, or from ssh-agent."""

from dataclasses import dataclass
from pathlib import Path

import paramiko

from hypervisors.errors import Unusable
from hypervisors.secrets import Secret

# Offers of keys at most: sshd hangs up at the sixth refusal (MaxAuthTries), and a password may be asked for after them.
OFFERED = 4


@dataclass(frozen=True)
class SshKey:
    """A private key file, and its passphrase if it has one. A certificate lies beside it as `…-cert.pub`."""

    path: Path
    passphrase: Secret | None = None


def keys_of(key: SshKey | None, settings: str, *, agent: bool) -> list[paramiko.PKey]:
    """What is offered, in this order. `settings`: the table that names the key, for a message. Raises Unusable."""
    if agent:
        return _from_agent(key.path if key else None, settings)
    return _from_file(key, settings) if key else []


def _from_file(key: SshKey, settings: str) -> list[paramiko.PKey]:
    """The key with its certificate, if there is one, and then the key without it."""
    loaded = _load(key, settings)
    if loaded.public_blob is None:
        return [loaded]
    bare = _load(key, settings)
    bare.public_blob = None
    return [loaded, bare]


def _load(key: SshKey, settings: str) -> paramiko.PKey:
    passphrase = key.passphrase.reveal().encode() if key.passphrase else None
    try:
        return paramiko.PKey.from_path(key.path, passphrase)  # type: ignore[arg-type]  # it needs bytes in fact
    except (paramiko.PasswordRequiredException, TypeError) as error:
        raise Unusable(
            f"the key {key.path} has a passphrase",
            hint=f"say where it comes from with {settings}.key_passphrase, or load the key into ssh-agent and set"
            f" {settings}.agent = true",
        ) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, OSError, ValueError) as error:
        raise Unusable(
            f"cannot use the key {key.path}: {error}", hint="give an OpenSSH private key and its passphrase"
        ) from error


def opens(key: SshKey) -> bool:
    """Whether the passphrase is that key's; True also where there is no such question: then something else is wrong."""
    try:
        paramiko.PKey.from_path(key.path, None)
    except (paramiko.PasswordRequiredException, TypeError):
        return _opens(key)
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, OSError, ValueError):
        pass
    return True


def _opens(key: SshKey) -> bool:
    try:
        _load(key, "")
    except Unusable:
        return False
    return True


def agent_holds_any() -> bool:
    """Whether an agent runs here and has keys."""
    return bool(paramiko.Agent().get_keys())


def _from_agent(only: Path | None, settings: str) -> list[paramiko.PKey]:
    """The agent's keys; if a key file is named too, only the agent's copy of that one."""
    held: list[paramiko.PKey] = list(paramiko.Agent().get_keys())
    if only is not None:
        wanted = _public_blob(only, settings)
        held = [key for key in held if key.asbytes() == wanted]
    if not held:
        raise Unusable(
            f"ssh-agent does not hold {only}" if only else "ssh-agent holds no key, or none runs here",
            hint="load it with `ssh-add`; SSH_AUTH_SOCK must point to the agent",
        )
    return held[:OFFERED]


def _public_blob(path: Path, settings: str) -> bytes:
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    try:
        return bytes(paramiko.pkey.PublicBlob.from_file(str(public)).key_blob)
    except (OSError, ValueError) as error:
        raise Unusable(
            f"cannot read the public key {public}: {error}",
            hint=f"with {settings}.agent, {settings}.key_file names a public key",
        ) from error
