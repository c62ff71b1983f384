"""A shell on the old gateway: log in, try sudo, and show what is installed."""

from pathlib import Path

from hypervisors import Dial, Inventory, LoginRefused, Problem, Unusable
from vmmigrate.appliance import mail
from vmmigrate.appliance.net import network
from vmmigrate.appliance.net.guest import GuestNetwork
from vmmigrate.appliance.port import Shell
from vmmigrate.doors import Doors
from vmmigrate.errors import UsageProblem
from vmmigrate.init.conversation import Conversation, Refusals
from vmmigrate.model import Identity
from vmmigrate.plan import live
from vmmigrate.plan.identity import identify, refuse_unsupported

PASSWORD = "old.ssh.password"  # noqa: S105 -- the name of a setting
PASSPHRASE = "old.ssh.key_passphrase"  # noqa: S105


# ---- log-in and sudo -----------------------------------------------------------------------------------------


def log_in(talk: Conversation, host: str) -> tuple[Doors, Shell]:
    """A session whose sudo works; the caller closes the doors. Raises LoginRefused after too many refusals."""
    refusals = Refusals(talk.dialogue, f"SSH at {host}")
    user = "sa"
    while True:
        user = talk.dialogue.text("SSH user", user)
        talk.answers.put("old.ssh.user", user, "logged in; may use sudo")
        way = talk.dialogue.one_of("Log in by", list(_WAYS))
        _forget(talk)
        proof = list(_WAYS.values())[way](talk, user)
        if refusals.knows(user, (proof, talk.secrets.get(PASSWORD))):
            continue
        try:
            return _logged_in(talk, host, user)
        except LoginRefused as problem:
            refusals.add(user, (proof, talk.secrets.get(PASSWORD)), problem)
        except (Unusable, UsageProblem) as problem:  # an unusable key: no log-in was tried
            talk.dialogue.bad(problem)


def _logged_in(talk: Conversation, host: str, user: str) -> tuple[Doors, Shell]:
    """One log-in, then sudo; its password is asked for if it is needed and not known from the log-in."""
    doors = talk.doors({PASSWORD: f"Password of {user}, for sudo"})
    try:
        shell = doors.old.shell(host)
        shell.run(("true",))
        talk.dialogue.good(f"logged in as {user}")
        shell.run(("true",), user="root")
    except BaseException:
        doors.close()
        raise
    talk.dialogue.good("sudo works" + (" with that password" if PASSWORD in talk.secrets else " and needs no password"))
    return doors, shell


def _forget(talk: Conversation) -> None:
    """Remove the answers for another way to log in."""
    for name in ("old.ssh.key_file", "old.ssh.agent"):
        talk.answers.put(name, None, "")
    for name in (PASSWORD, PASSPHRASE):
        talk.secrets.pop(name, None)


def _by_password(talk: Conversation, user: str) -> str:
    talk.secrets[PASSWORD] = talk.dialogue.secret(f"Password of {user}")
    return "password"


def _by_key(talk: Conversation, user: str) -> str:
    while True:
        path = Path(talk.dialogue.text("Private key file", "~/.ssh/id_ed25519")).expanduser().absolute()
        if path.is_file():
            break
        talk.dialogue.note(f"there is no file {path}")
    talk.answers.put("old.ssh.key_file", str(path), f"{user} logged in with it")
    passphrase = talk.dialogue.optional_secret("Its passphrase, or nothing if it has none")
    if passphrase:
        talk.secrets[PASSPHRASE] = passphrase
    return str(path)


def _by_agent(talk: Conversation, user: str) -> str:
    talk.answers.put("old.ssh.agent", True, f"{user} logged in with a key of ssh-agent")
    return "agent"


_WAYS = {"password": _by_password, "private key file": _by_key, "the keys in ssh-agent": _by_agent}


# ---- what is there -------------------------------------------------------------------------------------------


def look(talk: Conversation, doors: Doors, shell: Shell, inventory: Inventory) -> Identity:
    """Show the installed release and the gateway's identity. Raises PlanRefused as a plan would."""
    software = refuse_unsupported(doors.old.software(shell))
    guest = network.read_network(shell)
    chosen = live.find(guest, shell.host, inventory, _live_nic(talk, guest, shell.host, inventory))
    identity = identify(guest, mail.name(shell), chosen)
    version = software.version or "of unknown version"
    talk.dialogue.good(f"CipherMail {version} ({software.family}), host name {identity.fqdn or identity.hostname}")
    talk.dialogue.good(f"{identity.address} is on its NIC {identity.mac}, network {identity.network}")
    _mail(talk, shell.host, doors.old.dial)
    return identity


def _live_nic(talk: Conversation, guest: GuestNetwork, host: str, inventory: Inventory) -> str | None:
    """Its MAC, or its name where another has that too. Asked only where a plan would refuse, else None."""
    choices = live.to_choose(guest, host, inventory)
    if not choices:
        return None
    talk.dialogue.say("Several of its NICs may face the world; the new VM takes the place of one, and the others stay:")
    lines = [f"{each.name} ({each.mac}) with {', '.join(map(str, each.addresses))}" for each in choices]
    chosen = choices[talk.dialogue.one_of("The one that receives mail", lines)]
    shared = [each.mac for each in choices].count(chosen.mac) > 1
    named = chosen.name if shared else chosen.mac
    talk.answers.put("old.live_nic", named, f"{chosen.name}; chosen by you")
    return named


def _mail(talk: Conversation, host: str, dial: Dial) -> None:
    """Its SMTP port: asked only if 25 does not answer."""
    port = 25
    while True:
        try:
            talk.dialogue.good(f"port {port} receives mail: {mail.banner(host, port, dial=dial)}")
        except Problem as problem:
            talk.dialogue.bad(problem)
            port = talk.dialogue.port("Its SMTP port", port)
        else:
            talk.answers.put("old.smtp_port", port, "it answers there")
            return
