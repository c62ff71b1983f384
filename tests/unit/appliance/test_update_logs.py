"""The limits of a host's log: as they are set, and our drop-ins for them."""

import shlex

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.errors import UsageProblem
from vmmigrate.updating.logs import RSYSLOG_NOW, Limits, lay, limits_of, now

MODULE = '/etc/rsyslog.conf:module(load="imjournal" StateFile="imjournal.state" Ratelimit.Burst="20000")\n'


@pytest.mark.parametrize("text", ["30,10000", "30s,10000", " 30,10000 "])
def test_limits_are_read(text: str) -> None:
    assert limits_of(text) == Limits(30, 10000)


@pytest.mark.parametrize("text", ["", "30", "30;5", "-1,5", "30,5,6", "1h,5", "٣,5", "30,5\n[Journal]"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="not an interval in seconds"):
        limits_of(text)


def test_the_limits_in_words() -> None:
    assert now("", "") == "as systemd and rsyslog come"
    assert now("RateLimitBurst =  50\n", MODULE) == (
        'RateLimitBurst = 50; imjournal" StateFile="imjournal.state" Ratelimit.Burst="20000"'
    )


@pytest.mark.parametrize(
    ("rsyslog", "ours", "left"),
    [
        ("", ["journald.conf.d"], ""),
        (MODULE, ["journald.conf.d"], "rsyslog's own limit stays"),
        ("$ModLoad imjournal\n", ["journald.conf.d", "rsyslog.d"], ""),
    ],
)
def test_drop_ins_only_where_they_are_read(rsyslog: str, ours: list[str], left: str) -> None:
    """rsyslog does not start with a parameter of a module that is not loaded."""
    shell = ScriptedShell({shlex.join(RSYSLOG_NOW): rsyslog, "systemctl restart systemd-journald": ""})
    said = lay(shell, Limits(30, 10000))
    assert said.startswith(left)
    assert bool(said) == bool(left)
    assert [path.split("/")[-2] for path in shell.files] == ours
