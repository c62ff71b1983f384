"""`vmmigrate watch`: gaps and changes in what services answer, questions that hang, and the command itself."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from hypervisors import NotYet, wait_for
from vmmigrate.alone.watch import Turn, Turns
from vmmigrate.cli import app
from vmmigrate.errors import UsageProblem
from vmmigrate.show.watch import turn_line
from vmmigrate.watch.asking import USUAL, Service, of_mail, service_of
from vmmigrate.watch.prober import Prober, _ticks
from vmmigrate.watch.samples import LISTED, Change, Gap, Sample, Seen, Tally, seen

SMTP = Service("smtp", 25)


def sample(asked: float, sign: str = "", after: float = 0.01, why: str = "refused") -> Sample:
    return Sample(SMTP, asked, asked + after, sign, "" if sign else why)


def test_a_failed_question_between_two_answers_is_a_gap_from_answer_to_answer() -> None:
    found = seen(SMTP, [sample(0, "a"), sample(0.25), sample(0.5), sample(0.75, "a"), sample(1.0, "a")])
    assert found.gaps == (Gap(pytest.approx(0.01), pytest.approx(0.76), "refused"),)
    assert (found.asked, found.answered, found.answers) == (5, 3, True)
    assert found.longest == found.gaps[0]


def test_questions_that_hang_and_are_answered_late_are_a_gap_too() -> None:
    """A link that is down for two seconds: TCP repeats what was sent, and nothing fails."""
    late = [sample(0.25 * n, "a", after=3.1 - 0.25 * n) for n in range(1, 12)]
    found = seen(SMTP, [sample(0, "a"), *late, sample(3.25, "a")])
    assert [gap.seconds for gap in found.gaps] == [pytest.approx(3.09)]


def test_a_question_that_ran_out_of_time_belongs_to_when_it_was_asked() -> None:
    found = seen(SMTP, [sample(0, "a"), sample(0.25, after=7), sample(0.5, "b"), sample(6.0, "b")])
    assert found.gaps[0].seconds == pytest.approx(0.5)
    assert found.changes == (Change(pytest.approx(0.51), "a", "b"),)


def test_gaps_with_an_open_end_have_no_length() -> None:
    found = seen(SMTP, [sample(0), sample(1, "a"), sample(1.25), sample(1.5)])
    assert [(gap.began, gap.ended, gap.seconds) for gap in found.gaps] == [
        (None, pytest.approx(1.01), None),
        (pytest.approx(1.01), None, None),
    ]
    assert not found.answers
    assert found.longest is None


def test_nobody_ever_answered_and_nobody_was_ever_asked() -> None:
    assert seen(SMTP, [sample(0)]).gaps == (Gap(None, None, "refused"),)
    assert not seen(SMTP, [sample(0)]).answers
    assert seen(SMTP, []).gaps == ()


def test_answers_at_the_usual_distance_are_no_gap() -> None:
    assert seen(SMTP, [sample(0.25 * n, "a") for n in range(100)]).gaps == ()


@pytest.mark.parametrize("chance", range(6))
def test_a_watch_of_any_length_keeps_so_much_and_shows_the_same(chance: int) -> None:
    """Questions that overlap, fail late, and come in another order; the reference keeps them all."""
    random = Random(chance)  # noqa: S311 -- a play, not keys
    all_samples, tally, kept = [], Tally(SMTP), 0
    for number in range(5000):
        after = random.choice((0.01, 0.01, 0.3, 7.0))
        sign = random.choice(("a", "a", "a", "b")) if random.random() > random.choice((0.0, 0.02, 0.5)) else ""
        all_samples.append(sample(number * 0.25 + random.random(), sign, after, f"why {number}"))
    all_samples.sort(key=lambda each: each.answered)
    for each in all_samples:
        tally.add(each)
        kept = max(kept, len(tally._kept))
    found, reference = tally.seen(), by_all_of_them(all_samples)
    assert found.gaps[-LISTED:] == reference.gaps[-LISTED:]
    assert len(found.gaps) + found.more_gaps == len(reference.gaps)
    assert len(found.changes) + found.more_changes == len(reference.changes)
    names = ("asked", "answered", "first", "last", "sign", "answers", "longest")
    assert [getattr(found, name) for name in names] == [getattr(reference, name) for name in names]
    assert (kept < 1000, tally.seen()) == (True, found)
    assert len(found.gaps) <= LISTED + 2
    assert len(found.changes) <= LISTED


def by_all_of_them(samples: list[Sample]) -> Seen:
    """As it is defined: every answer and every failure, in order."""
    good = [each for each in samples if each.good]
    bad = sorted((each for each in samples if not each.good), key=lambda each: each.asked)
    ends = [None, *(each.answered for each in good), None]
    gaps = []
    for before, after in pairwise(ends):
        failed = [each for each in bad if after is None or each.asked < after]
        bad = bad[len(failed) :]
        if failed:
            gaps.append(Gap(before, after, failed[0].why))
        elif before is not None and after is not None and after - before > 0.75:
            gaps.append(Gap(before, after, "its answers came late"))
    changes = [Change(b.answered, a.sign, b.sign) for a, b in pairwise(good) if a.sign != b.sign]
    first, last = good[0].answered, good[-1].answered
    return Seen(SMTP, len(samples), len(good), first, last, tuple(gaps), tuple(changes), good[-1].sign)


@pytest.mark.parametrize("text", ["smtp:0", "smtp:65536", "smtp:", "smtp:x", "imap:143", "", ":25", "smtp:²"])
def test_what_is_no_service(text: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        service_of(text)
    assert "PORT" in caught.value.hint


def test_services_by_kind_alone_or_with_a_port() -> None:
    assert service_of("smtps") == Service("smtps", 465)
    assert service_of("https:8443") == Service("https", 8443)


@pytest.mark.parametrize(
    ("port", "asked"),
    [
        (25, ["smtp:25", "starttls:25", "smtps:465", "starttls:587"]),
        (2525, ["smtp:2525", "starttls:2525", "smtps:465", "starttls:587"]),
        (587, ["smtp:587", "starttls:587", "smtps:465"]),
        (465, ["smtp:465", "smtps:465", "starttls:587"]),  # no STARTTLS where TLS comes first
    ],
)
def test_of_a_gateways_mail_every_port_that_takes_it_is_asked(port: int, asked: list[str]) -> None:
    services = of_mail(port)
    assert [str(each) for each in services] == asked
    assert [each for each in services if each.expected] == [Service("smtp", port)]
    assert sum(1 / each.every for each in services) <= 6  # a second: each is a line in its log


def test_each_service_is_asked_at_its_own_distance() -> None:
    ticks = _ticks(USUAL[:2], 100.0)
    first = [next(ticks) for _ in range(11)]
    assert [at for at, service in first if service.kind == "smtp"] == [100 + 0.25 * n for n in range(9)]
    assert [at for at, service in first if service.kind == "starttls"] == [100.0, 102.0]


def heard(*samples: Sample) -> list[Turn]:
    turns = list[Turn]()
    hears = Turns(lambda: 1000.0, lambda: 0.0, turns.append)
    for each in samples:
        hears(each)
    return turns


def test_only_turns_are_reported() -> None:
    turns = heard(sample(0, "a"), sample(1, "a"), sample(2), sample(3), sample(4.5, "a"), sample(5, "b"))
    assert [turn.sign for turn in turns] == ["a", "", "a", "b"]
    assert [turn.at for turn in turns] == pytest.approx([1000.01, 1002, 1004.51, 1005.01])
    assert turns[2].after == pytest.approx(3.5)
    assert turn_line(turns[2]).endswith("answers again, after 3.5 s: a")


def test_a_question_that_fails_after_later_ones_were_answered_is_no_turn() -> None:
    assert [turn.sign for turn in heard(sample(0, "a"), sample(1, "a"), sample(0.5, after=7))] == ["a"]


def test_a_service_that_nobody_named_and_that_never_answers_is_no_news() -> None:
    unnamed = Service("https", 8443, expected=False)
    assert heard(Sample(unnamed, 0, 0, "", "refused")) == []


# ---- with real sockets ---------------------------------------------------------------------------------------


class Greeter(socketserver.ThreadingTCPServer):
    """Greets as an SMTP server does, and takes QUIT."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int, greeting: str) -> None:
        self.greeting = greeting
        super().__init__(("127.0.0.1", port), _Session)


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Greeter)
        self.wfile.write(f"220 {self.server.greeting}\r\n".encode())
        for line in self.rfile:
            self.wfile.write(b"221 bye\r\n" if line.strip().upper() == b"QUIT" else b"250 ok\r\n")


@contextmanager
def greeting(words: str, port: int = 0) -> Iterator[int]:
    with Greeter(port, words) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def awaited(samples: list[Sample], sign: str) -> None:
    def look() -> None:
        if not samples or samples[-1].sign != sign:
            raise NotYet("not yet")

    wait_for(f"the sign {sign!r}", look, timeout=60, clears="", pause=0.02)


def test_another_machine_answers_after_a_gap() -> None:
    samples = list[Sample]()
    with greeting("old ESMTP") as port:
        service = Service("smtp", port)
        prober = Prober("127.0.0.1", (service,), samples.append)
        prober.start()
        awaited(samples, "old ESMTP")
    awaited(samples, "")
    with greeting("new ESMTP", port):
        awaited(samples, "new ESMTP")
        prober.stop()
    found = seen(service, samples)
    assert [(change.before, change.after) for change in found.changes] == [("old ESMTP", "new ESMTP")]
    assert len(found.gaps) == 1
    assert "refused" in found.gaps[0].why


def test_a_question_that_hangs_delays_no_other() -> None:
    """Nobody greets on the first port; the second is asked at its own distance meanwhile."""
    samples = list[Sample]()
    with socket.create_server(("127.0.0.1", 0)) as mute, greeting("old ESMTP") as port:
        services = (Service("smtp", mute.getsockname()[1]), Service("smtp", port))
        prober = Prober("127.0.0.1", services, samples.append, timeout=1.0)
        prober.start()
        for _ in range(2):
            awaited(samples, "old ESMTP")
            samples.append(Sample(services[1], 0, 0, "seen"))
        prober.stop()
    assert seen(services[1], samples).answers
    assert seen(services[0], samples).answered == 0
    assert seen(services[0], samples).asked > 0


def test_the_command_shows_turns_and_a_sum() -> None:
    with greeting("mailgw.example.test ESMTP") as port:
        shown = CliRunner().invoke(app, ["watch", "127.0.0.1", "--ask", f"smtp:{port}", "--for", "1"])
    assert shown.exit_code == 0
    assert "answers mailgw.example.test ESMTP" in shown.stdout
    assert shown.stdout.splitlines()[-1].endswith("no gap")


def test_the_command_ends_with_3_where_nobody_answers_at_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    given = ["watch", "127.0.0.1", "--ask", f"smtp:{port}", "--for", "0.5", "--json"]
    shown = CliRunner().invoke(app, given)
    assert shown.exit_code == 3
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["ServiceTurned", "Watched", "Error"]
    assert lines[1]["services"][0]["answers"] is False
    assert f"smtp 127.0.0.1:{port}" in lines[2]["message"]


def test_a_wrong_service_is_refused_before_anything_is_asked() -> None:
    shown = CliRunner().invoke(app, ["watch", "127.0.0.1", "--ask", "ftp"])
    assert shown.exit_code == 2
    assert "kinds: smtp, starttls, smtps, https" in shown.stderr


@pytest.mark.parametrize("port", ["1" * 5000, "٢٥", "0", "65536", "", "+25", "2_5"])
def test_what_is_no_port_is_refused_in_words(port: str) -> None:
    with pytest.raises(UsageProblem, match="no port"):
        service_of(f"smtp:{port}")


def test_of_a_long_greeting_only_its_beginning_is_kept() -> None:
    """Each answer is kept for the whole watch, so a hostile server would fill the memory."""
    heard: list[Sample] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        prober = Prober("127.0.0.1", (Service("smtp", server.getsockname()[1]),), heard.append)
        prober.start()
        caller, _ = server.accept()
        caller.sendall(b"220 " + b"x" * 8000 + b"\r\n")
        wait_for("an answer", lambda: _heard(heard), timeout=60, clears="")
        caller.close()
        prober.stop(at_once=True)
    assert 0 < len(heard[0].sign) <= 300


def _heard(heard: list[Sample]) -> None:
    if not heard:
        raise NotYet("nothing yet")
