"""Prove to an SSH server who we are: by key, certificate, agent, password or its questions; each password once."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko

from hypervisors import Secret
from vmmigrate.appliance.ssh.new_password import Answers, Unanswerable
from vmmigrate.errors import UsageProblem

# Offers of keys at most: sshd hangs up at the sixth refusal (MaxAuthTries), and a password may be asked for after them.
OFFERED = 4
# paramiko's AuthenticationException for a server that said neither yes nor no: no refusal
_UNANSWERED = re.compile("timeout|saw EOF|shut down", re.IGNORECASE)
_KEYBOARD = "keyboard-interactive"


@dataclass(frozen=True)
class SshKey:
    """A private key file, and its passphrase where it has one. A certificate lies beside it as `…-cert.pub`."""

    path: Path
    passphrase: Secret | None = None


@dataclass(frozen=True)
class Login:
    """An account and its proofs. Keys go first; a password is fetched where a server or sudo wants one.

    `new_password`: what the password becomes where it must be changed at the first log-in. `settings`: the table in
    which the operator gives all this ('old.ssh', 'new.via'), for a message.
    """

    user: str
    password: Callable[[], Secret]
    key: SshKey | None = None
    agent: bool = False
    new_password: Callable[[], Secret] | None = None
    settings: str = "ssh"

    def passwords(self) -> Iterator[Secret]:
        """Those that may be right, the likelier first.

        Once changed, it stays changed for every later process: so the new one comes first, and there is one refusal
        in all, at the first contact; the other way round there would be one in each process. Five failures block an
        account of the console, not one of the system, whose own locks count to three at least.
        """
        if self.new_password:
            yield self.new_password()
        yield self.password()


class Refused(Exception):
    """The server said no, or wants what we have not."""


def prove(transport: paramiko.Transport, login: Login, *, old_rsa: bool = False) -> Secret | None:
    """Log in; the password that was accepted, None where a key was enough.

    `old_rsa`: where an RSA key is refused, sign with it once more as servers before OpenSSH 7.2 understand it.
    Raises Refused, UsageProblem (a key that cannot be used) and what paramiko raises where the server broke off.
    """
    keys = _keys(login)
    wanted = _offer(transport, login.user, keys, old_rsa=old_rsa) if keys else ["password"]
    return _by_password(transport, login, wanted) if wanted else None


def is_refusal(error: BaseException) -> bool:
    """Whether a server answered with no; else it did not answer."""
    return isinstance(error, paramiko.AuthenticationException) and not _UNANSWERED.search(str(error))


# ---- keys ------------------------------------------------------------------------------------------------------


def _offer(transport: paramiko.Transport, user: str, keys: list[paramiko.PKey], *, old_rsa: bool) -> list[str]:
    """What the server wants beside the key that it took: nothing, mostly."""
    others = dict(transport.disabled_algorithms or {})
    for key, off in [(each, off) for each in keys for off in _without(each, old_rsa=old_rsa)][:OFFERED]:
        transport.disabled_algorithms = {**others, "pubkeys": [*others.get("pubkeys", ()), *off]}
        try:
            return list(transport.auth_publickey(user, key))
        except paramiko.AuthenticationException as error:
            if not is_refusal(error):
                raise
    raise Refused("it takes none of the keys" if len(keys) > 1 else "it does not take the key")


def _without(key: paramiko.PKey, *, old_rsa: bool) -> tuple[tuple[str, ...], ...]:
    """Signatures to leave out, offer by offer: no server says that it knows but the old one, so it is tried."""
    return ((), ("rsa-sha2-512", "rsa-sha2-256")) if old_rsa and key.get_name() == "ssh-rsa" else ((),)


def _keys(login: Login) -> list[paramiko.PKey]:
    if login.agent:
        return _from_agent(login.key.path if login.key else None, login.settings)
    return _from_file(login.key, login.settings) if login.key else []


def _from_file(key: SshKey, settings: str) -> list[paramiko.PKey]:
    """The key with its certificate, where there is one, and then alone."""
    loaded = load_key(key, settings)
    if loaded.public_blob is None:
        return [loaded]
    alone = load_key(key, settings)
    alone.public_blob = None
    return [loaded, alone]


def load_key(key: SshKey, settings: str = "ssh") -> paramiko.PKey:
    """`settings`: the table that names the key. Raises UsageProblem."""
    passphrase = key.passphrase.reveal().encode() if key.passphrase else None
    try:
        return paramiko.PKey.from_path(key.path, passphrase)  # type: ignore[arg-type]  # it wants bytes in fact
    except (paramiko.PasswordRequiredException, TypeError) as error:
        raise UsageProblem(
            f"the key {key.path} has a passphrase",
            hint=f"say where it comes from with {settings}.key_passphrase, or load the key into ssh-agent and set"
            f" {settings}.agent = true",
        ) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, OSError, ValueError) as error:
        raise UsageProblem(
            f"cannot use the key {key.path}: {error}", hint="give an OpenSSH private key and its passphrase"
        ) from error


def _from_agent(only: Path | None, settings: str) -> list[paramiko.PKey]:
    """The agent's keys; where a key file is named too, the agent's copy of that one alone."""
    held: list[paramiko.PKey] = list(paramiko.Agent().get_keys())
    if only is not None:
        wanted = _public_blob(only, settings)
        held = [key for key in held if key.asbytes() == wanted]
    if not held:
        raise UsageProblem(
            f"ssh-agent does not hold {only}" if only else "ssh-agent holds no key, or none runs here",
            hint="load it with `ssh-add`; SSH_AUTH_SOCK must point to the agent",
        )
    return held[:OFFERED]


def _public_blob(path: Path, settings: str) -> bytes:
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    try:
        return bytes(paramiko.pkey.PublicBlob.from_file(str(public)).key_blob)
    except (OSError, ValueError) as error:
        raise UsageProblem(
            f"cannot read the public key {public}: {error}",
            hint=f"with {settings}.agent, {settings}.key_file names a public key",
        ) from error


# ---- passwords -------------------------------------------------------------------------------------------------


def _by_password(transport: paramiko.Transport, login: Login, methods: list[str]) -> Secret:
    """Each password that may be right, once, by one method."""
    refusal = Refused("no password is given")
    for secret in login.passwords():
        try:
            more, accepted = _say(transport, login, secret, methods)
        except Unanswerable as error:
            raise Refused(str(error)) from error
        except paramiko.BadAuthenticationType as error:
            raise Refused(f"it takes no password, but {', '.join(error.allowed_types)}") from error
        except paramiko.AuthenticationException as error:
            if not is_refusal(error):
                raise
            refusal = Refused(str(error))
            continue
        if more:
            raise Refused(f"it wants more than one proof: {', '.join(more)} as well")
        return accepted
    raise refusal


def _say(transport: paramiko.Transport, login: Login, secret: Secret, methods: list[str]) -> tuple[list[str], Secret]:
    """By the plain method, or, where a server has none, as the answer to its one question. One attempt in all.

    What the server wants beside it, and the password that holds now.
    """
    if "password" in methods:
        try:
            return list(transport.auth_password(login.user, secret.reveal(), fallback=False)), secret
        except paramiko.BadAuthenticationType as error:
            methods = error.allowed_types
            if _KEYBOARD not in methods:
                raise
    if _KEYBOARD not in methods:
        raise Refused(f"it wants more than a key: {', '.join(methods)} as well")
    interview = _Interview(login, secret)
    return list(transport.auth_interactive(login.user, interview.answer)), interview.holds


class _Interview:
    """A server's own questions: the password first; after it those of a change, where a new password is given."""

    def __init__(self, login: Login, secret: Secret) -> None:
        self._login, self._secret = login, secret
        self.holds = secret
        self._said = False
        self._change: Answers | None = None

    def answer(self, title: str, instructions: str, fields: list[tuple[str, bool]]) -> list[str]:
        return [self._one(question, echo=echo) for question, echo in fields]

    def _one(self, question: str, *, echo: bool) -> str:
        if echo:  # no password is asked for so that it shows
            raise Unanswerable(f"it asks {question.strip()!r}")
        if not self._said:
            self._said = True
            return self._secret.reveal()
        if self._login.new_password is None:
            raise Unanswerable(f"after the password it asks {question.strip()!r}")
        self.holds = self._login.new_password()
        self._change = self._change or Answers(self._secret, self.holds)
        return self._change.answer(question)
