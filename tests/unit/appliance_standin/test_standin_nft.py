"""The stand-in's nftables: what a rule file means for a connection."""

import pytest

from fixtures.appliance.nft import NftError, Packet, Ruleset

INTAKE = """
table inet vmmigrate_intake
delete table inet vmmigrate_intake
table inet vmmigrate_intake {
  chain input {
    type filter hook input priority -10; policy accept;
    ip saddr { 192.0.2.1, 192.0.2.2 } tcp dport { 25, 465, 587 } accept
    tcp flags & (fin | syn | rst | ack) != syn accept
    tcp dport { 25, 465, 587 } ct state new reject with tcp reset  # as the contract has it
  }
}
"""
ISOLATION = """
define workstation = { 198.51.100.1 }
table inet isolation {
  chain input {
    type filter hook input priority -10; policy drop;
    iifname "lo" accept
    ip saddr $workstation tcp dport { 22, 25, 8443 } counter accept
    ip saddr $workstation ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp sport 67 udp dport 68 accept
  }
  chain output {
    type filter hook output priority -10; policy drop;
    oifname "lo" accept
    ip daddr $workstation accept
    reject with icmpx type admin-prohibited
  }
}
"""


def incoming(source: str, port: int) -> Packet:
    return Packet("input", "eth0", source, "192.0.2.10", port)


def loaded(text: str) -> Ruleset:
    rules = Ruleset()
    rules.load(text)
    return rules


def test_no_rules_let_everybody_in() -> None:
    assert Ruleset().accepts(incoming("203.0.113.5", 25))


@pytest.mark.parametrize(
    ("source", "port", "accepted"),
    [
        ("203.0.113.5", 25, False),
        ("203.0.113.5", 587, False),
        ("203.0.113.5", 8443, True),
        ("192.0.2.2", 25, True),
    ],
)
def test_a_closed_intake_resets_mail_from_all_but_the_listed(source: str, port: int, accepted: bool) -> None:
    assert loaded(INTAKE).accepts(incoming(source, port)) is accepted


@pytest.mark.parametrize(
    ("packet", "accepted"),
    [
        (incoming("198.51.100.1", 22), True),
        (incoming("198.51.100.1", 443), False),
        (incoming("198.51.100.7", 22), False),
        (Packet("input", "lo", "198.51.100.7", "127.0.0.1", 5432), True),
        (Packet("output", "eth0", "192.0.2.10", "203.0.113.25", 25), False),
        (Packet("output", "eth1", "198.51.100.100", "198.51.100.1", 25), True),
    ],
)
def test_an_isolated_guest_speaks_to_the_workstation_alone(packet: Packet, accepted: bool) -> None:
    assert loaded(ISOLATION).accepts(packet) is accepted


def test_all_tables_must_accept() -> None:
    rules = loaded(ISOLATION)
    rules.load(INTAKE)
    assert not rules.accepts(incoming("198.51.100.1", 25))
    assert rules.accepts(incoming("198.51.100.1", 22))


def test_loading_twice_replaces_where_the_file_deletes_first() -> None:
    rules = loaded(INTAKE)
    rules.load(INTAKE.replace("192.0.2.1, 192.0.2.2", "192.0.2.9"))
    assert not rules.accepts(incoming("192.0.2.1", 25))
    assert rules.accepts(incoming("192.0.2.9", 25))


def test_a_file_with_an_error_changes_nothing() -> None:
    rules = loaded(INTAKE)
    with pytest.raises(NftError, match="No such file or directory"):
        rules.load("delete table inet vmmigrate_intake\ndelete table inet other\n")
    with pytest.raises(NftError, match="syntax error, unexpected destroy"):  # nft 1.0.6 has no destroy
        rules.load("destroy table inet vmmigrate_intake\n")
    assert not rules.accepts(incoming("203.0.113.5", 25))


def test_flush_ruleset_opens_all() -> None:
    rules = loaded(INTAKE)
    rules.load("flush ruleset")
    assert rules.tables == {}
