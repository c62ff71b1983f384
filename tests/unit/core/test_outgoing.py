"""Servers that must answer before the switch: which the settings name, what each said, what the operator may write."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest
from pydantic import ValidationError

from vmmigrate.appliance import outgoing, outgoing_named
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.appliance.port import Result
from vmmigrate.findings import Verdict
from vmmigrate.settings.accepting import DECISIONS
from vmmigrate.settings.models import Settings
from vmmigrate.steps.outgoing import IDS, checks

LOCAL = "127.0.0.1"


class Bash:
    """A guest whose commands this machine's own bash runs."""

    host = "mailgw"

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        assert (user, check) == (None, False)  # no root, and no command that must succeed
        done = subprocess.run(
            argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)


def ask(*servers: Server) -> list[str | None]:
    return list(outgoing.ask(Bash(), servers).values())  # type: ignore[arg-type]


@contextmanager
def udp(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((LOCAL, 0))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    asked, who = bound.recvfrom(600)
                    bound.sendto(answer(asked), who)

        threading.Thread(target=serve, daemon=True).start()
        yield bound.getsockname()[1]


@contextmanager
def tcp(greeting: bytes) -> Iterator[int]:
    with socket.create_server((LOCAL, 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    with caller, suppress(OSError):
                        caller.sendall(greeting)
                        caller.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


@contextmanager
def closed() -> Iterator[int]:
    """A port that nobody else gets meanwhile, and that takes no connection."""
    with socket.socket() as bound:
        bound.bind((LOCAL, 0))
        yield bound.getsockname()[1]


def resolver(flags: int) -> Callable[[bytes], bytes]:
    return lambda asked: asked[:2] + bytes((0x81, 0x80 | flags)) + asked[4:]


def test_each_kind_is_asked_in_its_own_protocol() -> None:
    with ExitStack() as stack:
        dns, none, refuses = (stack.enter_context(udp(resolver(flags))) for flags in (0, 3, 5))
        clock, lost = (stack.enter_context(udp(lambda asked, s=s: b"\x24" + s + asked[2:])) for s in (b"\2", b"\0"))
        good, bad, busy = (stack.enter_context(tcp(words)) for words in (b"220 mx\r\n", b"554 no\r\n", b"421 busy\r\n"))
        nobody = stack.enter_context(closed())
        servers = {
            Server(Kind.RESOLVER, LOCAL, dns, "a"): "",
            Server(Kind.RESOLVER, LOCAL, none, "b"): "",  # NXDOMAIN is an answer
            Server(Kind.RESOLVER, LOCAL, refuses, "c"): "answers with error 5",
            Server(Kind.CLOCK, LOCAL, clock, "d"): "",
            Server(Kind.CLOCK, LOCAL, lost, "e"): "it does not know the time itself",
            Server(Kind.MAIL, LOCAL, good, "f"): "",
            Server(Kind.MAIL, LOCAL, bad, "g"): "greets with 554 no",
            Server(Kind.MAIL, LOCAL, busy, "h"): "greets with 421 busy",
            Server(Kind.LOOKUP, LOCAL, good, "i"): "",
            Server(Kind.OTHER, LOCAL, nobody, "j"): "connect: Connection refused",
            Server(Kind.RESOLVER, LOCAL, nobody, "k"): "no answer",
            Server(Kind.OTHER, "no such name; reboot", 25, "l"): None,
        }
        assert outgoing.ask(Bash(), tuple(servers)) == servers  # type: ignore[arg-type]


def test_one_that_keeps_silent_is_given_up() -> None:
    with socket.create_server((LOCAL, 0)) as silent:
        assert ask(Server(Kind.MAIL, LOCAL, silent.getsockname()[1], "x")) == ["no answer in 6 s"]


def test_more_than_one_command_takes_are_all_asked() -> None:
    with closed() as port:
        said = ask(*(Server(Kind.OTHER, LOCAL, port, str(number)) for number in range(45)))
    assert said == ["connect: Connection refused"] * 45


class Odd:
    """Its bash is missing, or prints what nobody asked for."""

    host = "mailgw"

    def __init__(self, status: int, out: str) -> None:
        self.answer = Result(status, out, "")

    def run(self, argv: Sequence[str], **_: object) -> Result:
        return self.answer


@pytest.mark.parametrize(
    ("status", "out"),
    [(127, ""), (0, "hello\n"), (0, "7 0 \n"), (0, "0 127 \n"), (0, "0\n"), (0, "² 0 x\n"), (0, "-1 0 \n")],
)
def test_what_is_no_answer_is_no_pass(status: int, out: str) -> None:
    server = Server(Kind.OTHER, LOCAL, 25, "x")
    assert outgoing.ask(Odd(status, out), (server,)) == {server: None}  # type: ignore[arg-type]
    [check] = checks(Kind.OTHER, {server: None})
    assert (check.verdict, check.id) == (Verdict.UNKNOWN, "outgoing-other")


# ---- which they are -----------------------------------------------------------------------------------------


class Settled:
    """A guest with these settings of Postfix and files."""

    host = "new"

    def __init__(self, main: str, files: dict[str, str], overrides: str = "") -> None:
        self.said = {("postconf", "-n"): main, ("postconf", "-P"): overrides}
        self.files = files

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        assert user == "root"
        if argv[0] == "cat":
            return Result(0, self.files[argv[1]], "") if argv[1] in self.files else Result(1, "", "no such file")
        return Result(0, self.said.get(tuple(argv), ""), "")


def named(main: str, files: dict[str, str] | None = None, overrides: str = "", dns: tuple[str, ...] = ()) -> list[str]:
    shell = LookingShell(Settled(main, files or {}, overrides))  # type: ignore[arg-type]
    return [f"{each.kind.value} {each}" for each in outgoing_named.named(shell, dns)]


@pytest.mark.parametrize(
    ("main", "seen"),
    [
        ("relayhost = [smtp.example.com]:587\n", ["smtp smtp.example.com:587 (relayhost)"]),
        ("relayhost = example.com\n", ["smtp example.com:25 (relayhost)"]),
        ("relayhost = [2001:db8::1]:submission\n", ["smtp [2001:db8::1]:587 (relayhost)"]),
        ("our = [smtp.example.com]\nrelayhost = $our\n", ["smtp smtp.example.com:25 (relayhost)"]),
        ("relayhost = [smtp.example.com]:gopher\n", ["smtp smtp.example.com:0 (relayhost)"]),
        ("relayhost =\n", []),
        ("relayhost = [127.0.0.1]:10025\n", []),
        ("fallback_relay = a.example, [b]:26\n", ["smtp a.example:25 (fallback_relay)", "smtp b:26 (fallback_relay)"]),
        ("relay_transport = smtp:[in.example]\ndefault_transport = smtp\n", ["smtp in.example:25 (relay_transport)"]),
        ("content_filter = djigzo:[127.0.0.1]:10025\n", []),
        ("smtpd_milters = inet:milter.example:8891, unix:/run/m\n", ["tcp milter.example:8891 (main.cf)"]),
        ("smtpd_milters = inet:localhost:8891\n", []),
    ],
)  # fmt: skip
def test_servers_of_main_cf(main: str, seen: list[str]) -> None:
    assert named(main) == seen


def test_servers_of_files() -> None:
    main = (
        "transport_maps = hash:/etc/postfix/transport\nvirtual_alias_maps = proxy:ldap:/etc/postfix/dir.cf\n"
        "mydestination = pgsql:/etc/postfix/db.cf, mysql:/etc/postfix/gone.cf\n"
    )
    files = {
        "/etc/postfix/transport": "# a smtp:[no]\nb.example smtp:[in.example]:2525\nc scan:[x.example]\nd error:no\n",
        "/etc/postfix/dir.cf": "server_host = ldaps://dir.example ldap://two.example:3890 ldapi:///\n#server_host = x",
        "/etc/postfix/db.cf": "hosts = inet:db.example:5433 unix:/run/pg db2.example\n",
        "/etc/chrony/chrony.conf": "pool ntp.example iburst\n# server no.example\n",
        "/etc/systemd/timesyncd.conf": "[Time]\n#NTP=\nNTP=t1.example t2.example\nFallbackNTP=no.example\n",
    }  # fmt: skip
    assert named(main, files, "submission/inet/x = inet:pol.example:9000\n", ("192.0.2.53", "127.0.0.53")) == [
        "dns 192.0.2.53:53 (resolver)",
        "smtp in.example:2525 (/etc/postfix/transport)",
        "tcp dir.example:636 (/etc/postfix/dir.cf)",
        "tcp two.example:3890 (/etc/postfix/dir.cf)",
        "tcp db.example:5433 (/etc/postfix/db.cf)",
        "tcp db2.example:5432 (/etc/postfix/db.cf)",
        "tcp pol.example:9000 (main.cf)",
        "ntp t1.example:123 (/etc/systemd/timesyncd.conf)",
        "ntp t2.example:123 (/etc/systemd/timesyncd.conf)",
        "ntp ntp.example:123 (/etc/chrony/chrony.conf)",
    ]


# ---- checks and settings ------------------------------------------------------------------------------------


def test_a_check_says_where_a_server_is_named_and_not_which_it_is() -> None:
    """Journal and reports hold no setting's values."""
    path = "/etc/postfix/dir.cf"
    one, two = (Server(Kind.LOOKUP, f"dir{n}.secret.example", 636, path) for n in (1, 2))
    [check] = checks(Kind.LOOKUP, {one: "dir1.secret.example: Name or service not known", two: ""})
    assert (check.id, check.verdict) == ("outgoing-lookups", Verdict.FAIL)
    assert check.seen == "1 of 2 do not: its name or address: Name or service not known"
    assert path in check.what
    assert "secret" not in str(check)
    [check] = checks(Kind.LOOKUP, {one: "", two: ""})
    assert (check.verdict, check.seen) == (Verdict.PASS, "answers")


def test_each_kind_can_be_accepted_by_itself() -> None:
    assert set(IDS.values()) <= set(DECISIONS)
    assert len(set(IDS.values())) == len(Kind)


@pytest.mark.parametrize(
    "word", ["name", "host", "host:0", "host:65536", "host:x", ":25", "2001:db8::1", "h o:1", "a;b:1", "-x:1"]
)
def test_what_is_no_server_is_refused(word: str) -> None:
    with pytest.raises(ValidationError, match="is no server that could be asked: give named, or HOST:PORT"):
        Settings.model_validate({"switch": {"outgoing": ["named", word]}})


def test_servers_as_an_option_or_the_environment_has_them() -> None:
    given = Settings.model_validate({"switch": {"outgoing": "named, proxy.example:3128,[2001:db8::1]:636,named"}})
    assert given.switch.outgoing == ("named", "proxy.example:3128", "[2001:db8::1]:636")
    with pytest.raises(ValidationError, match="51 servers are named; 50 can be asked"):
        Settings.model_validate({"switch": {"outgoing": [f"h{n}:1" for n in range(51)]}})
