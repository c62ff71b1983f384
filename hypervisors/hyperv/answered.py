"""What this host answered when it was probed: one file in the account's folder there, read before each plan."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hypervisors import limits
from hypervisors.errors import HypervisorError
from hypervisors.hyperv import questions, reading
from hypervisors.hyperv.session import Session
from hypervisors.types import Answer, Probe

FILE = "vmmigrate-probe.json"
_FORM = 1
_SEEN = 500  # characters of an answer, a few bytes each: all together are less than may be read
_LATEST = 1 << 33  # Unix seconds: the year 2242


def host_of(facts: Mapping[str, Any]) -> str:
    """What a host is, as far as its answers depend on it; `facts`: what the script `host` answered."""
    windows, shell = reading.of(facts, "windows", str), reading.of(facts, "powershell", str)
    return f"Windows {windows or 'of no known version'}, PowerShell {shell}, {reading.of(facts, 'language_mode', str)}"


def record(session: Session, probe: Probe) -> None:
    """Raises HypervisorError, Unreachable."""
    answers = [{"id": each.id, "seen": each.seen[:_SEEN], "holds": each.holds} for each in probe.answers]
    said = {"form": _FORM, "at": probe.at, "host": probe.host, "answers": answers}
    session.write(FILE, json.dumps(said, ensure_ascii=False).encode(errors="backslashreplace"))


def recorded(session: Session, host: str) -> Probe | None:
    """None where none was recorded, or of another Windows or PowerShell, or what is no record."""
    with suppress(FileNotFoundError, ValueError, RecursionError, HypervisorError):
        return _probe(session.read(FILE, limits.HYPERV_PROBE.most), host)
    return None


def _probe(text: bytes, host: str) -> Probe | None:
    """Raises ValueError, RecursionError, HypervisorError."""
    read = json.loads(text)
    if not isinstance(read, dict) or read.get("form") != _FORM or reading.of(read, "host", str) != host:
        return None
    said = {reading.of(one, "id", str): one for one in reading.each(read, "answers")}
    at = reading.of(read, "at", int)
    if not 0 <= at < _LATEST:
        return None
    return Probe(at, host, tuple(_answer(each, said) for each in questions.QUESTIONS))


def _answer(question: questions.Question, said: Mapping[str, Mapping[str, Any]]) -> Answer:
    """A question that was not asked then is not answered."""
    one = said.get(question.id)
    if one is None:
        return questions.unasked(question, "an earlier version did not ask it")
    holds = one.get("holds")
    return questions.answer_of(question, reading.of(one, "seen", str), holds if isinstance(holds, bool) else None)
