"""Prove to an SSH server who we are: by key, certificate, agent, password or its questions; each password once."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko

from hypervisors.secrets import Secret
from hypervisors.wire.ssh.answers import Answers, Unanswerable
from hypervisors.wire.ssh.keys import OFFERED, SshKey, keys_of

# paramiko's AuthenticationException for a server that said neither yes nor no: not a refusal
_UNANSWERED = re.compile("timeout|saw EOF|shut down", re.IGNORECASE)
_KEYBOARD = "keyboard-interactive"


@dataclass(frozen=True)
class Login:
    """An account and its proofs. Keys go first; a password is fetched only if it is needed.

    `new_password`: what the password becomes if it must be changed at the first log-in. `settings`: the table in
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
        in all, at the first contact; the other way round there would be one in each process. A system's own locks
        count to three at least.
        """
        if self.new_password:
            yield self.new_password()
        yield self.password()


class Refused(Exception):
    """The server said no, or needs a proof that was not given."""


def prove(transport: paramiko.Transport, login: Login, *, old_rsa: bool = False) -> Secret | None:
    """Log in; the password that was accepted, None if a key was enough.

    `old_rsa`: if an RSA key is refused, sign with it once more as servers before OpenSSH 7.2 understand it.
    Raises Refused, Unusable (a key that cannot be used) and what paramiko raises if the server broke off.
    """
    keys = keys_of(login.key, login.settings, agent=login.agent)
    wanted = _offer(transport, login.user, keys, old_rsa=old_rsa) if keys else ["password"]
    return _by_password(transport, login, wanted) if wanted else None


def is_refusal(error: BaseException) -> bool:
    """Whether a server answered with no; else it did not answer."""
    return isinstance(error, paramiko.AuthenticationException) and not _UNANSWERED.search(str(error))


# ---- keys ------------------------------------------------------------------------------------------------------


def _offer(transport: paramiko.Transport, user: str, keys: list[paramiko.PKey], *, old_rsa: bool) -> list[str]:
    """What the server needs besides the key that it accepted: mostly nothing."""
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
    """Signatures to leave out, offer by offer: a server that knows only the old one does not say so, so it is tried."""
    return ((), ("rsa-sha2-512", "rsa-sha2-256")) if old_rsa and key.get_name() == "ssh-rsa" else ((),)


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
            raise Refused(f"it needs more than one proof: {', '.join(more)} as well")
        return accepted
    raise refusal


def _say(transport: paramiko.Transport, login: Login, secret: Secret, methods: list[str]) -> tuple[list[str], Secret]:
    """By the plain method or, if the server does not have it, as the answer to its one question. One attempt in all.

    What the server needs besides it, and the password that is valid now.
    """
    if "password" in methods:
        try:
            return list(transport.auth_password(login.user, secret.reveal(), fallback=False)), secret
        except paramiko.BadAuthenticationType as error:
            methods = error.allowed_types
            if _KEYBOARD not in methods:
                raise
    if _KEYBOARD not in methods:
        raise Refused(f"it needs more than a key: {', '.join(methods)} as well")
    interview = _Interview(login, secret)
    return list(transport.auth_interactive(login.user, interview.answer)), interview.holds


class _Interview:
    """A server's own questions: the password first; after it those of a change, if a new password is given."""

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
