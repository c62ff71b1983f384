"""Ask for the settings, try each answer, and write a configuration file; nothing on any machine is changed."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from hypervisors import Access, Hypervisor
from vmmigrate.init import console, hypervisor, shell, sources, ssh_address
from vmmigrate.init.asking import Ask, Dialogue
from vmmigrate.init.conversation import Conversation
from vmmigrate.init.ending import keep_secrets, next_commands, refuse_unwritable, write

__all__ = ["Ask", "Lent", "converse"]

_OPENING = """\
Each answer is tried at once; nothing is changed on any machine. At the end the file is shown, and written
when you answer yes. Enter accepts the value in [brackets]. Ctrl-C quits, and nothing is written."""


@dataclass(frozen=True)
class Lent:
    """What the caller provides: how to ask, print and connect; this workstation's folders and its date."""

    ask: Ask
    say: Callable[[str], None]
    connect: Callable[[str, Access], Hypervisor]
    known_hosts: Path | None
    secrets_folder: Path
    today: Callable[[], date] = field(default=date.today)


def converse(old: str, file: Path, lent: Lent, *, url: str | None = None) -> bool:
    """Ask, try each answer, write `file` once it is confirmed; whether it was written.

    Raises UsageProblem if it cannot be written, TrustRefused and LoginRefused if a server must not be
    contacted any more, PlanRefused if this virtual machine cannot be migrated. Nothing is written then.
    """
    refuse_unwritable(file)
    dialogue = Dialogue(lent.ask, lent.say)
    talk = Conversation(dialogue, lent.connect, lent.known_hosts)
    for line in _OPENING.splitlines():
        dialogue.say(line)
    if file.exists() and not dialogue.yes(f"{file} is there; replace it at the end, keeping a copy?", default=False):
        return _left(dialogue)
    name, has_backup = _look(talk, old, url)
    _ask_for_the_new(talk)
    chosen = sources.choose(talk, _passwords(talk), lent.secrets_folder, name)
    text = talk.answers.toml(name, lent.today())
    dialogue.heading("The file:")
    dialogue.say("\n" + text)
    if not dialogue.yes(f"Write it to {file}?", default=True):
        return _left(dialogue)
    write(dialogue, file, text)
    keep_secrets(dialogue, chosen)
    for line in next_commands(name, file, has_backup, chosen):
        dialogue.say(line)
    return True


def _left(dialogue: Dialogue) -> bool:
    dialogue.say("nothing was written")
    return False


def _look(talk: Conversation, old: str, url: str | None) -> tuple[str, bool]:
    """Ask about the old VM and the new one's place; returns its name, and whether its console gives a backup."""
    talk.dialogue.heading("The hypervisor")
    connection, inventory = hypervisor.find_vm(talk, old, url)
    with closing(connection):
        talk.dialogue.heading("The old gateway's shell")
        host = ssh_address.reach(talk, connection, inventory)
        doors, session = shell.log_in(talk, host)
        with closing(doors):
            identity = shell.look(talk, doors, session, inventory)
            talk.dialogue.heading("Its console")
            has_backup = console.try_console(talk, doors, session)
        talk.dialogue.heading("The new virtual machine")
        hypervisor.choose_staging(talk, connection, identity)
        hypervisor.choose_store(talk, connection, inventory)
    return inventory.vm.name, has_backup


def _ask_for_the_new(talk: Conversation) -> None:
    dialogue = talk.dialogue
    dialogue.say("The first accounts, as in the image. They cannot be tried yet: the VM does not exist.")
    remark = "from the image; cannot be tried before it runs"
    talk.answers.put("new.ssh.user", dialogue.text("SSH user in the new image", "sa"), remark)
    talk.answers.put("new.ssh.port", dialogue.port("SSH port in the new image", 22), remark)
    talk.answers.put("new.console.user", dialogue.text("Console user in the new image", "admin"), remark)


def _passwords(talk: Conversation) -> list[str]:
    """The secrets that a migration needs, without old ones that were not asked for."""
    asked = (hypervisor.PASSWORD, shell.PASSPHRASE, shell.PASSWORD, console.PASSWORD)
    return [*(name for name in asked if name in talk.secrets), "new.ssh.password", "new.console.password"]
