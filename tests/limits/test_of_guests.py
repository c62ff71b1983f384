"""A guest whose files and answers have no end costs so many steps and commands, and no more."""

import io
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import paramiko
import pytest
from asn1crypto import algos, keys, pem
from asn1crypto import pkcs12 as asn1
from cryptography.hazmat.primitives.serialization import Encoding

from hypervisors import HypervisorError, Secret, Unreachable
from hypervisors.kvm import commanding, guest
from hypervisors.wire.ssh import execution
from tests.integration.odd_sshd import OddSshd
from tests.limits.twin import Endless, most, steps, twin
from tests.unit.appliance.small_ca import NOW, certificate, pair
from vmmigrate.alone import tls_show
from vmmigrate.appliance import asking, authorized, database, outgoing_named, smtp, units
from vmmigrate.appliance.family import Software, Units
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import ifupdown, interfaces_file
from vmmigrate.appliance.net.iptables import Iptables
from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.appliance.postconf import expanded
from vmmigrate.appliance.queues import outcomes, taken
from vmmigrate.appliance.ssh import sudo
from vmmigrate.appliance.tls import chains, derivation, pkcs12, server_xml
from vmmigrate.appliance.tls import keys as tls_keys
from vmmigrate.appliance.tls.handshake import Served
from vmmigrate.errors import ApplianceError, BadKeys, CommandFailed
from vmmigrate.updating import needs, patience
from vmmigrate.updating.packages import Package

_WORD = Secret("changeit")


class Answering:
    """A shell that gives one answer to everything and one content to every file, and counts."""

    host = "mailgw"

    def __init__(self, answer: str = "", file: bytes = b"") -> None:
        self.asked: list[Sequence[str]] = []
        self.seconds: list[float] = []
        self._answer, self._file = answer, file

    def run(self, argv: Sequence[str], *, timeout: float = 60.0, **_how: object) -> Result:
        self.asked.append(argv)
        self.seconds.append(timeout)
        return Result(0, self._answer, "")

    def read_file(self, path: str) -> bytes:
        self.asked.append(("cat", path))
        return self._file

    def file_meta(self, path: str) -> FileMeta | None:
        return FileMeta("0644", "root", "root")


@twin("TRANSACTION", "TRANSACTION_BESIDE", "PACKAGES_ASKED")
def test_what_a_package_tool_does_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended on the host itself, and our own wait is longer than that; journeys of an update have tools that hang."""
    shell = Answering("1")
    patience.patiently(shell, ("true",))  # type: ignore[arg-type]
    assert (shell.asked[0][0], shell.asked[0][2]) == ("timeout", str(most("TRANSACTION")))
    assert shell.seconds[0] == most("TRANSACTION") + most("TRANSACTION_BESIDE")
    monkeypatch.setattr(shell, "run", lambda *_, **__: Result(137, "", "it waits"))
    over = iter((7.0, 7.0 + most("TRANSACTION"))).__next__
    with pytest.raises(CommandFailed, match=r"`dpkg` did not end within 60 minutes and was ended there: it waits"):
        patience.patiently(shell, ("env", "A=b", "dpkg"), check=False, clock=over)  # type: ignore[arg-type]
    shell = Answering()
    wants = Package(Path("/x"), "deb", "x", "5", "all", (), "", ("a",))
    needs.look(shell, (wants,))  # type: ignore[arg-type]
    assert shell.seconds == [most("PACKAGES_ASKED")]


# ---- main.cf -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "value"),
    [
        ({"a": "$b", "b": "$a"}, "$a"),
        ({f"p{n}": f"$p{n + 1}" * 100 for n in range(30)}, "$p0"),
        ({"a": "x" * 60}, "$a" * 5000),
        ({}, "${" * 50_000),
        ({}, "${a?" * 16_000 + "}" * 16_000),
    ],
    ids=["circle", "doubling", "many", "brackets", "conditions"],
)
@twin("MAIN_CF_DEPTH", "MAIN_CF_STEPS", "MAIN_CF_VALUE")
def test_a_value_of_main_cf_that_does_not_end_is_given_up(values: dict[str, str], value: str) -> None:
    shell = Answering()
    with pytest.raises(ApplianceError, match=r"main\.cf"):
        expanded(shell, values, value)  # type: ignore[arg-type]
    assert steps(lambda: expanded(shell, values, value)) < 40 * most("MAIN_CF_STEPS")  # type: ignore[arg-type]


@twin("MAIN_CF_VALUE")
def test_a_long_value_of_main_cf_is_not_looked_through() -> None:
    long = "${a}" * most("MAIN_CF_VALUE")
    assert steps(lambda: expanded(Answering(), {"a": "x"}, long)) < 100  # type: ignore[arg-type]


@twin("MAIN_CF_ASKED")
def test_defaults_without_end_are_not_asked_for() -> None:
    shell = Answering("x")
    with pytest.raises(ApplianceError, match="name too many others"):
        expanded(shell, {}, "".join(f"$n{n} " for n in range(500)))  # type: ignore[arg-type]
    assert len(shell.asked) == most("MAIN_CF_ASKED")


@twin("SERVERS_ASKED")
def test_servers_without_end_are_not_asked() -> None:
    main = "".join(f"m{n} = inet:host{n}:1\n" for n in range(most("SERVERS_ASKED") + 1))
    with pytest.raises(ApplianceError, match="its settings name 201 servers; 200 can be asked") as caught:
        outgoing_named.named(LookingShell(Answering(main)), ())  # type: ignore[arg-type]
    assert "--outgoing" in caught.value.hint


@twin("AUTHORIZED_KEYS", "AUTHORIZED")
def test_of_an_accounts_keys_so_much_is_asked_for() -> None:
    """By the programs of the guest itself; tests/integration/test_accounts_made.py has them end what has no end."""
    shell = Answering(f"ssh-ed25519 {'A' * 68} x\n" * (most("AUTHORIZED_KEYS") // 80))
    assert authorized.keys(shell, {"sa": "/home/sa"}) == {"sa": "authorized_keys has 256 KiB or more"}  # type: ignore[arg-type]
    assert shell.asked[0][:4] == ("timeout", "-k", "5", str(most("AUTHORIZED")))
    assert shell.asked[0][10:13] == ("/usr/bin/head", "-c", str(most("AUTHORIZED_KEYS")))


# ---- network -------------------------------------------------------------------------------------------------


@twin("IPTABLES_JUMPS")
def test_a_rule_that_never_goes_is_deleted_so_often_and_no_more() -> None:
    shell = Answering()
    with pytest.raises(ApplianceError, match="finds the rule after 100 deletions"):
        Iptables("/sbin/iptables").unload(shell, "vmmigrate_intake")  # type: ignore[arg-type]
    assert len(shell.asked) == 2 * most("IPTABLES_JUMPS")


@twin("INTERFACES_DEPTH")
def test_files_that_source_others_for_ever_are_followed_so_deep() -> None:
    class Sourcing(Answering):
        def read_file(self, path: str) -> bytes:
            super().read_file(path)
            return f"source {path}x\n".encode()

    shell = Sourcing()
    ifupdown._files(_ahead(shell))
    assert len([each for each in shell.asked if each[0] == "cat"]) == most("INTERFACES_DEPTH")


def _ahead(shell: Answering) -> LookingShell:
    shell.ahead = lambda *questions, **files: None  # type: ignore[attr-defined]
    return shell  # type: ignore[return-value]


@pytest.mark.parametrize("line", ["# x\n", "address 192.0.2.1\n", "x \\\n", "iface a inet dhcp\n"])
def test_a_file_of_interfaces_costs_steps_in_proportion(line: str) -> None:
    assert steps(interfaces_file.stanzas, line * 4000) < 2.2 * steps(interfaces_file.stanzas, line * 2000)


# ---- commands ------------------------------------------------------------------------------------------------


@twin("QUESTIONS", "UNITS", "DATABASE")
def test_commands_have_so_many_seconds() -> None:
    shell = Answering()
    for act in (
        lambda: asking.ask_all(shell, [("true",)] * 3, timeout=5),  # type: ignore[arg-type]
        lambda: units.unit_states(shell, ["postfix"]),  # type: ignore[arg-type]
        lambda: database.read_database(shell, b"key"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ApplianceError):
            act()
    assert shell.seconds[:3] == [5 + 2 * most("QUESTIONS"), most("UNITS"), most("DATABASE")]


@twin("TABLES")
def test_so_many_tables_are_read() -> None:
    shell = Answering("".join(f"cm_{number}\n" for number in range(most("TABLES") + 1)))
    with pytest.raises(ApplianceError, match=f"gave {most('TABLES') + 1} tables"):
        database.read_database(shell, b"key")  # type: ignore[arg-type]
    assert len(shell.asked) == 1


@twin("MAIL_LOG", "MAIL_LOG_IDS", "MAIL_LOG_LINES")
def test_the_log_of_carried_mail_is_read_once_and_what_is_left_out_is_known() -> None:
    """The guest's own `tail` bounds the lines: it is given the number."""
    ids = [f"4{number:06}" for number in range(most("MAIL_LOG_IDS") + 1)]
    shell, full = Answering(), Answering("a line\n" * most("MAIL_LOG_LINES"))
    assert not outcomes.read(shell, ids[1:], 0).cut  # type: ignore[arg-type]
    assert outcomes.read(shell, ids, 0).cut  # type: ignore[arg-type]
    assert outcomes.read(full, ids[:1], 0).cut  # type: ignore[arg-type]
    assert [len(argv[4].split()) for argv in shell.asked] == [most("MAIL_LOG_IDS")] * 2
    assert {argv[6] for argv in shell.asked} == {str(most("MAIL_LOG_LINES"))}
    assert shell.seconds == [most("MAIL_LOG")] * 2


@twin("MAIL_TAKEN_LINES", "MAIL_TAKEN_NAMED")
def test_the_log_of_all_mail_is_counted_in_the_guest_and_what_is_left_out_is_known() -> None:
    """The guest's own `tail` and awk bound it: they are given the numbers."""

    class Counting(Answering):
        def run(self, argv: Sequence[str], **how: Any) -> Result:
            said = super().run(argv, **how)
            return said if "vmmigrate-mail-taken" in argv else Result(0, "", "")

    for counted, cut in ((f"{most('MAIL_TAKEN_LINES')} 9 9 0", True), ("9 9 8 0", True), ("9 9 9 0", False)):
        shell = Counting(counted)
        assert taken.account(shell, 0).cut is cut  # type: ignore[arg-type]
        assert tuple(shell.asked[0][-2:]) == (str(most("MAIL_TAKEN_LINES")), str(most("MAIL_TAKEN_NAMED")))


@twin("SUDO")
def test_sudo_has_so_many_seconds() -> None:
    class Talk:
        def __init__(self) -> None:
            self.seconds: list[float] = []

        def plain(self, argv: Sequence[str], given: bytes, timeout: float) -> Result:
            self.seconds.append(timeout)
            raise Unreachable("it does not answer", hint="")

    talk = Talk()
    with pytest.raises(Unreachable):
        sudo.find_out(talk, lambda: iter(()))  # type: ignore[arg-type]
    assert talk.seconds == [most("SUDO")]


@twin("SSH_OUTPUT")
def test_output_without_end_is_taken_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: sixteen mebibytes over a local SSH take seconds."""
    monkeypatch.setattr(execution, "OUTPUT_LIMIT", 1 << 18)
    sent = 0

    def endless(_line: str, channel: paramiko.Channel) -> None:
        nonlocal sent
        while True:
            sent += channel.send(b"0" * 30_000)

    with OddSshd(endless).running() as server:
        transport = paramiko.Transport(("127.0.0.1", server.port))
        transport.connect(username="root", password="right")
        with pytest.raises(execution.TooMuch):
            execution.execute(transport, "yes", b"", 20)
        transport.close()
    assert sent < (1 << 18) + (4 << 20)  # and a window that was under way


# ---- the guest agent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", ["", "YQ==", "QUFB" * 90_000])
@twin("AGENT_FILE", "AGENT_PIECES", "AGENT")
def test_a_file_without_end_through_the_agent(monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    seconds: list[int] = []

    def command(domain: object, request: str, timeout: int, flags: int) -> str:
        seconds.append(timeout)
        return (
            '{"return": 7}' if "file-read" not in request else f'{{"return": {{"buf-b64": "{piece}", "eof": false}}}}'
        )

    class Domain:
        def name(self) -> str:
            return "mailgw"

    monkeypatch.setattr(guest.libvirt_qemu, "qemuAgentCommand", command)
    with pytest.raises(Exception, match=r"does not come to the file's end|is larger than 1 MiB"):
        guest.read_file(Domain(), "/etc/os-release")
    assert len(seconds) <= 2 + min(most("AGENT_PIECES"), 2 + most("AGENT_FILE") // max(1, len(piece) * 3 // 4))
    assert set(seconds) == {most("AGENT")}


@twin("AGENT_TOTAL")
def test_an_agent_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer comes just in time, with one byte."""
    clock = count(0, most("AGENT") - 1)
    asked: list[str] = []

    def command(domain: object, request: str, timeout: int, flags: int) -> str:
        asked.append(request)
        return '{"return": 7}' if "file-read" not in request else '{"return": {"buf-b64": "YQ==", "eof": false}}'

    monkeypatch.setattr(guest, "monotonic", lambda: next(clock))
    monkeypatch.setattr(guest.libvirt_qemu, "qemuAgentCommand", command)
    with pytest.raises(HypervisorError, match="does not come to the file's end"):
        guest.read_file(SimpleNamespace(name=lambda: "mailgw"), "/etc/os-release")  # type: ignore[arg-type]
    assert len(asked) <= 3 + most("AGENT_TOTAL") // (most("AGENT") - 1)
    assert "guest-file-close" in asked[-1]


@twin("AGENT_OUTPUT")
def test_what_a_command_through_the_agent_prints_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortened: the agent itself gives up to sixteen MiB."""
    monkeypatch.setattr(commanding, "_MOST", 1 << 16)

    def command(domain: object, request: str, timeout: int, flags: int) -> str:
        if "exec-status" not in request:
            return '{"return": {"pid": 7}}'
        return f'{{"return": {{"exited": true, "exitcode": 0, "out-data": "{"QUFB" * (1 << 15)}"}}}}'

    monkeypatch.setattr(guest.libvirt_qemu, "qemuAgentCommand", command)
    with pytest.raises(HypervisorError, match="printed more than"):
        commanding.run(SimpleNamespace(name=lambda: "mailgw"), ("yes",), b"", 5.0)  # type: ignore[arg-type]


# ---- Tomcat --------------------------------------------------------------------------------------------------

_TOMCAT = Software("5.x", {}, Units("back-end", "tomcat9", "postfix", "postgresql", "rsyslog"))


@pytest.mark.parametrize(
    "properties", ["a=${b}\nb=${a}\n", "".join(f"p{n}={f'${{p{n + 1}}}' * 100}\n" for n in range(20)) + "a=${p0}\n"]
)
@twin("TOMCAT_PROPERTIES", "TOMCAT_VALUE")
def test_properties_of_properties_end(properties: str) -> None:
    class Files(Answering):
        def read_file(self, path: str) -> bytes:
            xml = b'<Server><Service><Connector port="${a}" SSLEnabled="true"/></Service></Server>'
            return xml if path.endswith("server.xml") else properties.encode()

    def look() -> None:
        server_xml.tls_connectors(Files(), _TOMCAT)  # type: ignore[arg-type]

    assert steps(look) < most("TOMCAT_VALUE") * 3


# ---- keys ----------------------------------------------------------------------------------------------------


class _Scrypt(algos.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [(name, algos.Integer) for name in ("cost", "block", "parallel")]
    _fields.insert(0, ("salt", algos.OctetString))


def _shut(change: Callable[[Any], None]) -> bytes:
    _, _, der = pem.unarmor(tls_keys.key_pem(pair("gw.example.org"), _WORD))
    info = keys.EncryptedPrivateKeyInfo.load(der)
    change(info["encryption_algorithm"]["parameters"])
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", info.dump(force=True)))


def _rounds(parameters: Any) -> None:
    parameters["key_derivation_func"]["parameters"]["iteration_count"] = most("KEY_ROUNDS") + 1


def _memory(parameters: Any) -> None:
    derivation = algos.KdfAlgorithm({"algorithm": "1.3.6.1.4.1.11591.4.11"})
    cost = most("KEY_MEMORY") // (128 * 8) + 1
    derivation["parameters"] = _Scrypt({"salt": b"12345678", "cost": cost, "block": 8, "parallel": 1})
    parameters["key_derivation_func"] = derivation


@pytest.mark.parametrize(
    "block",
    [
        _shut(_rounds),
        _shut(_memory),
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * most("PEM_KEY") + b"\n-----END PRIVATE KEY-----\n",
    ],
    ids=["rounds", "memory", "size"],
)
@twin("KEY_ROUNDS", "KEY_MEMORY", "PEM_KEY")
def test_a_key_that_costs_too_much_is_not_opened(block: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(tls_keys, "load_pem_private_key", opened)
    with pytest.raises(BadKeys, match="at most"):
        tls_keys.load_pem(block + certificate("x")[0].public_bytes(Encoding.PEM), _WORD)


@twin("STORE_KEYS")
def test_a_store_with_large_keys_is_not_opened() -> None:
    store = asn1.Pfx.load(pkcs12.to_pkcs12(pair("gw.example.org"), _WORD, "tomcat"))
    bag = asn1.SafeBag({"bag_id": "key_bag", "bag_value": _large_key(), "bag_attributes": []})
    safe = store.authenticated_safe
    safe.append(asn1.ContentInfo({"content_type": "data", "content": asn1.SafeContents([bag]).dump()}))
    store["auth_safe"]["content"] = safe.dump(force=True)
    with pytest.raises(BadKeys, match=f"{most('STORE_KEYS')} at most"):
        derivation.refuse_costly_store(store.dump(force=True))


def _large_key() -> Any:
    number = (1 << 8 * most("STORE_KEYS")) - 1
    names = ("modulus", "public_exponent", "private_exponent", "prime1", "prime2", "exponent1", "exponent2")
    parts = dict.fromkeys(names, 3) | {"version": 0, "modulus": number, "coefficient": 3}
    return keys.PrivateKeyInfo.wrap(keys.RSAPrivateKey(parts), "rsa")


@twin("PEM_CERTIFICATES", "PEM_KEYS")
def test_a_file_of_more_keys_or_certificates_than_any_has() -> None:
    made = pair("gw.example.org")
    with pytest.raises(BadKeys, match=f"{most('PEM_CERTIFICATES')} at most"):
        tls_keys.load_certificates(made.leaf.public_bytes(Encoding.PEM) * (most("PEM_CERTIFICATES") + 1))
    with pytest.raises(BadKeys, match=f"{most('PEM_KEYS')} at most"):
        tls_keys.load_pem_chains(tls_keys.to_pem(made) * (most("PEM_KEYS") + 1))


@twin("CHAIN")
def test_a_chain_is_followed_so_high(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every certificate is said to have issued every other one."""
    known = [certificate("A", ca=True)[0] for _ in range(most("CHAIN") + 5)]
    monkeypatch.setattr(chains, "is_issued", lambda upper, lower: True)
    monkeypatch.setattr(chains, "is_self_signed", lambda cert: False)
    assert len(chains.path_above(known[0], known[1:])) == most("CHAIN")


@twin("SHOWN_CHAIN")
def test_of_a_chain_that_a_port_shows_so_many_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    honest = tls_show.from_der
    monkeypatch.setattr(tls_show, "from_der", lambda der: (read.append(der), honest(der))[1])
    der = certificate("gw.example.org")[0].public_bytes(Encoding.DER)
    tls_show._read("gw", tls_show.Port(25, True), iter((Served((der,) * 5000),)), NOW)
    assert len(read) == most("SHOWN_CHAIN")


# ---- SMTP ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [b"220-x\r\n", b"0" * 999])
@twin("SMTP")
def test_a_greeting_without_end(piece: bytes) -> None:
    stream = Endless(piece, b"220-")

    class Plain:
        def settimeout(self, seconds: float) -> None:
            assert seconds > 0

        def makefile(self, *_: object, **__: object) -> io.RawIOBase:
            return stream

        def close(self) -> None: ...

    with pytest.raises(Exception, match=f"more than {most('SMTP')} bytes|too long"):
        smtp.Smtp("gw", 25, Plain(), 60)  # type: ignore[arg-type]
    assert stream.taken <= most("SMTP") + (1 << 14)
