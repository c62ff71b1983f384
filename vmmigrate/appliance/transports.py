"""Transports that the old settings name and the new master.cf lacks: mail for them would not leave."""

import re
from collections.abc import Iterable, Iterator, Mapping

from hypervisors import in_one_line
from vmmigrate.appliance.looking import looking
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import CommandFailed

SERVICES, _SETTINGS, FOLDER = ("postconf", "-M"), ("postconf", "-n"), ("postconf", "-h", "config_directory")
_SHOWN = 400  # characters of what was said
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# Values that are a transport with nothing behind it, or TRANSPORT:NEXTHOP (postconf(5)).
_WHOLE = re.compile(r"\b(\w+_transport|content_filter)\s*=\s*([^\s:,]+)")


def missing(old: Shell, new: Shell) -> Mapping[str, tuple[str, ...]]:
    """Name → where the old configuration says it: main.cf, master.cf, files of its folder.

    A map that is asked over a network (LDAP, SQL) is not looked into. Raises CommandFailed, also where its files cannot
    be searched.
    """
    gone = sorted(_transports(_asked(old, SERVICES)) - _transports(_asked(new, SERVICES)))
    if not gone:
        return {}
    found = {name: (*_in_settings(old, name), *_in_files(old, name)) for name in gone}
    return {name: places for name, places in found.items() if places}


def _asked(shell: Shell, question: tuple[str, ...]) -> str:
    return shell.run(question, user="root").stdout


def _transports(listed: str) -> set[str]:
    """Names of services that Postfix itself can give mail to: those that are no network's."""
    lines = (line.split() for line in listed.splitlines())
    return {words[0] for words in lines if len(words) >= 8 and words[1] == "unix" and _NAME.fullmatch(words[0])}


def _in_settings(old: Shell, name: str) -> Iterator[str]:
    look = looking(old)
    for question, file in ((_SETTINGS, "main.cf"), (SERVICES, "master.cf")):
        if _says(look.run(question, user="root").stdout.splitlines(), name):
            yield file


def _says(lines: Iterable[str], name: str) -> bool:
    before_colon = re.compile(rf"(?<![\w.-]){re.escape(name)}:")
    return any(before_colon.search(line) or (name in {bare for _, bare in _WHOLE.findall(line)}) for line in lines)


def _in_files(old: Shell, name: str) -> tuple[str, ...]:
    """Maps and checks beside main.cf ('FILTER scan:…', 'example.org scan:…'); those that are commented out are not."""
    folder = _asked(old, FOLDER).strip()
    pattern = rf"^[^#]*[[:space:]]{re.escape(name)}:"
    words = ("grep", "-rlIE", "--exclude=main.cf*", "--exclude=master.cf*", "-e", pattern, folder)
    said = old.run(words, user="root", check=False)
    if said.status not in (0, 1):  # found, found nothing
        raise CommandFailed(
            f"on {old.host}: the files of {folder} could not be searched for {name!r} (status {said.status}):"
            f" {in_one_line(said.stderr)[:_SHOWN]}",
            hint=f"log in there, and see as root: grep -rl {name}: {folder}",
        )
    return tuple(sorted(said.stdout.splitlines()))
