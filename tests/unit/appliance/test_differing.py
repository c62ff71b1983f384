"""What two gateways do not share: maps, keys that may log in, ports at which they listen, what SMTP offers."""

import shlex
from collections.abc import Sequence
from typing import Any

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance import accounts, authorized, listeners, maps, offers
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import Result
from vmmigrate.findings import Verdict
from vmmigrate.offered import Offered
from vmmigrate.steps import differences

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8mU2nUBd0Kc0dQmHn4X9f2jv3pB7y1"
OTHER = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB"


@pytest.mark.parametrize(
    ("setting", "paths"),
    [
        ("alias_maps = hash:/etc/aliases, nis:mail.aliases", ("/etc/aliases",)),
        ("header_checks = regexp:$config_directory/checks", ("/etc/postfix/checks",)),
        ("header_checks = pcre:${config_directory}/checks", ("/etc/postfix/checks",)),
        ("virtual_alias_maps = proxy:hash:/etc/a, unionmap:{hash:/etc/b, lmdb:/etc/c}", ("/etc/a", "/etc/b", "/etc/c")),
        ("transport_maps = $default_database_type:/etc/t", ("/etc/t",)),
        ("transport_maps = ${default_database_type}:/etc/t", ("/etc/t",)),
        ("smtpd_recipient_restrictions = check_client_access hash:/etc/x, reject", ("/etc/x",)),
        ("smtpd_milters = unix:/run/milter.sock, local:/run/other", ()),
        ("smtpd_milters = inet:127.0.0.1:8891", ()),
        ("relayhost = [2001:db8::1]:25", ()),
        ("virtual_alias_maps = ldap:/etc/ldap.cf", ("/etc/ldap.cf",)),
        ("smtpd_banner = see https://example.test/", ()),
        ("queue_directory = /var/spool/postfix", ()),
    ],
)
def test_maps_are_found_by_their_type(setting: str, paths: tuple[str, ...]) -> None:
    shell = ScriptedShell({"postconf -n": setting, "postconf -P": 1, "postconf -h config_directory": "/etc/postfix\n"})
    assert maps.named(shell) == paths


def test_maps_of_master_cf_count_too_and_are_compared_by_content() -> None:
    listed = "smtp/inet/virtual_alias_maps = hash:/etc/a"
    shell = ScriptedShell(
        {"postconf -n": "", "postconf -P": listed, "postconf -h config_directory": "/etc"}, {"/etc/a": "x"}
    )
    there = maps.digests(shell, maps.named(shell))
    assert list(there) == ["/etc/a"]
    paths = ("/a", "/b", "/c", "/d")
    differing = maps.differing(paths, {"/a": "1", "/b": "1", "/c": "1"}, {"/a": "1", "/b": "2", "/d": "1"})
    assert list(differing) == ["/b", "/c is missing", "/d is new"]


def test_listeners_are_those_that_others_reach() -> None:
    said = (
        "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*\nLISTEN 0 100 [::]:25 [::]:*\n"
        "LISTEN 0 100 [::1]:8005 [::]:*\nLISTEN 0 100 *:8443 *:*\nLISTEN 0 5 10.0.0.1%eth0:٣ 0.0.0.0:*\nno line\n"
    )
    assert listeners.ports(ScriptedShell({"ss -Hltn": said})) == {22, 25, 8443}
    assert listeners.differing(frozenset({22, 161}), frozenset({22, 111})) == (
        "only in the old one: 161; only in the new one: 111"
    )
    assert listeners.differing(frozenset({22}), frozenset({22})) == ""


def test_keys_of_people_are_compared_without_options_and_comments() -> None:
    passwd = (
        "root:x:0:0:root:/root:/bin/bash\nsa:x:1000:1000::/home/sa:/bin/sh\npostgres:x:106:112::/var/lib/x:/bin/bash\n"
        "nobody:x:65534:65534::/nonexistent:/bin/sh\nweb:x:1001:1001::/home/web:/usr/sbin/nologin\nodd:x:x:1::/h:/bin/sh\n"
    )
    assert authorized.homes(passwd) == {"root": "/root", "sa": "/home/sa"}
    asked = shlex.join(authorized.question("root", "/root"))
    shell = ScriptedShell({asked: f'command="ls # all",no-pty {KEY} one\n# {OTHER} two\n', "cat /h/.ssh/x": 1})
    assert authorized.keys(shell, {"root": "/root"}) == {"root": frozenset({KEY})}
    old, new = {"root": frozenset({KEY}), "sa": frozenset({OTHER})}, {"root": frozenset({KEY, OTHER})}
    assert list(authorized.differing(old, new)) == ["root: 1 key only in the new one", "sa: 1 key missing"]


@pytest.mark.parametrize(
    ("said", "unread"),
    [
        (Result(124, "", ""), "cannot be read in 10 s: is it a file?"),
        (Result(137, f"{KEY} x\n", "Killed"), "cannot be read in 10 s: is it a file?"),
        (Result(0, f"{KEY} x\n" + "#" * (1 << 18), ""), "has 256 KiB or more"),
        (Result(127, "", "sh: timeout: not found"), "was not read (status 127): sh: timeout: not found"),
        (Result(126, "", "timeout: not run"), "was not read (status 126): timeout: not run"),
        (Result(1, "", "runuser: no such user"), "was not read (status 1): runuser: no such user"),
        (Result(1, "", "head: error reading 'x': Input/output error"), "error reading 'x': Input/output error"),
        (Result(0, f"{KEY} x\n", ""), ""),
        (Result(1, "", "head: cannot open 'x' for reading: No such file or directory"), ""),
        (Result(1, "", "/usr/bin/head: cannot open 'x' for reading: Permission denied"), ""),
        (Result(1, "", "head: error reading 'x': Is a directory"), ""),
    ],
)
def test_what_was_not_read_passes_as_nothing(said: Result, unread: str) -> None:
    """Neither side's keys are known by it, also where the other has none; what else differs is shown beside it."""
    assert unread in authorized.unread(said)
    passwd = "root:x:0:0:root:/root:/bin/bash\nsa:x:1000:1000::/home/sa:/bin/sh\n"
    none = Result(1, "", "head: cannot open 'x' for reading: No such file or directory")
    of_root, of_sa = (shlex.join(authorized.question(*each)) for each in (("root", "/root"), ("sa", "/home/sa")))
    there = {"cat /etc/passwd": passwd, of_sa: none}
    old = LookingShell(ScriptedShell({**there, of_root: f"{KEY} x\n"}))
    new = LookingShell(ScriptedShell({**there, of_root: none, of_sa: said}))
    for sides, which in (((old, new), "new"), ((new, old), "old")):
        check = differences._keys(*sides)
        assert not check.passed
        assert (check.verdict is Verdict.UNKNOWN) == bool(unread)
        assert (f"sa: in the {which} one authorized_keys" in check.seen) == bool(unread)
        assert "root: 1 key " in check.seen


class _Lines(ScriptedShell):
    """What each command was, as it came."""

    def run(self, argv: Sequence[str], **how: Any) -> Result:
        self.came = [*getattr(self, "came", []), tuple(argv)]
        return super().run(argv, **how)


def test_what_an_account_runs_is_in_no_command_with_another_question() -> None:
    """It could read there, and print, the mark that separates the answers."""
    passwd = "root:x:0:0:root:/root:/bin/bash\nsa:x:1000:1000::/home/sa:/bin/sh\n"
    answers = {"cat /etc/passwd": passwd, "cat /etc/shadow": "", "cat /etc/group": ""}
    answers |= {shlex.join(each): "" for each in maps.QUESTIONS}
    there = _Lines(answers)
    old, new = LookingShell(there), LookingShell(ScriptedShell(answers))
    differences._ask_ahead(old, new)
    differences._keys(old, new)
    people = accounts.of_people(passwd)
    accounts.read(LookingShell(there), people)
    assert there.came.count(authorized.question("sa", "/home/sa")) == 2
    assert [line for line in there.came if line[0] == "sh" and "runuser -u sa" in line[2]] == []


def test_what_smtp_offers_less_and_takes_otherwise() -> None:
    old = Offered(25, {"size": "100", "dsn": ""}, {"auth": "PLAIN"}, {"own": 250, "strange": 554, "late": 250})
    new = Offered(25, {"size": "50", "chunking": ""}, {}, {"own": 550, "strange": 250, "late": 450})
    assert list(offers.missing(old, new)) == [
        "no DSN at port 25",
        "SIZE 50 at port 25, the old one 100",
        "no AUTH after STARTTLS at port 25",
    ]
    assert list(offers.otherwise(old, new)) == [
        "it refuses own at port 25, the old one takes it",
        "it takes strange at port 25, the old one refuses it",
    ]
    assert list(offers.put_off(new, old)) == ["late at port 25 (450)"]
    assert not [*offers.missing(new, new), *offers.otherwise(new, new), *offers.put_off(new, new)]


@pytest.mark.parametrize(
    ("before", "now", "less"),
    [("0", "100", True), ("", "100", True), ("100", "0", False), ("100", "", False), ("100", "x", False)],
)
def test_a_size_of_nothing_is_any_size(before: str, now: str, *, less: bool) -> None:
    assert bool(list(offers.missing(Offered(25, {"size": before}), Offered(25, {"size": now})))) is less
