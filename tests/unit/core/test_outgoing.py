"""Servers that must answer before the switch: which the settings name, what each said, what the operator may write."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest
from pydantic import ValidationError

from hypervisors import Unreachable
from vmmigrate.appliance import outgoing, outgoing_named
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.outgoing import Kind, Server
from vmmigrate.appliance.port import Result
from vmmigrate.findings import Verdict
from vmmigrate.settings.accepting import DECISIONS
from vmmigrate.settings.models import Settings
from vmmigrate.steps.outgoing import IDS, _once, checks

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


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that answer have all the time that a busy machine takes."""
    monkeypatch.setattr(outgoing, "_SECONDS", 60)


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
                    if who is None:  # it was closed while this waited
                        return
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


@pytest.mark.usefixtures("patient")
def test_each_kind_is_asked_in_its_own_protocol() -> None:
    with ExitStack() as stack:
        dns, none, refuses = (stack.enter_context(udp(resolver(flags))) for flags in (0, 3, 5))
        clock, lost = (stack.enter_context(udp(lambda asked, s=s: b"\x24" + s + asked[2:])) for s in (b"\2", b"\0"))
        good, bad, odd = (stack.enter_context(tcp(said)) for said in (b"220 mx\r\n", b"554 mx.example\r\n", b"mx\r\n"))
        nobody = stack.enter_context(closed())
        servers = {
            Server(Kind.RESOLVER, LOCAL, dns, "a"): "",
            Server(Kind.RESOLVER, LOCAL, none, "b"): "",  # NXDOMAIN is an answer
            Server(Kind.RESOLVER, LOCAL, refuses, "c"): "answers with error 5",
            Server(Kind.CLOCK, LOCAL, clock, "d"): "",
            Server(Kind.CLOCK, LOCAL, lost, "e"): "it does not know the time itself",
            Server(Kind.MAIL, LOCAL, good, "f"): "",
            Server(Kind.MAIL, LOCAL, bad, "g"): "greets with 554",
            Server(Kind.MAIL, LOCAL, odd, "h"): "it does not greet as a mail server",
            Server(Kind.LOOKUP, LOCAL, good, "i"): "",
            Server(Kind.OTHER, LOCAL, nobody, "j"): "connect: Connection refused",
            Server(Kind.RESOLVER, LOCAL, nobody, "k"): "no answer",
            Server(Kind.OTHER, "no such name; reboot", 25, "l"): None,
        }
        assert outgoing.ask(Bash(), tuple(servers)) == servers  # type: ignore[arg-type]


def test_one_that_keeps_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_SECONDS", 0.2)
    with socket.create_server((LOCAL, 0)) as silent:
        assert ask(Server(Kind.MAIL, LOCAL, silent.getsockname()[1], "x")) == ["no answer in 0.2 s"]


@pytest.mark.usefixtures("patient")
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
    assert "are bash and timeout in the old gateway" in check.hint


def test_what_is_in_the_way_is_met_once() -> None:
    asked = []

    def ask_all(_: object) -> dict[Server, str | None]:
        asked.append(1)
        raise Unreachable("the old gateway does not answer", hint="")

    seen = _once(ask_all)
    for _ in IDS:
        with pytest.raises(Unreachable, match="does not answer"):
            seen(None)  # type: ignore[arg-type]
    assert asked == [1]


# ---- which they are -----------------------------------------------------------------------------------------


class Settled:
    """A guest with these settings of Postfix and files."""

    host = "new"

    def __init__(self, main: str, files: dict[str, str], overrides: str = "", services: str = "") -> None:
        self.said = {("postconf", "-n"): main, ("postconf", "-P"): overrides, ("postconf", "-M"): services}
        self.files = files

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        assert user == "root"
        if argv[0] == "cat":
            return Result(0, self.files[argv[1]], "") if argv[1] in self.files else Result(1, "", "no such file")
        return Result(0, self.said.get(tuple(argv), ""), "")


def named(
    main: str,
    files: dict[str, str] | None = None,
    overrides: str = "",
    dns: tuple[str, ...] = (),
    services: str = "",
) -> list[str]:
    shell = LookingShell(Settled(main, files or {}, overrides, services))  # type: ignore[arg-type]
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
        ("content_filter = smtp:[scan.example]\n", ["smtp scan.example:25 (content_filter)"]),
        ("virtual_transport = lmtp:inet:box.example\n", ["smtp box.example:24 (virtual_transport)"]),
        ("virtual_transport = lmtp:inet:box.example:2424\n", ["smtp box.example:2424 (virtual_transport)"]),
        ("mailbox_transport = lmtp:unix:/run/lmtp\ndefault_transport = uucp:relay\n", []),
        ("transport_maps = static:smtp:[a]:26\n", ["smtp a:26 (transport_maps)"]),
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
        "dns 192.0.2.53:53 (the live NIC)",
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


SERVICES = """\
smtp       inet  n       -       y       -       -       smtpd
smtp       unix  -       -       y       -       -       smtp
smtp-tls   unix  -       -       y       -       -       smtp -o smtp_tls_security_level=encrypt
boxes      unix  -       -       y       -       -       lmtp
scan       unix  -       n       n       -       -       pipe user=scan argv=/bin/scan
"""
MAPS = {
    "/etc/postfix/transport": "a.example :[gateway.example]\nb.example smtp-tls:[tls.example]:587,\n"
    "  [second.example]\n# c.example smtp:[no]\nd.example boxes:inet:box.example\ne.example scan:[no]\n"
    "f.example boxes:unix:/run/lmtp\ng.example smtp:\nh.example :\n",
    "/etc/postfix/patterns": "if /x/\n/@x y$/ smtp:[p.example]\n/@(.*)$/ smtp:[$1]\nendif\n",
    "/etc/postfix/by_sender": "@a.example [smtp.provider]:587\n@b.example DUNNO\n@c.example other.example\n",
}


def test_next_hops_of_maps_are_read_by_the_parameter_that_names_them() -> None:
    main = (
        "transport_maps = hash:/etc/postfix/transport, regexp:/etc/postfix/patterns, ldap:/etc/postfix/dir.cf\n"
        "sender_dependent_relayhost_maps = proxy:texthash:/etc/postfix/by_sender\n"
        "virtual_alias_maps = hash:/etc/postfix/patterns\n"
    )
    assert named(main, MAPS, "smtp-tls/unix/relayhost = [own.example]:465\n", services=SERVICES) == [
        "smtp gateway.example:25 (/etc/postfix/transport)",
        "smtp tls.example:587 (/etc/postfix/transport)",
        "smtp second.example:25 (/etc/postfix/transport)",
        "smtp box.example:24 (/etc/postfix/transport)",
        "smtp p.example:25 (/etc/postfix/patterns)",
        "smtp $1:25 (/etc/postfix/patterns)",
        "smtp [ldap:/etc/postfix/dir.cf]:0 (transport_maps)",
        "smtp smtp.provider:587 (/etc/postfix/by_sender)",
        "smtp other.example:25 (/etc/postfix/by_sender)",
        "smtp own.example:465 (smtp-tls/unix/relayhost)",
    ]


def test_a_map_that_nobody_reads_is_said_not_to_be_asked() -> None:
    by_ldap = Server(Kind.MAIL, "ldap:/etc/postfix/dir.cf", 0, "transport_maps")
    [check] = checks(Kind.MAIL, outgoing.ask(Odd(0, ""), (by_ldap,)))  # type: ignore[arg-type]
    assert (check.verdict, check.seen) == (Verdict.UNKNOWN, "1 of 1 do not: not asked: no host and port")


def test_a_socket_of_the_machine_is_no_server_and_a_url_that_is_none_is_said() -> None:
    files = {"/d.cf": "server_host = ldapi://%2fvar%2frun%2fldapi\n  ldap://dir.example:99999 ldaps://dir.example\n"}
    assert named("virtual_alias_maps = ldap:/d.cf\n", files) == [
        "tcp [ldap://dir.example:99999]:0 (/d.cf)",
        "tcp dir.example:636 (/d.cf)",
    ]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("[Time]\nNTP=\nRootDistanceMaxSec=5\n", []),
        ("NTP = a b\n", ["a", "b"]),
        ("server -4 a iburst\n", ["a"]),
        ("server\npool -6 b\n", ["b"]),
        ("Server a\n  peer b\n#pool c\n", ["a", "b"]),
    ],
)
def test_clocks_are_read_line_by_line(text: str, hosts: list[str]) -> None:
    path = "/etc/ntp.conf"
    assert named("", {path: text}) == [f"ntp {host}:123 ({path})" for host in hosts]


# ---- checks and settings ------------------------------------------------------------------------------------


def test_a_check_says_where_a_server_is_named_and_not_which_it_is() -> None:
    """Journal and reports hold no setting's values."""
    path = "/etc/postfix/dir.cf"
    one, two = (Server(Kind.LOOKUP, f"dir{n}.secret.example", 636, path) for n in (1, 2))
    [check] = checks(Kind.LOOKUP, {one: "dir1.secret.example: Name or service not known", two: ""})
    assert (check.id, check.verdict) == ("outgoing-lookups", Verdict.FAIL)
    assert check.seen == "1 of 2 do not: its name or address: Name or service not known"
    assert path in check.what
    assert check.hint.startswith("see from the old gateway why")
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
