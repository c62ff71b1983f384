"""How the two appliances are reached: a side has an account, a jump host, a way to be trusted, and its sessions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from hypervisors import Dial, Problem, TlsTrust, dial_straight
from hypervisors.wire.ssh import Jump, Login, SshKey, SshServer
from vmmigrate.appliance import consoles
from vmmigrate.appliance.agent_shell import AgentShell, Execute
from vmmigrate.appliance.family import Software, detect
from vmmigrate.appliance.port import Account, Console, Shell
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.ssh.session import Elsewhere, Proof, by_its_key, nowhere
from vmmigrate.appliance.ssh.shell import SshShell, unheard
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.settings.models import Settings
from vmmigrate.settings.secrets import Secrets
from vmmigrate.settings.sides import JumpSettings, NewSettings, OldSettings, SshSettings

Jumps = dict[JumpSettings, Jump]
LogsIn = SshSettings | JumpSettings
Keys = Callable[[], Sequence[str]]  # host keys, as lines of their public half
Hears = Callable[[str, str, str], None]  # of which side's guest, what may have changed it, how that ended


class Side:
    """The old or the new appliance, with its settings. Keeps its sessions open until `close`.

    `name`: the table of its settings, 'old' or 'new'. `jumps`: both sides may go through the same.
    """

    def __init__(self, name: str, settings: OldSettings | NewSettings, secrets: Secrets, jumps: Jumps) -> None:
        self.name = name
        self.settings = settings
        self._secrets = secrets
        self._jumps = jumps
        self._open: dict[tuple[str, str | None], Shell] = {}
        self._software: dict[Shell, Software] = {}
        self._found: dict[Shell, tuple[str, TlsTrust]] = {}  # its console
        self._hears: Callable[[str, str], None] = unheard

    def report_to(self, hears: Hears) -> None:
        """Who hears of each command that may change the guest: in every session."""
        self._hears = partial(hears, self.name)

    # ---- the shell -----------------------------------------------------------------------------------------

    @property
    def dial(self) -> Dial:
        """How every connection of this side is made: directly, or through its jump host."""
        via = self.settings.via
        if via is None:
            return dial_straight
        if via not in self._jumps:
            server = SshServer(via.host, via.port, via.host_key, via.known_hosts or own_known_hosts())
            self._jumps[via] = Jump(server, self._login("via", via))
        return self._jumps[via].dial

    def shell(
        self,
        host: str,
        host_key: str | None = None,
        elsewhere: Elsewhere = nowhere,
        also: Keys = tuple,
        proof: Proof = by_its_key,
    ) -> Shell:
        """A shell at `host`; `host_key` pins it if the settings do not, and each of `also` does by then.

        `elsewhere`: where else it may be by now. `proof`: what each log-in there has to show besides.
        """
        key = (host, host_key)
        if key not in self._open:
            self._open[key] = self._shell(self.dial, host, host_key, elsewhere, also, proof)
        return self._open[key]

    def another(
        self, host: str, host_keys: Sequence[str], dial: Dial | None = None, proof: Proof = by_its_key
    ) -> Shell:
        """A session beside those that are open, for the caller to close: a log-in of its own, by one of these keys."""
        return self._shell(dial or self.dial, host, host_keys[0], nowhere, lambda: host_keys[1:], proof)

    def _shell(
        self, dial: Dial, host: str, host_key: str | None, elsewhere: Elsewhere, also: Keys, proof: Proof
    ) -> Shell:
        ssh = self.settings.ssh
        server = SshServer(
            host,
            ssh.port,
            host_key or ssh.host_key,
            ssh.known_hosts or own_known_hosts(),
            ssh.insecure_ssh_rsa,
            dial=dial,
            also=also,
        )
        login = self._login("ssh", ssh)
        return SshShell(server, login, elsewhere, lambda what, ended: self._hears(what, ended), proof)

    def by_agent(self, name: str, execute: Execute) -> Shell:
        """A shell of its guest that needs no network, no account and no password."""
        return AgentShell(name, execute, lambda what, ended: self._hears(what, ended))

    def software(self, shell: Shell) -> Software:
        """What is installed behind a shell: read once, because nothing here changes it."""
        if shell not in self._software:
            self._software[shell] = detect(shell)
        return self._software[shell]

    def keeps_first_password(self, shell: Shell) -> bool | None:
        """Whether the server has just taken the password that the image had, and not a new one. None: it took a key."""
        accepted = shell.accepted if isinstance(shell, SshShell) else None
        return None if accepted is None else accepted == self._secrets.get(f"{self.name}.ssh.password")

    def hang_up(self, host: str) -> None:
        for key in [key for key in self._open if key[0] == host]:
            self._open.pop(key).close()

    def close(self) -> None:
        for shell in self._open.values():
            shell.close()
        self._open.clear()

    # ---- the console ---------------------------------------------------------------------------------------

    def trust(self, shell: Shell) -> TlsTrust:
        """The operator's pin or authority; without one, the certificate that the verified shell sees inside."""
        console = self.settings.console
        if console.fingerprint or console.ca_file:
            return TlsTrust(console.fingerprint, console.ca_file)
        return TlsTrust(fingerprint=self.console_pin(shell))

    def console_pin(self, shell: Shell, url: str = "") -> str:
        """The certificate that the verified shell sees in the appliance's own key store, by its fingerprint.

        `url`: where the console was found, if it was; else the settings may have it.
        """
        return tls.console_pin(shell, self.software(shell), self.dial, _port(url or self.settings.console.url))

    def console_url(self, host: str, trust: TlsTrust) -> str:
        """From the settings, else searched for at `host`."""
        url = self.settings.console.url
        return url or consoles.find(host, self._named(trust), self.profile, dial=self.dial)

    def console(self, url: str, trust: TlsTrust) -> Console:
        """Not yet logged in; the caller closes it."""
        return consoles.open_console(url, self._named(trust), self.profile, dial=self.dial)

    def console_of(self, shell: Shell) -> Console:
        """The same, found and trusted through a verified shell of that appliance: once in this process."""
        if shell not in self._found:
            trust = self.trust(shell)
            self._found[shell] = self.console_url(shell.host, trust), trust
        return self.console(*self._found[shell])

    @property
    def profile(self) -> Profile:
        """The settings of this side's console."""
        return read_profile(self.settings.console.profile)

    @property
    def account(self) -> Account:
        """The administrator of its console. Raises UsageProblem if the password is not given."""
        return Account(
            self.settings.console.user, self._secrets.get(f"{self.name}.console.password"), f"{self.name}.console"
        )

    def _named(self, trust: TlsTrust) -> TlsTrust:
        """Name this side's setting in the error for an untrusted certificate."""
        return replace(trust, setting=f"{self.name}.console.fingerprint")

    # ---- its secrets ---------------------------------------------------------------------------------------

    def wanted(self) -> Iterator[str]:
        """The secrets for the log-ins over SSH. With a key, a password without a source waits until it is needed."""
        for table, who in (("via", self.settings.via), ("ssh", self.settings.ssh)):
            if who is not None:
                yield from self._wanted(f"{self.name}.{table}", who)

    def _wanted(self, table: str, who: LogsIn) -> Iterator[str]:
        given = self._secrets.is_given
        if not (who.key_file or who.agent) or given(f"{table}.password"):
            yield f"{table}.password"
        for what in ("key_passphrase", "new_password"):
            if given(f"{table}.{what}"):
                yield f"{table}.{what}"

    def _login(self, name: str, who: LogsIn) -> Login:
        """A password is fetched when needed: a key and a sudo without a password need none."""
        table, fetch, given = f"{self.name}.{name}", self._secrets.get, self._secrets.is_given
        passphrase = fetch(f"{table}.key_passphrase") if given(f"{table}.key_passphrase") else None
        renewed = given(f"{table}.new_password")
        return Login(
            who.user,
            password=lambda: fetch(f"{table}.password"),
            key=SshKey(who.key_file, passphrase) if who.key_file else None,
            agent=who.agent,
            new_password=(lambda: fetch(f"{table}.new_password")) if renewed else None,
            settings=table,
        )


class Doors:
    """Both sides of a migration."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self.settings = settings
        self.secrets = secrets
        self._jumps: Jumps = {}
        self.old = Side("old", settings.old, secrets, self._jumps)
        self.new = Side("new", settings.new, secrets, self._jumps)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.old, self.new

    def report_to(self, hears: Hears) -> None:
        for side in self.sides:
            side.report_to(hears)

    def wanted(self) -> Iterator[str]:
        """The secrets for the log-ins over SSH."""
        for side in self.sides:
            yield from side.wanted()

    def is_at_hand(self, side: Side) -> bool:
        """Whether a log-in there makes nobody type a password, and runs no program for it."""
        quietly = self.secrets.without_asking()
        try:
            for name in side.wanted():
                quietly.get(name)
        except Problem:
            return False
        return True

    def hang_up(self, host: str) -> None:
        """Drop the sessions with one host, because another machine is about to answer there."""
        for side in self.sides:
            side.hang_up(host)

    def close(self) -> None:
        for side in self.sides:
            side.close()
        for jump in self._jumps.values():
            jump.close()
        self._jumps.clear()


def own_known_hosts() -> Path | None:
    """The operator's file, if it exists: what `ssh` trusts is trusted here."""
    path = Path.home() / ".ssh" / "known_hosts"
    return path if path.exists() else None


def _port(url: str | None) -> int | None:
    """Of a console. None without a URL, and of one that has no such port: what opens it says so."""
    with suppress(ValueError):
        return (urlsplit(url).port or 443) if url else None
    return None
