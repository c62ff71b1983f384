"""The page of privileges is what the tables in the code say."""

import runpy
from pathlib import Path

from vmmigrate.appliance.privileges import PHASES, PRIVILEGES, READING, rules
from vmmigrate.appliance.ssh.sudoers import command

ROOT = Path(__file__).parents[3]


def test_the_page_is_made_of_the_tables() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "privileges.py"))["page"]()
    assert (ROOT / "docs" / "privileges.md").read_text() == made, "run `make docs`"


def test_no_listed_command_is_a_shell_or_an_editor_of_the_system() -> None:
    """Any of these words would make the rest of the list a decoration."""
    programs = {each.argv[0] for each in PRIVILEGES if each.user == "root"}
    assert programs.isdisjoint(
        {"sh", "bash", "env", "tee", "cp", "mv", "install", "chown", "chmod", "find", "su", "tar"}
    )
    assert not [each.argv for each in PRIVILEGES if each.argv[-1] == "*" and each.user == "root"]
    writes = [each.argv for each in PRIVILEGES if each.argv[0] in ("dd", "mkdir", "rm")]
    assert writes
    assert all("/run/vmmigrate" in argv[-1] or "/run/vmmigrate/" in argv[1] for argv in writes)


def test_what_only_reads_changes_nothing() -> None:
    readers = {
        "true",
        "postconf",
        "postqueue",
        "psql",
        "base64",
        "cat",
        "stat",
        "readlink",
        "sha256sum",
        "ss",
        "timeout",
    }
    reading = [each for each in PRIVILEGES if each.phase == READING]
    assert {each.argv[0] for each in reading} == readers
    for argv in (each.argv for each in reading if each.argv[0] == "timeout"):
        assert (argv[1], argv[4:6], argv[7]) == ("-k", ("/sbin/runuser", "-u"), "--")
        assert argv[8:12] == ("/usr/bin/env", "LC_ALL=C", "/usr/bin/head", "-c")
        assert len(argv) == 14
    assert {each.argv[1] for each in reading if each.argv[0] in ("postconf", "postqueue")} == {
        "-n",
        "-M",
        "-P",
        "-j",
        "-h",
    }


def test_a_rule_is_written_once_and_its_words_are_escaped() -> None:
    lines = rules("sa", *PHASES).splitlines()
    assert len(lines) == len(set(lines))
    assert command(("psql", "a=b", "c d", "*x", "*")) == r"/usr/bin/psql a\=b c\ d \*x *"
    assert command(("true",)) == '/usr/bin/true ""'
