"""Findings and checks are collected: one thing wrong does not hide the next, and what is unknown has not passed."""

from collections.abc import Iterator

import pytest

from hypervisors import Cancelled, Problem, Secret
from vmmigrate.errors import ChecksFailed, PlanRefused
from vmmigrate.findings import Check, Checks, Finding, Findings, Severity, Verdict

GOOD = Check("a", "the colour", "blue", "blue", Verdict.PASS)
BAD = Check("a", "the size", "5 rows", "3 rows", Verdict.FAIL)


def lost() -> Iterator[Check]:
    """Answers once, then no longer."""
    yield GOOD
    raise Problem("the line is dead", hint="plug it in")


# ---- findings ------------------------------------------------------------------------------------------------


def test_a_question_that_cannot_be_answered_is_an_error_and_the_next_is_asked() -> None:
    found = Findings()
    assert found.ask("line", lambda: [*lost()]) is None
    assert found.ask("number", lambda: 7) == 7
    assert found.all == [Finding("line", Severity.ERROR, "the line is dead", "plug it in")]


def test_a_bug_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        Findings().ask("bug", lambda: 1 / 0)


def test_errors_refuse_and_nothing_else_does() -> None:
    found = Findings()
    found.warn("a", "it is old", "renew it")
    found.note("b", "it is blue")
    found.refuse_if_blocked()
    found.error("c", "it is broken", "fix it")
    with pytest.raises(PlanRefused, match=r"^c: it is broken$") as refused:
        found.refuse_if_blocked()
    assert refused.value.hint == "fix it"


def test_several_errors_are_listed_each_with_its_remedy() -> None:
    found = Findings()
    found.error("c", "it is broken", "fix it")
    found.error("d", "it is gone", "find it")
    with pytest.raises(PlanRefused) as refused:
        found.refuse_if_blocked()
    assert str(refused.value) == (
        "2 problems block this:\n  c: it is broken\n    → fix it\n  d: it is gone\n    → find it"
    )
    assert refused.value.hint == "nothing was changed; fix these, then run it again"


# ---- checks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (GOOD, "the colour: blue"),
        (Check("a", "host key, by the operator", "SHA256:x", "", Verdict.PASS), "host key, by the operator"),
        (BAD, "the size: expected 5 rows; seen: 3 rows"),
        (Check("a", "the size", "5 rows", "nobody answers", Verdict.UNKNOWN), "the size: not known: nobody answers"),
    ],
)
def test_a_check_in_words(check: Check, words: str) -> None:
    assert str(check) == words


def test_what_was_seen_before_the_line_was_lost_counts_and_the_rest_is_unknown() -> None:
    checks = Checks()
    checks.compare("a", "all of it", "paint it", lost)
    assert checks.all == [GOOD, Check("a", "all of it", "an answer", "the line is dead", Verdict.UNKNOWN, "plug it in")]
    assert checks.failed == (checks.all[1],)
    with pytest.raises(ChecksFailed, match=r"^all of it: not known: the line is dead$") as refused:
        checks.refuse_if_failed()
    assert refused.value.hint == "plug it in"


def test_all_that_did_not_pass_is_listed_with_what_to_do() -> None:
    checks = Checks()
    checks.compare("a", "sizes", "count again", lambda: [GOOD, BAD])
    assert checks.ask("b", "the line", lambda: [*lost()]) is None
    assert checks.ask("c", "the number", lambda: 7) == 7
    with pytest.raises(ChecksFailed) as refused:
        checks.refuse_if_failed()
    assert str(refused.value) == (
        "2 checks did not pass:\n"
        "  the size: expected 5 rows; seen: 3 rows\n    → count again\n"
        "  the line: not known: the line is dead\n    → plug it in"
    )
    assert refused.value.hint == "fix these, then run it again"


def test_where_all_passed_nothing_is_refused() -> None:
    checks = Checks()
    checks.compare("a", "sizes", "count again", lambda: [GOOD])
    checks.refuse_if_failed()
    assert checks.all == [GOOD]


def test_an_interruption_is_no_verdict() -> None:
    def interrupted() -> Iterator[Check]:
        raise Cancelled("stopped by the operator", hint="resume it")

    with pytest.raises(Cancelled):
        Checks().compare("a", "sizes", "count again", interrupted)


def test_what_could_not_be_asked_leaves_the_hint_of_what_failed_before() -> None:
    """Both have one id."""

    def half() -> Iterator[Check]:
        yield BAD
        yield from lost()

    checks = Checks()
    checks.compare("a", "the rest", "count again", half)
    assert [check.hint for check in checks.failed] == ["count again", "plug it in"]
    assert checks.all[1].hint == ""  # it passed
    with pytest.raises(ChecksFailed, match=r"3 rows\n    → count again\n.*the line is dead\n    → plug it in$"):
        checks.refuse_if_failed()


# ---- whose words they are ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
def test_no_check_holds_a_secret_or_what_steers_a_terminal(verdict: Verdict) -> None:
    said = f"no \x1b[2J{Secret('hunter2-and-more').reveal()}"
    assert Check("a", said, said, said, verdict, said) == Check("a", *["no  [2J…"] * 3, verdict, "no  [2J…")


def test_no_finding_holds_a_secret_or_what_steers_a_terminal() -> None:
    said = f"no \x1b[2J{Secret('hunter2-and-more').reveal()}"
    assert Finding("a", Severity.INFO, said, said) == Finding("a", Severity.INFO, "no  [2J…", "no  [2J…")


def test_a_secret_in_a_problems_words_stays_out_of_the_check() -> None:
    secret = Secret("hunter2-and-more")

    def leak() -> None:
        raise Problem(f"refused {secret.reveal()}", hint=f"not {secret.reveal()}")

    checks = Checks()
    checks.ask("a", "log-in", leak)
    assert (checks.all[0].seen, checks.all[0].hint) == ("refused …", "not …")
