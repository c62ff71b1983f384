"""The accounts of a guest that people log in as: read in the old one, made in the new one."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from io import BytesIO

from vmmigrate.appliance import authorized
from vmmigrate.appliance.asking import in_order
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile, Result, Shell
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.reading import ACCOUNT, whole

SHADOW = ("cat", "/etc/shadow")
_GROUPS, _SHELLS = ("cat", "/etc/group"), ("cat", "/etc/shells")
_HOME = re.compile(r"/home(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_HASH = re.compile(r"[$][A-Za-z0-9./$=,_-]{8,400}")  # crypt(5): anything else lets nobody in
_WORDS = 7  # of a line of passwd(5); the same name may stand in a shorter one
_EPOCH = date(1970, 1, 1)
_FOREVER = 2_932_896  # days to the end of the year 9999


@dataclass(frozen=True)
class Account:
    """`keys`: its authorized_keys. `hashed`: its password as /etc/shadow has it, '' where it has none.

    `groups`: those that it is in besides one of its own name. `expires`: ISO date, '' for never. `lost`: in words, what
    its line of /etc/shadow has that is not carried.
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
    lost: tuple[str, ...] = ()
    gid: str = ""


def of_people(passwd: str) -> dict[str, Account]:
    """root, and those that people log in as; one with root's uid and another name is not made by anybody."""
    found = {}
    homes = authorized.homes(passwd)
    for line in passwd.splitlines():
        words = line.split(":")
        if len(words) < _WORDS or words[0] not in homes or not ACCOUNT.fullmatch(words[0]):
            continue
        if words[0] == "root" or words[2].strip("0"):
            found[words[0]] = Account(words[0], whole(words[2]) or 0, words[4], words[5], words[6], gid=words[3])
    return found


def questions(people: Iterable[Account]) -> tuple[tuple[str, ...], ...]:
    """What is asked of the old gateway as root."""
    return (SHADOW, *(authorized.question(each.name, each.home) for each in people))


def read(look: LookingShell, people: Mapping[str, Account]) -> tuple[Account, ...]:
    """All of these."""
    shadow = _by_name(look.run(SHADOW, user="root").stdout)
    groups = tuple(_by_name(look.run(_GROUPS).stdout).values())
    return tuple(_read(look, each, shadow.get(each.name, []), groups) for each in people.values())


def _read(look: LookingShell, known: Account, shadow: Sequence[str], groups: Iterable[Sequence[str]]) -> Account:
    of_each = [words for words in groups if len(words) > 3]
    keys = look.run(authorized.question(known.name, known.home), user="root", check=False)
    own = [words[0] for words in of_each if words[2] == known.gid] or [known.gid]
    others = (words[0] for words in of_each if known.name in words[3].split(","))
    return replace(
        known,
        groups=tuple(dict.fromkeys(name for name in (own[0], *others) if name != known.name)),
        expires=_expiry(shadow),
        hashed=shadow[1] if len(shadow) > 1 and _HASH.fullmatch(shadow[1]) else "",
        keys=authorized.said_in(keys),
        lost=(*_lost([*shadow, *[""] * 7]), *filter(None, [authorized.unread(keys)])),
    )


def _lost(shadow: Sequence[str]) -> Iterator[str]:
    """shadow(5): 1 the hash, 2 the day of its last change (0: due now), 3 to 6 its ages and what follows them."""
    if not shadow[1] or (shadow[1][0] not in "!*" and not _HASH.fullmatch(shadow[1])):
        yield "no password: its hash is of another kind" if shadow[1] else "locked: it has no password"
    if shadow[2] == "0":
        yield "its password need not be changed at the next log-in"
    if shadow[3] not in ("", "0") or shadow[4] not in ("", "99999") or shadow[6]:
        yield "its password does not age"


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
    people: Collection[str]

    def home(self, name: str) -> str:
        return self.accounts[name][5].rstrip("/")

    def sharing(self, name: str) -> tuple[str, ...]:
        """Those of another uid with the same home: sshd lets only one of them in by a key that lies there."""
        uid = self.accounts[name][2]
        others = (other for other, words in self.accounts.items() if words[2] != uid)
        return tuple(other for other in others if self.home(other) == self.home(name))

    def joined(self, account: Account) -> tuple[str, ...]:
        """Of its groups those that there are."""
        return tuple(group for group in account.groups if group in self.groups and ACCOUNT.fullmatch(group))


def room(shell: Shell) -> Room:
    look = LookingShell(shell)
    look.ahead(authorized.ACCOUNTS, _GROUPS, _SHELLS, user="root")
    listed = _by_name(look.run(authorized.ACCOUNTS, user="root").stdout)
    accounts = {name: words for name, words in listed.items() if len(words) > 6}
    shells = look.run(_SHELLS, user="root", check=False).stdout.split()
    people = authorized.homes(look.run(authorized.ACCOUNTS, user="root").stdout)
    return Room(accounts, _by_name(look.run(_GROUPS, user="root").stdout), shells, people)


def make(shell: Shell, there: Room, made: Sequence[Account]) -> None:
    """Each with its uid where that is free, in those of its groups that there are. No argument shows a password.

    May be done again. Raises CommandFailed, ApplianceError for a home that is another's.
    """
    uids, homes = _uids(there, made), _homes(there, made)
    in_turn = sorted(made, key=lambda each: each.name not in uids)  # else one without its own takes another's
    commands = [
        command for each in in_turn for command in _making(there, each, uids.get(each.name), homes.get(each.name))
    ]
    if commands:
        shell.run(in_order(*commands), user="root")
    hashes = "".join(f"{each.name}:{each.hashed}\n" for each in made if each.hashed)
    if hashes:
        shell.give(("chpasswd", "-e"), BytesIO(hashes.encode()))


def _uids(there: Room, made: Iterable[Account]) -> dict[str, str]:
    """By name, of each whose own is free: of two old accounts with one uid the first keeps it."""
    taken, found = {words[2] for words in there.accounts.values()}, dict[str, str]()
    for each in made:
        if str(each.uid) not in taken:
            found[each.name] = str(each.uid)
            taken.add(str(each.uid))
    return found


def _homes(there: Room, made: Iterable[Account]) -> dict[str, str]:
    """By name, of each that is to be made: below /home, and nobody else's, whatever the old guest says."""
    fresh = [each for each in made if each.name not in there.accounts]
    taken, found = {there.home(name) for name in there.accounts}, dict[str, str]()
    for each in fresh:
        usual = f"/home/{each.name}"
        if _meets(usual, taken):
            raise ApplianceError(
                f"the new gateway has another account with the home {usual}: {each.name} cannot be made there",
                hint=f"leave {each.name} out of carry.accounts, and make it by hand when the run has ended",
            )
        others = taken | {f"/home/{other.name}" for other in fresh if other is not each}
        found[each.name] = each.home if _HOME.fullmatch(each.home) and not _meets(each.home, others) else usual
        taken.add(found[each.name])
    return found


def _meets(home: str, others: Iterable[str]) -> bool:
    """Whether one of these is the same, or above or below it."""
    below = [f"{other}/" for other in others if other.startswith("/home/")]
    return any(f"{home}/".startswith(other) or other.startswith(f"{home}/") for other in below)


def _making(there: Room, account: Account, uid: str | None, home: str | None) -> Iterator[tuple[str, ...]]:
    if home:
        own = ("-g", account.name) if account.name in there.groups else ("-U",)
        number = ("-u", uid) if uid else ()
        expires = ("-e", account.expires) if account.expires else ()
        program = account.shell if account.shell in there.shells else "/bin/bash"
        words = ("-m", "-d", home, "-s", program, "-c", account.comment, *number, *own, *expires)
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
    number, refused = 0, []
    for account in accounts:
        asked = authorized.question(account.name, there.home(account.name))
        found = shell.run(asked, user="root", check=False)
        here = authorized.said_in(found)
        missing = authorized.missing(here, account.keys)
        try:
            if missing:
                _refuse_unread(found)
                _add(shell, there, account, "\n".join((*here.split("\n"), *missing)).strip("\n"))
            number += len(missing)
        except CommandFailed as failed:
            refused.append(f"{account.name} ({failed})")
    return Given(number, tuple(refused))


def _refuse_unread(found: Result) -> None:
    if why := authorized.unread(found):
        raise CommandFailed(f"its {why}", hint="see what it is there")


def _add(shell: Shell, there: Room, account: Account, text: str) -> None:
    """`install` follows no link: it sees from within the folder where that is."""
    if account.name not in there.people:
        raise CommandFailed("the new gateway has an account of the system by that name", hint="give them by hand")
    if others := there.sharing(account.name):
        raise CommandFailed(f"its home is also that of {', '.join(others)}", hint="give it one of its own there")
    folder, meta = f"{there.home(account.name)}/.ssh", FileMeta("0600", account.name, there.accounts[account.name][3])
    shell.run(_by(account.name, ("mkdir", "-p", "-m", "700", folder)), user="root")
    shell.install(NewFile(f"{folder}/authorized_keys", f"{text}\n".encode(errors="replace"), meta))


def _by(name: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Run by root, with no more than that account's rights."""
    return ("runuser", "-u", name, "--", *argv)
