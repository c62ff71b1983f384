"""The accounts of a guest that people log in as: read in the old one, made in the new one."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from io import BytesIO

from vmmigrate.appliance import authorized
from vmmigrate.appliance.asking import in_order
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Shell
from vmmigrate.errors import CommandFailed
from vmmigrate.reading import whole

SHADOW = ("cat", "/etc/shadow")
_GROUPS, _SHELLS = ("cat", "/etc/group"), ("cat", "/etc/shells")
_NAMED = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")  # what useradd takes, and no option (useradd(8), CAVEATS)
_HOME = re.compile(r"/home(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_HASH = re.compile(r"[$][A-Za-z0-9./$=,_-]{8,400}")  # crypt(5): anything else lets nobody in
_EPOCH = date(1970, 1, 1)
_FOREVER = 2_932_896  # days to the end of the year 9999


@dataclass(frozen=True)
class Account:
    """`keys`: its authorized_keys. `hashed`: its password as /etc/shadow has it, '' where it has none.

    `groups`: those that it is in besides its own. `expires`: ISO date, '' for never.
    """

    name: str
    uid: int
    comment: str
    home: str
    shell: str
    groups: tuple[str, ...] = ()
    expires: str = ""
    hashed: str = field(default="", repr=False)
    keys: str = ""


def of_people(passwd: str) -> dict[str, Account]:
    """root, and those that people log in as; one with root's uid and another name is not made by anybody."""
    found = {}
    homes = authorized.homes(passwd)
    for line in passwd.splitlines():
        words = line.split(":")
        if words[0] in homes and _NAMED.fullmatch(words[0]) and (words[0] == "root" or words[2].strip("0")):
            found[words[0]] = Account(words[0], whole(words[2]) or 0, words[4], words[5], words[6])
    return found


def questions(people: Iterable[Account]) -> tuple[tuple[str, ...], ...]:
    """What is asked of the old gateway as root."""
    return (SHADOW, *(authorized.question(each.home) for each in people))


def read(look: LookingShell, people: Mapping[str, Account]) -> tuple[Account, ...]:
    """All of these."""
    look.ahead(*questions(people.values()), user="root")
    shadow = _by_name(look.run(SHADOW, user="root").stdout)
    groups = tuple(_by_name(look.run(_GROUPS).stdout).values())
    return tuple(_read(look, each, shadow.get(each.name, []), groups) for each in people.values())


def _read(look: LookingShell, known: Account, shadow: Sequence[str], groups: Iterable[Sequence[str]]) -> Account:
    hashed = shadow[1] if len(shadow) > 1 and _HASH.fullmatch(shadow[1]) else ""
    return Account(
        known.name,
        known.uid,
        known.comment,
        known.home,
        known.shell,
        tuple(words[0] for words in groups if len(words) > 3 and known.name in words[3].split(",")),
        _expiry(shadow),
        hashed,
        look.run(authorized.question(known.home), user="root", check=False).stdout,
    )


def _expiry(shadow: Sequence[str]) -> str:
    """Its eighth word: days since 1970 (shadow(5)). What has none never expires."""
    days = whole(shadow[7]) if len(shadow) > 7 else None
    return "" if days is None else (_EPOCH + timedelta(min(days, _FOREVER))).isoformat()


def _by_name(text: str) -> dict[str, list[str]]:
    return {words[0]: words for words in (line.split(":") for line in text.splitlines()) if words[0]}


@dataclass(frozen=True)
class Room:
    """What the new guest has by now: accounts and groups as its files list them, and the shells of people."""

    accounts: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]
    shells: Sequence[str]

    def home(self, account: Account) -> str:
        """Where it is; of one that is to be made nowhere but below /home, whatever the old guest says."""
        if account.name in self.accounts:
            return self.accounts[account.name][5].rstrip("/")
        return account.home if _HOME.fullmatch(account.home) else f"/home/{account.name}"

    def joined(self, account: Account) -> tuple[str, ...]:
        """Of its groups those that there are."""
        return tuple(group for group in account.groups if group in self.groups and _NAMED.fullmatch(group))


def room(shell: Shell) -> Room:
    look = LookingShell(shell)
    look.ahead(authorized.ACCOUNTS, _GROUPS, _SHELLS, user="root")
    listed = _by_name(look.run(authorized.ACCOUNTS, user="root").stdout)
    accounts = {name: words for name, words in listed.items() if len(words) > 6}
    shells = look.run(_SHELLS, user="root", check=False).stdout.split()
    return Room(accounts, _by_name(look.run(_GROUPS, user="root").stdout), shells)


def make(shell: Shell, there: Room, made: Sequence[Account]) -> None:
    """Each with its uid where that is free, in those of its groups that there are. No argument shows a password.

    May be done again. Raises CommandFailed.
    """
    taken = {words[2] for words in there.accounts.values()}
    in_turn = sorted(made, key=lambda each: str(each.uid) in taken)  # else one without its own takes another's
    commands = [command for each in in_turn for command in _making(there, each, taken)]
    if commands:
        shell.run(in_order(*commands), user="root")
    hashes = "".join(f"{each.name}:{each.hashed}\n" for each in made if each.hashed)
    if hashes:
        shell.give(("chpasswd", "-e"), BytesIO(hashes.encode()))


def _making(there: Room, account: Account, taken: Collection[str]) -> Iterator[tuple[str, ...]]:
    if account.name not in there.accounts:
        own = ("-g", account.name) if account.name in there.groups else ("-U",)
        uid = () if str(account.uid) in taken else ("-u", str(account.uid))
        expires = ("-e", account.expires) if account.expires else ()
        program = account.shell if account.shell in there.shells else "/bin/bash"
        words = ("-m", "-d", there.home(account), "-s", program, "-c", account.comment, *uid, *own, *expires)
        yield ("useradd", *words, account.name)
    if groups := there.joined(account):
        yield ("usermod", "-a", "-G", ",".join(groups), account.name)


@dataclass(frozen=True)
class Given:
    """`number`: keys that were added. `refused`: whose keys could not be, and why."""

    number: int
    refused: tuple[str, ...]


def give_keys(shell: Shell, there: Room, accounts: Sequence[Account]) -> Given:
    """What is missing in each authorized_keys, behind what is there. All these accounts are there.

    An account may put links in its home at any moment: so its file is read, and the folder made, with its own rights.
    May be done again.
    """
    look = LookingShell(shell)
    asked = {each.name: _by(each.name, authorized.question(there.home(each))) for each in accounts}
    look.ahead(*asked.values(), user="root")
    number, refused = 0, []
    for account in accounts:
        here = look.run(asked[account.name], user="root", check=False).stdout
        missing = authorized.missing(here, account.keys)
        try:
            if missing:
                _add(shell, there, account, "\n".join((*here.split("\n"), *missing)).strip("\n"))
            number += len(missing)
        except CommandFailed as failed:
            refused.append(f"{account.name} ({failed})")
    return Given(number, tuple(refused))


def _add(shell: Shell, there: Room, account: Account, text: str) -> None:
    """`install` follows no link: it sees from within the folder where that is."""
    folder, meta = f"{there.home(account)}/.ssh", FileMeta("0600", account.name, there.accounts[account.name][3])
    shell.run(_by(account.name, ("mkdir", "-p", "-m", "700", folder)), user="root")
    shell.install(NewFile(f"{folder}/authorized_keys", f"{text}\n".encode(errors="replace"), meta))


def _by(name: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Run by root, with no more than that account's rights."""
    return ("runuser", "-u", name, "--", *argv)
