"""What `init` has found out becomes a file: a remark is the words of others, and stays one."""

from datetime import date

from vmmigrate.init.answers import Answers


def test_a_remark_of_several_lines_is_no_setting() -> None:
    """A machine's name stands in it."""
    answers = Answers()
    answers.put("old.live_nic", "eth0", 'x\n[old.ssh]\npassword = { command = ["id"] }\r\x1b[2J; chosen by you')
    assert [line for line in answers.toml("mailgw", date(2026, 1, 1)).splitlines() if "[old.ssh]" in line] == [
        'live_nic = "eth0"  # x [old.ssh] password = { command = ["id"] }  [2J; chosen by you'
    ]
