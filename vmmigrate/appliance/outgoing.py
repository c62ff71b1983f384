"""Ask, from inside a guest, whether the servers that a gateway needs answer it: without root, and nothing is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hypervisors import in_one_line
from hypervisors.wire import bracketed
from vmmigrate.appliance.port import Result, Shell
from vmmigrate.limits.seconds import SERVERS_WAITED
from vmmigrate.reading import whole

_SECONDS = 6  # for each; postscreen keeps clients that it does not know waiting that long, and greets them first
_SHOWN = 200  # characters of what was said
_AT_ONCE = 40  # servers that one command asks, all at the same time
_GONE, _KILLED, _NO_BASH = 124, 137, 127  # statuses of `timeout`, and of a shell without that program
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")


class Kind(Enum):
    """What is asked: the value is the word for it in the script below."""

    RESOLVER = "dns"
    MAIL = "smtp"
    LOOKUP = "tcp"
    CLOCK = "ntp"
    OTHER = "connection"


@dataclass(frozen=True)
class Server:
    """`named`: where the gateway's settings, or the operator's, say so."""

    kind: Kind
    host: str
    port: int
    named: str

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port} ({self.named})"

    @property
    def can_be_asked(self) -> bool:
        """Whether that is a name or an address, and a port."""
        return bool(_HOST.fullmatch(self.host)) and 0 < self.port < 65536


# bash opens sockets by itself; an appliance need not have nc, dig or Python. The question to a resolver is for the
# root's name servers, that to a clock is an empty packet of version 4. A mail server is greeted and left; behind the
# code of its greeting it may say its name, which no record has.
_ASK = r"""
case $1 in
dns)
  exec 3<>"/dev/udp/$2/$3" && printf 'vm\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1' >&3 &&
  set -- $(dd bs=4 count=1 <&3 2>/dev/null | od -An -tu1) &&
  case "$1 $2 $((${4:-15} & 15))" in
  '118 109 0' | '118 109 3') ;;
  '118 109 '*) echo "answers with error $((${4:-15} & 15))" >&2; false ;;
  *) echo 'no answer' >&2; false ;;
  esac ;;
ntp)
  exec 3<>"/dev/udp/$2/$3" && printf '\43%047d' 0 | tr 0 '\0' >&3 &&
  set -- $(dd bs=48 count=1 <&3 2>/dev/null | od -An -tu1 -N2) &&
  case $2 in
  [1-9] | 1[0-5]) ;;
  ?*) echo 'it does not know the time itself' >&2; false ;;
  *) echo 'no answer' >&2; false ;;
  esac ;;
smtp)
  exec 3<>"/dev/tcp/$2/$3" && IFS= read -r said <&3 && printf 'QUIT\r\n' >&3 &&
  case $said in
  220*) ;;
  [2-5][0-9][0-9]*) echo "greets with ${said:0:3}" >&2; false ;;
  *) echo 'it does not greet as a mail server' >&2; false ;;
  esac ;;
*)
  exec 3<>"/dev/tcp/$2/$3" ;;
esac
"""
_ALL = r"""
limit=$1 ask=$2 number=0
shift 2
one() {
  said=$(timeout -k 1 "$limit" bash -c "$ask" ask "$2" "$3" "$4" 2>&1 >/dev/null </dev/null)
  printf '%s %s %s\n' "$1" "$?" "${said%%$'\n'*}"
}
while [ $# -ge 3 ]; do
  one "$number" "$1" "$2" "$3" &
  number=$((number + 1))
  shift 3
done
wait
"""


def ask(shell: Shell, servers: Sequence[Server]) -> dict[Server, str | None]:
    """What each said that does not answer; "": it answers; None: it was not asked."""
    asked = [server for server in servers if server.can_be_asked]
    seen: dict[Server, str | None] = dict.fromkeys(servers)
    for at in range(0, len(asked), _AT_ONCE):
        seen |= _ask(shell, asked[at : at + _AT_ONCE])
    return seen


def _ask(shell: Shell, servers: Sequence[Server]) -> dict[Server, str | None]:
    words = [word for server in servers for word in (_word(server), server.host, str(server.port))]
    command = ("bash", "-c", _ALL, "vmmigrate", str(_SECONDS), _ASK, *words)
    said = _numbered(shell.run(command, check=False, timeout=_SECONDS + SERVERS_WAITED.most))
    return {server: said.get(number) for number, server in enumerate(servers)}


def _word(server: Server) -> str:
    """At 465 the greeting comes behind a handshake: there a connection is all that is asked."""
    return Kind.OTHER.value if server.kind is Kind.MAIL and server.port == 465 else server.kind.value


def _numbered(answer: Result) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in answer.stdout.splitlines():
        number, _, rest = line.partition(" ")
        status, _, words = rest.partition(" ")
        if whole(number) is not None and whole(status) not in (None, _NO_BASH):
            found[int(number)] = _in_words(int(status), words)
    return found


def _in_words(status: int, words: str) -> str:
    if status == 0:
        return ""
    if status in (_GONE, _KILLED):
        return f"no answer in {_SECONDS} s"
    return in_one_line(re.sub(r"^ask: (?:line \d+: )?", "", words) or "no answer")[:_SHOWN]
