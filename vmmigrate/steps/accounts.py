"""Carry the accounts that people log in as, and their authorized_keys, as far as the operator wants it."""

from dataclasses import dataclass
from typing import ClassVar

from vmmigrate.appliance import accounts, authorized
from vmmigrate.appliance.accounts import Account, Given, Room
from vmmigrate.appliance.looking import looking
from vmmigrate.errors import ApplianceError
from vmmigrate.facts import NewGuest
from vmmigrate.run.stage import Run
from vmmigrate.settings.carrying import ALL_ACCOUNTS
from vmmigrate.step import Change, Nothing, Step


@dataclass(frozen=True)
class AccountsMade:
    """Names of those that the new guest had not. Learnt by `accounts` before it makes them."""

    since: ClassVar[int] = 3
    names: tuple[str, ...] = ()


def do(run: Run) -> None:
    """One that the image has keeps its password: only its keys are added to."""
    if not run.settings.carry.accounts:
        return
    look = looking(run.old_shell)
    people = accounts.of_people(look.run(authorized.ACCOUNTS).stdout)
    wanted = chosen(run.settings.carry.accounts, people)
    if unknown := [name for name in wanted if name not in people]:
        raise ApplianceError(
            f"the old gateway has no account of people that is called {', '.join(unknown)}",
            hint=f"it has {', '.join(people)}: set carry.accounts to some of these",
        )
    read = accounts.read(look, {name: people[name] for name in wanted})
    there, known = accounts.room(run.new_shell), run.facts.find(AccountsMade)
    before = known.names if known else ()
    made = tuple(each for each in read if each.name not in there.accounts or each.name in before)
    if made and known is None:
        run.learn(AccountsMade(tuple(each.name for each in made)))
    accounts.make(run.new_shell, there, made)
    after = accounts.room(run.new_shell) if made else there
    _say(run, made, after, accounts.give_keys(run.new_shell, after, read))


def chosen(wanted: tuple[str, ...], people: dict[str, Account]) -> tuple[str, ...]:
    return tuple(people) if wanted == ALL_ACCOUNTS else wanted


def _say(run: Run, made: tuple[Account, ...], there: Room, keys: Given) -> None:
    named = "; ".join(_in_words(each, there) for each in made) or "none"
    lacks = f"; no key could be added for {', '.join(keys.refused)}" if keys.refused else ""
    run.remark(
        f"accounts made in the new gateway: {named}; keys added: {keys.number}{lacks}; files of sudoers are not carried"
    )


def _in_words(account: Account, there: Room) -> str:
    row, lacks = there.accounts[account.name], set(account.groups) - set(there.joined(account))
    pairs = (("uid", row[2], str(account.uid)), ("home", row[5], account.home), ("shell", row[6], account.shell))
    others = [f"{what} {now} and not {before}" for what, now, before in pairs if now != before]
    groups = [f"not in {', '.join(sorted(lacks))}, which it has not"] if lacks else []
    return ", ".join((account.name, *others, *groups, *account.lost))


STEP = Step(
    "accounts",
    "Carry accounts",
    do,
    Nothing("it changes only the new VM, which `deploy` deletes"),
    learns=(AccountsMade,),
    needs=(NewGuest,),
    holds=Nothing("`verify` compares who may log in by which key"),
    changes=(Change("new", "accounts of people, groups, authorized_keys"),),
)
