"""The program's doors into the model: SSH, console, handshakes and dialling go to its guests, threads to none.

Replaced, each at one place, because the model is about order and faults: TLS handshakes by what the served files hold,
the web console by its archive, PKCS#12, keys and certificates by the same with results remembered, pipes by bytes.
Shell, sudo, login shell, journal, engine, steps, operations are the program's own.
"""

import functools
import io
import re
import shlex
import socket
from typing import Any, BinaryIO

from fixtures.appliance import accounts, hostkey
from fixtures.appliance.commands import Caller, Given, run_line
from fixtures.model.guest import Guest
from fixtures.model.host import Hook, LostAnswer
from fixtures.model.world import World
from hypervisors import LoginRefused, Secret, TlsTrust, Unreachable
from hypervisors.wire import ssh
from hypervisors.wire.ssh import BrokeOff, HostKey, Login, Output, SshServer
from tests.faults.cheap import (
    AtOnce,
    Piped,
    RememberedPlans,
    SameMark,
    decrypted,
    readable_once,
    remembered,
    remembered_groups,
    remembered_records,
    remembered_states,
    remembered_stores,
)
from tests.faults.console import ModelConsole
from vmmigrate import doors as product_doors
from vmmigrate import learnt, model
from vmmigrate.appliance import asking, consoles, entering
from vmmigrate.appliance.ssh import session, shell
from vmmigrate.appliance.tls import as_shown, bundle, chains, handshake, keys, pkcs12
from vmmigrate.run import journal, record, recorded, sealed, stage, status
from vmmigrate.run.fold import fold
from vmmigrate.steps import carry_back, export, guards


class Doors:
    """What this world answers to the program. `hook` is asked before and after each effect."""

    def __init__(self, world: World, hook: Hook) -> None:
        self.world, self.hook = world, hook

    def open(self) -> None:
        """Put these in place of the real ones, for the rest of this process."""
        session.connect = self.connect  # type: ignore[attr-defined]
        stage.host_key_seen = self.host_key_seen  # type: ignore[attr-defined]
        product_doors.dial_straight = self.dial  # type: ignore[attr-defined]
        for module in (handshake, bundle, as_shown):
            module.served = self.served  # type: ignore[attr-defined]
        consoles.find = self.find_console
        consoles.open_console = self.open_console  # type: ignore[assignment]
        for module in (asking, entering, session, shell):
            module.secrets = SameMark  # type: ignore[attr-defined, assignment]
        export.Piped = carry_back.Piped = Piped  # type: ignore[misc, assignment]
        for module in (guards, as_shown):
            module.ThreadPoolExecutor = AtOnce  # type: ignore[misc, assignment]
        sealed.Sealed.decrypted = decrypted  # type: ignore[assignment, method-assign]
        pkcs12.entries = remembered(pkcs12.entries)  # type: ignore[assignment]
        pkcs12.write = remembered_stores(pkcs12.write)  # type: ignore[assignment]
        keys._key = remembered(keys._key)  # type: ignore[assignment]
        keys._apart = functools.lru_cache(keys._apart)  # type: ignore[assignment]
        keys.from_pem = functools.lru_cache(keys.from_pem)  # type: ignore[attr-defined]
        chains.is_issued = functools.lru_cache(chains.is_issued)  # type: ignore[assignment]
        record._record = remembered_records(record._record)
        for module in (journal, status):
            module.fold = remembered_states(fold)  # type: ignore[attr-defined]
        recorded._refuse_unreadable = readable_once(recorded._refuse_unreadable)
        learnt._adapter = remembered_groups(learnt._adapter)  # type: ignore[assignment]
        plans = RememberedPlans(model._plans())
        model._plans = lambda: plans  # type: ignore[assignment, return-value]
        shlex.quote = functools.lru_cache(maxsize=1 << 14)(shlex.quote)
        accounts.password_hash = functools.lru_cache(accounts.password_hash)

    # ---- the network -----------------------------------------------------------------------------------------

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        guest = self.world.answering(host, port)
        if guest is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return Greeting(guest.greeting() if port == 25 else "")  # type: ignore[return-value]

    def host_key_seen(self, host: str, port: int, **_: Any) -> HostKey:
        guest = self._guest(host, port)
        return HostKey(hostkey.public_line(guest.root), hostkey.fingerprint(guest.root))

    def connect(self, server: SshServer, login: Login) -> "Session":
        try:
            self.hook("guest", f"log in at {server.host}", "before")
        except LostAnswer as lost:
            raise Unreachable(f"the SSH session with {server} broke off", hint="is it up?") from lost
        guest = self._guest(server.host, server.port)
        shown = HostKey(hostkey.public_line(guest.root), hostkey.fingerprint(guest.root))
        ssh.server.verify(server, shown, login.settings)  # type: ignore[attr-defined]
        password = next(iter(login.passwords()))
        if not accounts.file_checker(guest.root)(login.user, password.reveal()):
            raise LoginRefused(f"{server} refuses {login.user!r}", hint=f"is {login.settings}.password right?")
        return Session(self, guest, server, login.user, password)

    def served(self, host: str, port: int, *, starttls: bool, **_: Any) -> handshake.Served:
        guest = self._guest(host, port)
        try:
            return _Shown(guest.smtp_leaf() if starttls else guest.console_leaf())
        except (OSError, ValueError, StopIteration) as error:
            raise Unreachable(f"no TLS handshake with {host}:{port}", hint="see its log") from error

    def _guest(self, host: str, port: int) -> Guest:
        guest = self.world.answering(host, port)
        if guest is None:
            raise Unreachable(f"{host}:{port} does not answer", hint="is it up?")
        return guest

    # ---- the console -----------------------------------------------------------------------------------------

    def find_console(self, where: str, trust: TlsTrust, profile: object, **_: Any) -> str:
        self._guest(where, 8443)
        return f"https://{where}:8443/ciphermail"

    def open_console(self, url: str, trust: TlsTrust, profile: object, **_: Any) -> "ModelConsole":
        return ModelConsole(self, url.split("/")[2].partition(":")[0])


class _Shown(handshake.Served):
    """A leaf by its fingerprint alone."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(())
        object.__setattr__(self, "_leaf", fingerprint)

    @property
    def fingerprint(self) -> str:
        leaf: str = self._leaf  # type: ignore[attr-defined]
        return leaf


class Greeting:
    """As much of a socket as reading a greeting takes."""

    def __init__(self, words: str) -> None:
        self._words = f"220 {words}\r\n".encode()

    def makefile(self, *_: Any, **__: Any) -> BinaryIO:
        return io.BytesIO(self._words)

    def close(self) -> None:
        """Nothing is held."""

    def settimeout(self, seconds: float | None) -> None:
        """It never waits."""

    def recv(self, size: int) -> bytes:
        return self._words[:size]

    def sendall(self, data: bytes) -> None:
        """Nobody reads it."""

    def shutdown(self, how: int) -> None:
        """Nothing is held."""

    def __enter__(self) -> "Greeting":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held."""


class Session:
    """One SSH session: it lives as long as that boot of the guest, its link and its address."""

    def __init__(self, doors: Doors, guest: Guest, server: SshServer, user: str, accepted: Secret) -> None:
        self.accepted = accepted
        self._doors, self._guest, self._server, self._user = doors, guest, server, user
        self._closed = False

    @property
    def is_active(self) -> bool:
        return not self._closed and not self._guest.off

    @property
    def own_address(self) -> str:
        return self._doors.world.me[self._network]

    @property
    def _network(self) -> str:
        return self._server.host.rpartition(".")[0] + "."

    def pour_in(self, line: str, first: bytes, source: BinaryIO, quiet: float) -> Output:
        return self.execute(line, first + source.read(), quiet)

    def pour_out(self, line: str, first: bytes, sink: BinaryIO, quiet: float) -> Output:
        output = self.execute(line, first, quiet)
        sink.write(output.stdout)
        return Output(output.status, b"", output.stderr)

    def execute(self, line: str, given: bytes, timeout: float) -> Output:
        called = f"{self._server.host}: {_shortened(line)}"
        try:
            self._doors.hook("guest", called, "before")
            self._refuse_cut()
            environment = {"SSH_CONNECTION": f"{self.own_address} 40000 {self._server.host} 22"}
            pieces = iter((given,))
            caller = Caller(
                self._guest,
                self._user,
                environment | {"SHELL": "/bin/bash"},
                Given(lambda: next(pieces, b"")),
            )
            done = run_line(caller, line)
            self._doors.world.note_delivered()
            self._doors.hook("guest", called, "after")
            self._refuse_cut()
        except LostAnswer as lost:
            self._closed = True
            raise BrokeOff("it broke off") from lost
        return Output(done.status, done.out, f"{done.error}\n".encode() if done.error else b"")

    def converse(self, line: str, questions: object, timeout: float) -> tuple[str, int | None]:
        raise AssertionError("sudo asks for no terminal in the model")

    def close(self) -> None:
        self._closed = True

    def _refuse_cut(self) -> None:
        """A cut cable is noticed by the keepalive at the latest: the model's client notices at once."""
        world = self._doors.world
        vm = next((vm for vm, guest in world.guests.items() if guest is self._guest), None)
        current = world.guest(vm) if vm else None
        cut = world.is_cut_off(self._server.host)
        if cut or current is not self._guest or self._server.host not in current.network.reachable():
            self._closed = True
            world.time.pass_by(60)
            raise BrokeOff("the connection timed out")


_MARKED = re.compile(r'; echo "[0-9a-f]+ \$\?"; echo [0-9a-f]+ >&2;')


@functools.lru_cache(maxsize=4096)
def _shortened(line: str) -> str:
    """Its end; of several questions in one command their beginning, without what separates the answers."""
    said, questions = _MARKED.subn(";", " ".join(line.split()))
    return said[:400] if questions else said[-90:]
