"""Several looks in one command, run by a real sh: each answer by itself, exact, whatever it holds."""

import base64
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from scripted_shell import ScriptedShell

from fixtures.appliance import sh
from vmmigrate.appliance import mail
from vmmigrate.appliance.asking import ask_all, in_order
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net import nft
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.errors import ApplianceError, CommandFailed


class Local(ScriptedShell):
    """This machine's own sh."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[float] = []

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        self.ran.append(argv[0])
        self.timeouts.append(timeout)
        done = subprocess.run(list(argv), input="not for them\n", capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)


def test_each_answer_is_by_itself_with_its_status_and_its_words() -> None:
    shell = Local()
    answers = ask_all(
        shell,
        [
            ("printf", "%s", "no newline, a 'quote' and $HOME"),
            ("ls", "/nowhere at all"),
            ("no-such-program",),
            ("cat",),
            ("sh", "-c", "echo 0123 0; echo >&2 words; exit 7"),
        ],
    )
    assert [answer.status for answer in answers] == [0, 2, 127, 0, 7]
    assert [answer.stdout for answer in answers] == ["no newline, a 'quote' and $HOME", "", "", "", "0123 0\n"]
    assert "/nowhere at all" in answers[1].stderr
    assert answers[4].stderr == "words\n"
    assert shell.ran == ["sh"]


def test_answers_that_break_off_are_no_answers() -> None:
    with pytest.raises(ApplianceError, match="answered 1 of 3 questions"):
        ask_all(Local(), [("true",), ("sh", "-c", "kill -9 $PPID"), ("true",)])


QUESTIONS = [("echo", "a"), ("ls", "/nowhere at all"), ("echo", "b")]


class Cut(Local):
    """Loses the end of what the command printed: `stdout` and `stderr` are the lines that arrive."""

    def __init__(self, stdout: int = 99, stderr: int = 99, ending: str = "\n") -> None:
        super().__init__()
        self.kept, self.ending = (stdout, stderr), ending

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        said = super().run(argv, user=user, check=check, timeout=timeout)
        streams = zip((said.stdout, said.stderr), self.kept, strict=True)
        return Result(
            0, *("".join(f"{line}{self.ending}" for line in text.splitlines()[:kept]) for text, kept in streams)
        )


@pytest.mark.parametrize(
    ("shell", "answered"),
    [(Cut(), 3), (Cut(stdout=3), 2), (Cut(stderr=3), 2), (Cut(stderr=0), 0), (Cut(ending="\r\n"), 0)],
)
def test_marks_that_are_missing_in_either_stream_are_no_bug(shell: Cut, answered: int) -> None:
    if answered == 3:
        assert [answer.stdout for answer in ask_all(shell, QUESTIONS)] == ["a\n", "", "b\n"]
        return
    for ask in (ask_all, lambda shell, questions: LookingShell(shell).ahead(*questions)):
        with pytest.raises(ApplianceError, match=f"answered {answered} of 3 questions") as refused:
            ask(shell, QUESTIONS)
        assert not isinstance(refused.value, CommandFailed)


class Failing(Local):
    """Runs nothing, as a sudo that refuses."""

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        return Result(1, "", "sudo: \x1b[2Jno\n")


def test_where_nothing_could_be_run_the_questions_are_named_and_no_mark() -> None:
    for ask in (ask_all, lambda shell, questions: LookingShell(shell).ahead(*questions)):
        with pytest.raises(CommandFailed) as failed:
            ask(Failing(), [*QUESTIONS, ("true",)])
        assert str(failed.value) == (
            "on guest.example.test: `echo a`, `ls '/nowhere at all'`, `echo b` and 1 more could not be run (status 1):"
            " sudo:  [2Jno"
        )


class Joined(Local):
    """An account whose start-up file says `exec 2>&1`."""

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        done = subprocess.run(list(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return Result(done.returncode, done.stdout, "")


def test_streams_that_come_as_one_are_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postqueue").write_text("#!/bin/sh\n")  # one that fails is asked again for three seconds
    (tmp_path / "postqueue").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    asks: list[Callable[[Joined], object]] = [
        lambda shell: ask_all(shell, QUESTIONS),
        lambda shell: LookingShell(shell).ahead(*QUESTIONS),
        lambda shell: nft.unload(shell, "vmmigrate"),
        lambda shell: mail.wait_until_quiet(shell, 25, timeout=1),
    ]
    for ask in asks:
        with pytest.raises(ApplianceError, match="answered 0 of") as refused:
            ask(Joined())
        assert "exec 2>&1" in refused.value.hint


def test_a_status_that_is_cut_short_is_no_answer() -> None:
    class Short(Local):
        def run(self, *words: Any, **more: Any) -> Result:
            said = super().run(*words, **more)
            return Result(0, said.stdout[:-2], said.stderr)

    with pytest.raises(ApplianceError, match="answered 0 of 1 questions"):
        ask_all(Short(), [("true",)])


def test_many_questions_may_take_longer_than_one() -> None:
    shell = Local()
    for count in (1, 2, 40):
        ask_all(shell, [("true",)] * count)
        LookingShell(shell).ahead(*(("echo", str(number)) for number in range(count)), timeout=120)
    assert shell.timeouts == [60, 120, 70, 130, 450, 510]


def test_in_order_stops_at_the_first_failure(tmp_path: Path) -> None:
    made = str(tmp_path / "made")
    assert Local().run(in_order(("true",), ("false",), ("touch", made))).status == 1
    assert not Path(made).exists()
    assert in_order(("touch", made)) == ("touch", made)


LINES = [
    "echo a; echo b",
    "false && echo no; echo $?",
    "false || echo yes && echo too",
    "true || echo no && echo yes",
    "false; echo \"status $?\"; true; echo '$?' \\$x",
    'x=1; test "$x" = 2 || x=3; test "$x" = 3 && echo "is $x"',
    "echo words >&2; echo out",
    "echo gone >/dev/null; exec </dev/null; echo end",
    "false; s=$?; true; exit $s",
    "echo 'a'\"'\"'b' \"\"\necho next",
    'test "$(echo a b)" = "a b" && echo "$(echo c)"; test "$(false)" = "" && echo empty',
]


@pytest.mark.parametrize("line", LINES)
def test_the_stand_ins_sh_is_as_a_real_one(line: str) -> None:
    def execute(words: list[str]) -> sh.Done:
        done = subprocess.run(words, capture_output=True, check=False)
        return sh.Done(done.returncode, done.stdout, done.stderr.decode().removesuffix("\n"))

    real = subprocess.run(["sh", "-c", line], capture_output=True, check=False)
    ours = sh.run(line, {}, execute)
    assert (ours.status, ours.out, ours.error) == (
        real.returncode,
        real.stdout,
        real.stderr.decode().removesuffix("\n"),
    )


@pytest.mark.parametrize("line", ["a | b", "a &", "a `b`", '"b $(a)"', "(a)", "a > b"])
def test_what_the_stand_ins_sh_does_not_know_it_says(line: str) -> None:
    with pytest.raises(sh.NotKnown):
        sh.run(line, {}, lambda words: sh.Done())


# ---- a look --------------------------------------------------------------------------------------------------


def test_a_look_asks_once_and_ahead(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(range(256)))
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "link").symlink_to("key")
    shell = Local()
    look = LookingShell(shell)
    there, gone, link = (str(tmp_path / name) for name in ("key", "gone", "link"))
    look.ahead(("echo", "said"), files=(there, gone, link), user="root")
    assert look.read_file(there) == bytes(range(256))
    assert look.run(("readlink", "-f", link), check=False).stdout.strip() == there
    assert (look.file_meta(there) or FileMeta("", "", "")).mode == "0600"
    assert look.file_meta(gone) is None
    with pytest.raises(CommandFailed, match="gone cannot be read: base64: "):
        look.read_file(gone)
    assert look.run(("echo", "said"), user="root").stdout == "said\n"
    look.ahead(("echo", "said"), files=(there,), user="root")
    assert shell.ran == ["sh"]


def test_what_an_ordinary_account_does_not_see_is_not_taken_for_absent() -> None:
    shell = ScriptedShell({"base64 /etc/shadow": 1, "stat -c '%a %U %G' /etc/shadow": 1}, {"/etc/shadow": "x"})
    look = LookingShell(shell)
    look.ahead(files=("/etc/shadow",))
    assert (look.read_file("/etc/shadow"), look.file_meta("/etc/shadow")) == (b"x", FileMeta("0644", "root", "root"))


def test_a_look_writes_nothing() -> None:
    with pytest.raises(AssertionError):
        LookingShell(ScriptedShell()).install(NewFile("/x", base64.b64decode(""), FileMeta("0600", "root", "root")))
