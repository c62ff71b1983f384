"""tls show, copy and undo on two stand-in gateways: asked, proved, gone back by itself, put back byte for byte."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from real_sshd import NEEDS_SSHD
from stand_in import Guest, fresh_guest, old_guest
from typer.testing import CliRunner, Result

from fixtures.appliance import ca, config, hostile, keys, root, seed
from fixtures.appliance.hostkey import fingerprint
from fixtures.appliance.machine import SMTP_PORT, SSH_PORT
from fixtures.openssh import USER, RealSshd, make_key, public, running
from hypervisors import Cancelled, Pace, Unreachable, Wait
from vmmigrate.alone import tls_copy
from vmmigrate.appliance.tls import placing
from vmmigrate.appliance.tls.handshake import Expected, served
from vmmigrate.cli import app
from vmmigrate.commands.process import Session
from vmmigrate.settings.load import own_file

pytestmark = pytest.mark.slow

Cli = Callable[..., Result]
TLS_PEM = "/etc/postfix/tls.pem"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Guest]:
    with old_guest(tmp_path) as guest:
        yield guest


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Guest]:
    with fresh_guest(tmp_path) as guest:
        yield guest


@pytest.fixture
def cli(tmp_path: Path, old: Guest, new: Guest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line in this process, without a terminal; patience of two seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VMMIGRATE_OLD_SSH_PASSWORD", seed.SA_OLD.password)
    monkeypatch.setenv("VMMIGRATE_NEW_SSH_PASSWORD", seed.SA_FRESH.password)
    sides = "".join(
        f'[{side}.ssh]\nport = {SSH_PORT}\nhost_key = "{fingerprint(guest.machine.root)}"\n'
        for side, guest in (("old", old), ("new", new))
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own_file().parent.mkdir(parents=True)  # one of the current folder would not be given these passwords
    own_file().write_text(f"old.smtp_port = {SMTP_PORT}\nlimits.restart = 2\n{sides}")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, umask = [signal.getsignal(number) for number in numbers], os.umask(0o022)
    yield lambda *words: CliRunner().invoke(app, ["tls", *words])
    os.umask(umask)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


def files(guest: Guest) -> dict[str, tuple[str, int, tuple[str, str]]]:
    """Digest, mode and owner of everything below /etc, /usr and /var/lib."""
    of = guest.machine.root
    found = [path for folder in ("/etc", "/usr", "/var/lib") for path in of.at(folder).rglob("*") if path.is_file()]
    names = {path: "/" + str(path.relative_to(of.folder)) for path in found}
    return {
        name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode, of.owner(name))
        for path, name in names.items()
        if not name.endswith("owners.json")
    }


def shown(guest: Guest) -> tuple[str, str]:
    """Console's and SMTP's leaf."""
    console = served(guest.address, 8443, starttls=False).fingerprint
    return console, served(guest.address, SMTP_PORT, starttls=True).fingerprint


def test_nothing_is_copied_without_a_yes(cli: Cli, old: Guest, new: Guest) -> None:
    before = files(new)
    asked = cli("copy", old.address, new.address)
    assert asked.exit_code == 2
    assert f"Replace them on {new.address} now?" in asked.output
    assert "--yes" in asked.output
    assert "web: /usr/share/djigzo-web/ssl/sslCertificate.p12" in asked.output
    assert "  then  ECDSA 'mailgw.example.test' until 2044-01-01, SHA-256 " in asked.output
    assert files(new) == before


def test_copied_twice_is_copied_once_and_undone_twice_is_undone_once(cli: Cli, old: Guest, new: Guest) -> None:
    before, seen = files(new), shown(new)
    done = cli("copy", old.address, new.address, "--yes")
    assert (done.exit_code, shown(new)) == (0, shown(old)), done.output
    assert f"console shows the old certificate {shown(old)[0][:16]}…" in done.output
    assert f"SMTP STARTTLS shows the old certificate {shown(old)[1][:16]}…" in done.output
    after = files(new)
    again = cli("copy", old.address, new.address, "--yes")
    assert (again.exit_code, files(new)) == (0, after)
    assert "all of it is in place already" in again.output
    undone = cli("undo", new.address)
    assert (undone.exit_code, files(new), shown(new)) == (0, before, seen), undone.output
    twice = cli("undo", new.address)
    assert (twice.exit_code, files(new)) == (0, before)
    assert "there is nothing to restore" in twice.output


@pytest.mark.parametrize(("flag", "part"), [("--web", 0), ("--smtp", 1)])
def test_one_part_alone(flag: str, part: int, cli: Cli, old: Guest, new: Guest) -> None:
    before = shown(new)
    done = cli("copy", old.address, new.address, "--yes", flag)
    assert done.exit_code == 0, done.output
    assert shown(new)[part] == shown(old)[part]
    assert shown(new)[1 - part] == before[1 - part]


@pytest.mark.parametrize(("path", "flag"), [(TLS_PEM, "--smtp"), (root.P12, "--web")])
def test_a_pair_that_no_server_takes_goes_back_by_itself(
    path: str, flag: str, cli: Cli, old: Guest, new: Guest
) -> None:
    """Files tell nothing of it: a key of 1024 bits is what OpenSSL refuses to serve, not what it refuses to read."""
    before, seen = files(new), shown(new)
    old.machine.root.write(path, weak(path))
    failed = cli("copy", old.address, new.address, "--yes", flag)
    assert (failed.exit_code, files(new), shown(new)) == (1, before, seen), failed.output
    assert "the previous certificates are back" in failed.output


def test_a_copy_that_is_told_to_stop_while_it_proves_goes_back_to_its_end(
    cli: Cli, old: Guest, new: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller's pace stops every wait. Whether a proof waits is a matter of milliseconds: here each does."""
    before, seen, waited, proves = files(new), shown(new), list[str](), tls_copy.prove

    def stop(session: Session) -> None:
        raise Cancelled("interrupted", hint="try again")

    def wait_and_prove(host: str, expected: Expected, *, pace: Pace, **how: Any) -> tuple[str, ...]:
        waited.append(expected.name)
        pace.waits(Wait("the console", 1.0, 2.0, ""))
        return proves(host, expected, pace=pace, **how)

    monkeypatch.setattr(Session, "_check", stop)
    monkeypatch.setattr(tls_copy, "prove", wait_and_prove)
    failed = cli("copy", old.address, new.address, "--yes", "--web")
    assert (failed.exit_code, files(new), shown(new)) == (1, before, seen), failed.output
    assert "interrupted; the previous certificates are back" in failed.output
    assert len(waited) == 2  # once forward, once back


def weak(path: str) -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 -- that it is weak is the point
    chain = [ca.self_signed(key, "mailgw.example.test")]
    return ca.combined_pem(key, chain) if path == TLS_PEM else ca.pkcs12_store(key, chain, seed.OLD_WEB_STORE_PASSWORD)


def test_for_programs_a_line_an_event(cli: Cli, old: Guest, new: Guest) -> None:
    now, then = shown(new), shown(old)
    made = events(cli("copy", old.address, new.address, "--yes", "--json"))
    assert [each["event"] for each in made[:2]] == ["Compared", "StepBegan"]
    assert {each["event"] for each in made[2:-2]} == {"StepRemark"}
    assert [each["event"] for each in made[-2:]] == ["StepEnded", "Copied"]
    compared, copied = made[0], made[-1]
    web = next(each for each in compared["replacements"] if each["role"] == "web")
    assert (compared["old"], compared["new"], compared["change"]) == (old.address, new.address, True)
    assert [each["sha256"] for each in (*web["present"], *web["wanted"])] == [now[0], then[0]]
    assert web["wanted"][0]["subject"] == "CN=mailgw.example.test"
    assert web["paths"][0] in copied["paths"]
    assert f"console shows the old certificate {then[0][:16]}…" in copied["proved"]
    undone = [events(cli("undo", new.address, "--json"))[-1] for _ in range(2)]
    assert {each["event"] for each in undone} == {"Undone"}
    assert (sorted(undone[0]["paths"]), undone[1]["paths"]) == (sorted(copied["paths"]), [])
    assert shown(new) == now


def test_for_programs_an_error_is_a_line_too(cli: Cli, old: Guest) -> None:
    failed = cli("copy", old.address, old.address, "--json")
    assert (failed.exit_code, failed.stderr) == (2, "")
    assert [each["event"] for each in events(failed)] == ["Error"]


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_reader_that_left_does_not_stop_a_copy_half_way(cli: Cli, old: Guest, new: Guest) -> None:
    """What `tls copy … | head -1` does once `head` has its line."""
    ours, its = os.pipe()
    os.close(ours)
    words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", "tls", "copy", old.address, new.address]
    ended = subprocess.run([*words, "--yes"], check=False, stdout=its, stderr=subprocess.PIPE)
    os.close(its)
    assert (ended.returncode, ended.stderr.splitlines()[1:], shown(new)) == (0, [], shown(old))


def test_what_somebody_changed_since_is_left_alone(cli: Cli, old: Guest, new: Guest) -> None:
    cli("copy", old.address, new.address, "--yes")
    new.machine.root.write(TLS_PEM, ca.combined_pem(keys.ec_key("renewed"), seed.smtp_chain(new.address)))
    after = files(new)
    refused = cli("undo", new.address)
    assert (refused.exit_code, files(new)) == (2, after)
    assert f"since the copy somebody changed {TLS_PEM}" in refused.output


def test_a_foreign_key_is_refused_before_anything_is_touched(cli: Cli, old: Guest, new: Guest) -> None:
    before = files(new)
    old.machine.root.write(TLS_PEM, ca.combined_pem(keys.ec_key("another"), seed.smtp_chain(old.address)))
    refused = cli("copy", old.address, new.address, "--yes")
    assert (refused.exit_code, files(new)) == (2, before)
    assert "the private key does not belong to the certificate 'mailgw.example.test'" in refused.output


def test_one_gateway_is_not_two(cli: Cli, old: Guest) -> None:
    assert "give two different gateways" in cli("copy", old.address, old.address).output


def test_show_tells_what_a_port_has_without_a_log_in(cli: Cli, old: Guest) -> None:
    for port, leaf, way in ((8443, shown(old)[0], False), (SMTP_PORT, shown(old)[1], True)):
        seen = cli("show", f"{old.address}:{port}", "--json")
        (found,) = json.loads(seen.output)["ports"]
        assert (found["port"], found["starttls"], found["closed"]) == (port, way, "")
        assert [each["sha256"] for each in found["shown"]] == [leaf]
    text = cli("show", f"{old.address}:{SMTP_PORT}").output.splitlines()
    assert text[0] == f"{old.address}:{SMTP_PORT} STARTTLS, ECDSA, TLSv1.3"
    assert text[1] == "  subject    CN=mailgw.example.test"
    assert text[2] == f"  names      mailgw.example.test, {old.address}"
    assert text[6:] == ["  chain      mailgw.example.test ← Example Mail Authority"]


def test_show_tells_closed_ports_in_one_line(cli: Cli, old: Guest) -> None:
    seen = cli("show", old.address)
    assert seen.exit_code == 0
    closed = "; ".join(f"{port} (accepts no connection)" for port in (443, 465, 25, 587))
    assert seen.output.splitlines()[-1] == f"no certificate at {closed}"


def test_show_where_nothing_answers_is_refused(cli: Cli) -> None:
    seen = cli("show", "127.65.99.99")
    assert seen.exit_code == 2
    unknown = cli("show", "nosuch.invalid").output
    assert unknown.startswith(
        ("error: the name nosuch.invalid is not known\n", "error: the name nosuch.invalid cannot be ")
    )
    assert "127.65.99.99 shows no certificate: 443: accepts no connection; 8443" in seen.output
    assert "is not HOST or HOST:PORT" in cli("show", "host:port").output


# ---- show, through a jump host ---------------------------------------------------------------------------


@pytest.fixture
def jump(tmp_path: Path, cli: Cli) -> Iterator[RealSshd]:
    """As old.via; new.via is not set."""
    key = make_key(tmp_path / "id")
    with running(tmp_path / "jump", "LogLevel DEBUG", authorized=public(key)) as sshd:
        url = f"ssh://{USER}@{sshd.address}:{sshd.port}"
        via = f'old.via = {{ url = "{url}", key_file = "{key}", host_key = "{sshd.host_key.strip()}" }}\n'
        toml = own_file()
        toml.write_text(via + toml.read_text())
        yield sshd


@NEEDS_SSHD
def test_show_through_the_jump_host_of_a_side(cli: Cli, old: Guest, jump: RealSshd, tmp_path: Path) -> None:
    where = f"{old.address}:8443"
    straight = cli("show", where, "--json")
    assert "direct-tcpip" not in jump.log
    own_file().rename(tmp_path / "other.toml")
    seen = cli("show", where, "--json", "--via", "old", "--config", "other.toml")
    assert (seen.exit_code, seen.stderr) == (0, "")
    assert json.loads(seen.stdout) == json.loads(straight.stdout)
    assert f"target {old.address} port 8443" in jump.log


@NEEDS_SSHD
def test_a_jump_host_that_is_not_reached_is_told_once(cli: Cli, old: Guest, jump: RealSshd) -> None:
    jump.process.terminate()
    jump.process.wait()
    failed = cli("show", old.address, "--via", "old")
    assert failed.exit_code == 2
    message, hint = failed.stderr.split("\n  → ")
    assert message.startswith(f"error: no SSH session with the jump host {jump.address}:{jump.port}: ")
    assert message.count("jump host") == 1
    assert hint.startswith("check old.via.url, ")


def test_a_side_without_a_jump_host_is_refused(cli: Cli, old: Guest) -> None:
    refused = cli("show", old.address, "--via", "new")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: new.via is not set, so there is no jump host to go through\n  → set it: ")
    assert "give old or new" in cli("show", old.address, "--via", "jump.example.test").stderr
    assert "goes with --via" in cli("show", old.address, "--config", str(own_file())).stderr


@pytest.mark.parametrize("at", [1, 2])
def test_a_session_lost_right_after_a_record_is_undone_too(
    at: int, cli: Cli, old: Guest, new: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last record says 'done', as that of a copy which was proved does; but this one was not."""
    before, seen = files(new), shown(new)
    breaking_off(monkeypatch, at, after=True)
    failed = cli("copy", old.address, new.address, "--yes")
    assert (failed.exit_code, files(new), shown(new)) == (1, before, seen), failed.output


def test_a_copy_that_fails_before_its_record_does_not_undo_an_earlier_one(
    cli: Cli, old: Guest, new: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("copy", old.address, new.address, "--yes", "--web")
    before, seen = files(new), shown(new)
    breaking_off(monkeypatch, 1, after=False)
    failed = cli("copy", old.address, new.address, "--yes", "--smtp")
    assert failed.exit_code != 0
    assert (files(new), shown(new)) == (before, seen), failed.output


def breaking_off(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> None:
    """The session is lost at the record of that number, once it is on the disk or before."""
    write, written = placing._write_record, [0]

    def lost(*what: Any) -> None:
        written[0] += 1
        if after or written[0] != at:
            write(*what)
        if written[0] == at:
            raise Unreachable("the SSH session broke off", hint="")

    monkeypatch.setattr(placing, "_write_record", lost)


@pytest.mark.slow
@pytest.mark.parametrize("kind", hostile.KINDS)
def test_of_a_hostile_gateway_all_is_copied_or_nothing(
    cli: Cli, old: Guest, new: Guest, kind: str, tmp_path: Path
) -> None:
    """Ended in words; what it says steers no terminal and runs nowhere, and a new gateway is not left in between."""
    before = files(new)
    config.change(old.machine.root.at(config.CONSOLE_TOML), {"hostile": kind})
    done = cli("copy", old.address, new.address, "--yes")
    assert done.exit_code in (0, 1, 2, 3), done.output
    assert done.exit_code == 0 or "→" in done.output
    assert [char for char in done.output if not (char.isprintable() or char == "\n")] == []
    assert hostile.owned(tmp_path) == []
    if done.exit_code:
        assert files(new) == before
