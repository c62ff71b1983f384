"""The guest's firewall: the rules word for word, loaded once, lifted without trace, in both dialects."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from scripted_shell import Answer, ScriptedShell

from vmmigrate.appliance.net import iptables, nft
from vmmigrate.appliance.net.firewall import (
    close_console,
    close_intake,
    console_closed,
    intake_closed,
    intake_rules,
    is_isolated,
    is_isolated_at_boot,
    isolate,
    isolation_rules,
    lay_intake,
    let_the_world_in,
    open_console,
    open_intake,
    remove_isolation,
    unit_text,
)
from vmmigrate.appliance.net.rules import Addresses
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, CommandFailed, UsageProblem
from vmmigrate.findings import Verdict
from vmmigrate.learnt import Facts
from vmmigrate.run.stage import Run
from vmmigrate.steps import isolate as steps_isolate

OURS = ("198.51.100.1",)


def nft_guest() -> ScriptedShell:
    """Remembers which tables are loaded."""
    loaded: set[str] = set()

    def listing(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        return Result(0 if argv[-1] in loaded else 1, "", "No such file or directory")

    def load(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        loaded.add(shell.files[argv[-1]].decode().split()[2])
        return Result(0, "", "")

    def delete(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        known = argv[-1] in loaded
        loaded.discard(argv[-1])
        return Result(0 if known else 1, "", "")

    answers: dict[str, Answer] = {"which nft": "/usr/sbin/nft\n", "systemctl daemon-reload": ""}
    for table in ("isolation", "intake", "console"):
        answers |= {
            f"nft list table inet vmmigrate_{table}": listing,
            f"nft delete table inet vmmigrate_{table}": delete,
        }
    answers |= {"nft -f /etc/vmmigrate/isolation.nft": load, "nft -f /run/vmmigrate/intake.nft": load}
    answers["nft -f /run/vmmigrate/console.nft"] = load
    answers |= {"systemctl enable --now vmmigrate-isolation.service": "", "sync": ""}
    answers |= {"systemctl stop vmmigrate-isolation.service": ""}
    return ScriptedShell(answers)


MEMBERSHIP = "mld-listener-report, mld-listener-done, mld2-listener-report"


def test_isolation_speaks_to_the_allowed_alone() -> None:
    assert (
        isolation_rules(("198.51.100.1", "::ffff:192.0.2.1", "2001:db8::1"), (22, 25))
        == """\
table inet vmmigrate_isolation
delete table inet vmmigrate_isolation
table inet vmmigrate_isolation {
  chain input {
    type filter hook input priority -10; policy drop;
    iifname "lo" accept
    ip saddr { 192.0.2.1, 198.51.100.1 } tcp dport { 22, 25 } accept
    ip6 saddr { 2001:db8::1 } tcp dport { 22, 25 } accept
    ip saddr { 192.0.2.1, 198.51.100.1 } ct state established,related accept
    ip6 saddr { 2001:db8::1 } ct state established,related accept
    ip saddr { 192.0.2.1, 198.51.100.1 } meta l4proto { icmp, ipv6-icmp } accept
    ip6 saddr { 2001:db8::1 } meta l4proto { icmp, ipv6-icmp } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query } accept
    udp dport 546 accept
    udp sport 67 udp dport 68 accept
  }
  chain forward {
    type filter hook forward priority -10; policy drop;
  }
  chain output {
    type filter hook output priority -10; policy drop;
    oifname "lo" accept
    ip daddr { 192.0.2.1, 198.51.100.1 } accept
    ip6 daddr { 2001:db8::1 } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, MEMBERSHIP } accept
    udp sport 546 udp dport 547 accept
    udp sport 68 udp dport 67 accept
    reject with icmpx type admin-prohibited
  }
}
""".replace("MEMBERSHIP", MEMBERSHIP)
    )


def test_a_closed_intake_resets_what_opens_a_connection() -> None:
    assert (
        intake_rules(OURS)
        == """\
table inet vmmigrate_intake
delete table inet vmmigrate_intake
table inet vmmigrate_intake {
  chain input {
    type filter hook input priority -10; policy accept;
    ip saddr { 198.51.100.1 } tcp dport { 25, 465, 587 } accept
    tcp flags & (fin | syn | rst | ack) != syn accept
    tcp dport { 25, 465, 587 } ct state new reject with tcp reset
  }
}
"""
    )
    assert "saddr" not in intake_rules()


def test_a_name_is_no_address() -> None:
    with pytest.raises(UsageProblem):
        isolation_rules(("workstation.example.test",))


def test_isolating_twice_loads_once_and_survives_a_boot() -> None:
    shell = nft_guest()
    isolate(shell, OURS)
    isolate(shell, OURS)
    assert is_isolated(shell)
    assert shell.ran.count("nft -f /etc/vmmigrate/isolation.nft") == 1
    assert shell.ran.count("systemctl enable --now vmmigrate-isolation.service") == 2
    unit = shell.files["/etc/systemd/system/vmmigrate-isolation.service"].decode()
    assert unit == unit_text(("/usr/sbin/nft -f /etc/vmmigrate/isolation.nft",))
    assert "Before=network-pre.target" in unit


def test_another_allowed_address_is_loaded_anew() -> None:
    shell = nft_guest()
    isolate(shell, OURS)
    isolate(shell, ("198.51.100.2",))
    assert shell.ran.count("nft -f /etc/vmmigrate/isolation.nft") == 2


def test_rules_that_were_flushed_are_loaded_again() -> None:
    shell = nft_guest()
    isolate(shell, OURS)
    shell.run(("nft", "delete", "table", "inet", "vmmigrate_isolation"))
    isolate(shell, OURS)
    assert is_isolated(shell)


def test_lifting_leaves_nothing_and_bears_absence() -> None:
    shell = nft_guest()
    isolate(shell, OURS)
    for _time in range(2):
        remove_isolation(shell)
        assert not is_isolated(shell)
        assert shell.files == {}


def test_the_world_is_let_in_for_good_by_one_command() -> None:
    """Nobody is live meanwhile. What a boot would load goes first."""
    shell = nft_guest()
    isolate(shell, OURS)
    shell.files["/etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"] = b"a link"
    assert (is_isolated(shell), is_isolated_at_boot(shell)) == (True, True)
    shell.ran.clear()
    for _time in range(2):
        let_the_world_in(shell)
        assert (is_isolated(shell), is_isolated_at_boot(shell)) == (False, False)
        assert shell.files == {}
    assert [line.split()[0] for line in shell.ran[:3]] == ["rm", "nft", "nft"]
    assert not any("systemctl" in line for line in shell.ran)


def test_a_table_that_cannot_be_deleted_is_no_open_door() -> None:
    shell = nft_guest()
    isolate(shell, OURS)
    shell.answers["nft delete table inet vmmigrate_isolation"] = 1
    with pytest.raises(CommandFailed):
        let_the_world_in(shell)


def test_the_intake_closes_opens_and_leaves_no_file() -> None:
    shell = nft_guest()
    open_intake(shell)
    for allowed in ((), OURS):
        close_intake(shell, lay_intake(shell, allowed))
    assert intake_closed(shell)
    open_intake(shell)
    assert not intake_closed(shell)
    assert shell.files == {}


def test_what_was_seen_behind_rules_that_were_refused_counts_no_more() -> None:
    """nft failed once: what was asked after it was asked of an open intake, and is asked anew once it is closed."""
    guest, asked, busy = nft_guest(), ("ss", "-Htn"), iter(("many\n", "none\n"))
    laid, first = lay_intake(guest, OURS), iter((True,))
    load = guest.answers["nft -f /run/vmmigrate/intake.nft"]

    def fails_once(shell: ScriptedShell, argv: tuple[str, ...]) -> Result:
        return Result(1, "", "busy") if next(first, False) else cast("Any", load)(shell, argv)

    guest.answers |= {
        "nft -f /run/vmmigrate/intake.nft": fails_once,
        "ss -Htn": lambda *_: Result(0, next(busy), ""),
    }
    seen = close_intake(guest, laid, asks=(asked,))
    assert intake_closed(guest)
    assert seen.run(asked, user="root").stdout == "none\n"


def test_a_closed_console_resets_all_others_and_their_sessions() -> None:
    """A session that is under way could save a setting after the last comparison."""
    assert (
        nft.console(Addresses.of(OURS), (443, 8443))
        == """\
table inet vmmigrate_console
delete table inet vmmigrate_console
table inet vmmigrate_console {
  chain input {
    type filter hook input priority -10; policy accept;
    iifname "lo" accept
    ip saddr { 198.51.100.1 } tcp dport { 443, 8443 } accept
    tcp dport { 443, 8443 } reject with tcp reset
  }
}
"""
    )
    assert (
        iptables.console(OURS, (443, 8443))
        == """\
*filter
:vmmigrate_console_input - [0:0]
-A vmmigrate_console_input -i lo -j RETURN
-A vmmigrate_console_input -s 198.51.100.1 -p tcp -m multiport --dports 443,8443 -j RETURN
-A vmmigrate_console_input -p tcp -m multiport --dports 443,8443 -j REJECT --reject-with tcp-reset
COMMIT
"""
    )


def test_the_console_closes_opens_and_leaves_no_file() -> None:
    for shell in (nft_guest(), IptablesGuest()):
        open_console(shell)
        for _time in range(2):
            close_console(shell, OURS, (443, 8443))
            assert console_closed(shell)
        assert not intake_closed(shell)
        for _time in range(2):
            open_console(shell)
            assert not console_closed(shell)
        assert shell.files == {}


def test_a_guest_with_neither_program_is_refused() -> None:
    with pytest.raises(ApplianceError, match="neither nft nor iptables"):
        isolate(ScriptedShell(), OURS)


class IptablesGuest(ScriptedShell):
    """Remembers the jumps."""

    def __init__(self) -> None:
        super().__init__({"which iptables": "/usr/sbin/iptables\n", "sync": ""})
        self.jumps: set[tuple[str, ...]] = set()

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        jump = (argv[0], argv[2], argv[-1]) if len(argv) > 2 else ()
        match argv:
            case (("iptables" | "ip6tables"), "-C", *_):
                return Result(0 if jump in self.jumps else 1, "", "")
            case (("iptables" | "ip6tables"), "-I", *_):
                assert jump not in self.jumps
                self.jumps.add(jump)
            case (("iptables" | "ip6tables"), "-D", *_):
                self.jumps.remove(jump)
            case (("iptables-restore" | "ip6tables-restore"), "-n", path):
                assert self.files[path].endswith(b"COMMIT\n")
            case (("iptables" | "ip6tables" | "systemctl"), *_):
                pass
            case _:
                return super()._answer(line, argv)
        return Result(0, "", "")


def test_iptables_jumps_once_and_not_at_all_after_lifting() -> None:
    shell = IptablesGuest()
    isolate(shell, OURS)
    isolate(shell, ("198.51.100.2",))
    assert is_isolated(shell)
    assert len(shell.jumps) == 6
    let_the_world_in(shell)
    assert not is_isolated(shell)
    isolate(shell, OURS)
    remove_isolation(shell)
    assert not is_isolated(shell)
    close_intake(shell, lay_intake(shell))
    assert intake_closed(shell)
    open_intake(shell)
    assert shell.jumps == set()


def test_no_rule_of_iptables_names_more_ports_than_multiport_takes() -> None:
    many = tuple(range(2000, 2040))
    for rules in (iptables.isolation(OURS, many, v6=False), iptables.intake(OURS, many)):
        listed = [
            line.partition("--dports ")[2].split()[0].split(",") for line in rules.splitlines() if "dports" in line
        ]
        assert {int(port) for ports in listed for port in ports} == set(many)
        assert max(map(len, listed)) <= 15


def test_iptables_rules() -> None:
    assert (
        iptables.intake(OURS)
        == """\
*filter
:vmmigrate_intake_input - [0:0]
-A vmmigrate_intake_input -s 198.51.100.1 -p tcp -m multiport --dports 25,465,587 -j RETURN
-A vmmigrate_intake_input -p tcp -m multiport --dports 25,465,587 --syn -j REJECT --reject-with tcp-reset
COMMIT
"""
    )
    assert (
        iptables.isolation(OURS, (22,), v6=False)
        == """\
*filter
:vmmigrate_isolation_input - [0:0]
:vmmigrate_isolation_forward - [0:0]
:vmmigrate_isolation_output - [0:0]
-A vmmigrate_isolation_input -i lo -j ACCEPT
-A vmmigrate_isolation_input -s 198.51.100.1 -p tcp -m multiport --dports 22 -j ACCEPT
-A vmmigrate_isolation_input -s 198.51.100.1 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A vmmigrate_isolation_input -s 198.51.100.1 -p icmp -j ACCEPT
-A vmmigrate_isolation_input -p udp --sport 67 --dport 68 -j ACCEPT
-A vmmigrate_isolation_input -j DROP
-A vmmigrate_isolation_forward -j DROP
-A vmmigrate_isolation_output -o lo -j ACCEPT
-A vmmigrate_isolation_output -d 198.51.100.1 -j ACCEPT
-A vmmigrate_isolation_output -p udp --sport 68 --dport 67 -j ACCEPT
-A vmmigrate_isolation_output -j REJECT --reject-with icmp-admin-prohibited
COMMIT
"""
    )


# ---- the look at an isolated guest -------------------------------------------------------------------------------


def looked_at(shell: ScriptedShell) -> list[Verdict]:
    run = cast(Run, SimpleNamespace(facts=Facts(), new_shell=shell))
    return [check.verdict for check in steps_isolate.holds(run)]


def test_a_guest_counts_as_isolated_where_it_is_so_now_and_after_a_boot() -> None:
    link = "/etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"
    shell = nft_guest()
    isolate(shell, OURS)
    shell.files[link] = b"a link"
    assert looked_at(shell) == [Verdict.PASS]
    del shell.files[link]
    assert looked_at(shell) == [Verdict.FAIL]
    shell.files[link] = b"a link"
    shell.run(("nft", "delete", "table", "inet", "vmmigrate_isolation"))
    assert looked_at(shell) == [Verdict.FAIL]


def test_a_busy_guest_may_take_minutes_to_remove_the_rest_of_it() -> None:
    """Mail flows by then: giving up leaves a run to be resumed for nothing."""

    class Slow(ScriptedShell):
        def run(self, argv, *, user=None, check=True, timeout=60.0):  # type: ignore[no-untyped-def]
            if timeout < 200 and "daemon-reload" in " ".join(argv):
                raise CommandFailed("did not finish 'sh' in time", hint="")
            return super().run(argv, user=user, check=check, timeout=timeout)

    guest = nft_guest()
    slow = Slow(guest.answers, guest.files)
    remove_isolation(slow)
    assert any("daemon-reload" in line for line in slow.ran)
