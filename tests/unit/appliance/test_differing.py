"""What two gateways do not share: maps, keys that may log in, ports at which they listen, what SMTP offers."""

import shlex

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance import authorized, listeners, maps, offers
from vmmigrate.offered import Offered

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
