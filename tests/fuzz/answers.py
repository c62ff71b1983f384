"""What programs of a guest and of the workstation say beside files: words, numbers, marks, lists, what is kept."""

import io
import json
import shlex
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from scripted_shell import ScriptedShell
from test_family import FIVE
from test_family import guest as packaged
from test_update_plan import COMMON, DEBIAN

from hypervisors import Secret
from hypervisors.qemu_img import _percentages
from hypervisors.trust import normal_fingerprint
from hypervisors.wire import proxies
from hypervisors.wire.ssh import Answers, Output, TooMuch, Unanswerable
from tests.fuzz.guest import of_guest
from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.appliance import mailports, sources, transports
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.changing import changes_of
from vmmigrate.appliance.port import Result, Shell
from vmmigrate.appliance.queues import manifest
from vmmigrate.appliance.queues.passing import QueueFiles
from vmmigrate.appliance.ssh import loginshell, new_password, sudo
from vmmigrate.appliance.ssh.streaming import beyond
from vmmigrate.appliance.stat import meta_of
from vmmigrate.commands import times
from vmmigrate.facts import Claim
from vmmigrate.run import lock
from vmmigrate.run.audit import audit
from vmmigrate.run.record import Kind, Record
from vmmigrate.settings import accepting
from vmmigrate.show.audit import audit_lines
from vmmigrate.steps import claim
from vmmigrate.steps.migration import MIGRATE
from vmmigrate.updating import chosen, dumping, place, services, tools
from vmmigrate.updating.debs import _QUIETLY, Dpkg
from vmmigrate.updating.distributions import distribution_of
from vmmigrate.updating.look import look_at
from vmmigrate.updating.packages import Package
from vmmigrate.updating.patience import PATIENCE
from vmmigrate.updating.planning import UpdatePlan, update_from_json, update_to_json
from vmmigrate.updating.repositories import Dnf, Zypper
from vmmigrate.updating.rpms import Rpm

_MARK = "vmmigrate-0123456789abcdef"
_RUN = "20260101-000000-abcd"
_LISTED = json.dumps({
    "queue": "deferred", "old_id": "A1", "new_id": "B1", "arrived": 1, "size": 2, "sender": "00", "recipients": ["ff"],
})  # fmt: skip
_HELD = json.dumps({"host": "here", "pid": 7, "verb": "migrate", "since": "2026-01-01T00:00:00Z", "certain": True})
_NOTES = f"""The mail gateway
[vmmigrate] run {_RUN} begun on workstation here: a migration is in progress
[vmmigrate] run 20260102-000000-abcd: replaced by x; kept, unplugged
Replaced by x (vmmigrate run {_RUN}, finished).
"""


class _Said:
    """An account's session whose answers are these bytes, one after the other, and then nothing."""

    def __init__(self, data: bytes) -> None:
        self._left = data.split(SECTION)

    def plain(self, argv: object, given: bytes, timeout: float) -> Output:
        out = self._left.pop(0) if self._left else b""
        status, _, out = out.partition(b"\n")
        return Output(len(status) % 3, out, out)

    def on_tty(self, argv: object, prompt: str, secret: Secret | None, timeout: float) -> Output:
        return sudo.apart(_MARK, text(self.plain(argv, b"", timeout).stdout)) or Output(1, b"", b"")


def _sudo(data: bytes) -> object:
    """`sudo -l` of several commands, what sudo says for a refusal, what comes over its terminal."""
    talk = _Said(data)
    found = sudo.which_are_denied(talk, [("cat", "/x"), ("rm", "/x")], "root")
    output = talk.plain((), b"", 1)
    seen = sudo.does_not_permit(output), sudo.in_sudos_words(output), sudo.without_prompt(output)
    with suppress(sudo.Refused):
        return found, seen, sudo.find_out(talk, lambda: (Secret("the password of sudo"),))
    return found, seen, sudo.what_to_permit("sa", "old.ssh", found)


def _login(data: bytes) -> object:
    """The answer to the canary, with what a noisy account prints, in pieces of any size; an expired password."""
    heard = loginshell.heard(_MARK, data)
    if heard:
        heard[0].quoted(("sh", "-c", text(data)))
    sink = io.BytesIO()
    through = beyond(sink, _MARK)
    with suppress(TooMuch):
        for at in range(0, len(data), 7 + len(data) // 50):
            through.write(data[at : at + 7 + len(data) // 50])
    answers = Answers(Secret("current" * 3), Secret("another" * 3))
    with suppress(Unanswerable):
        for line in islice(text(data).splitlines(), 9):
            answers.answer(line)
    return new_password.says_expired(text(data)), sink.getvalue()


class _Together(ScriptedShell):
    """Whatever is asked for, the two streams are these."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._out, self._err = (text(each).replace("MARK", "0" * 32) for each in sections(data, 2))

    def run(self, argv: object, **how: Any) -> Result:
        return Result(len(self._err) % 2, self._out, self._err)


def _asked(data: bytes) -> object:
    with patch("secrets.token_hex", lambda size: "0" * 32):
        return ask_all(_Together(data), (("a",), ("b",)))


def _guest(shell: Shell) -> None:
    """Small questions of a run, one after the other."""
    sources.active(shell)
    mailports.read(shell.run(mailports.QUESTION, check=False).stdout)
    meta_of(shell.host, "/x", shell.run(("stat", "/x"), check=False))
    transports.missing(shell, shell)


_SMALL = {
    "systemctl is-active fetchmail cron crond": "inactive\nactive\nunknown\n",
    "postconf -M": "smtp inet n - y - - smtpd\nscan unix - - n - 10 smtp\n10027 inet n - n - - smtpd\n",
    "stat /x": "640 root postfix\n",
    "postconf -n": "content_filter = scan:[127.0.0.1]:10025\n",
}


def _host(shell: Shell) -> None:
    """What is asked while an update acts."""
    for tool in (Dpkg(), Rpm(Dnf()), Rpm(Zypper())):
        tools.differing(tool, shell, {"djigzo": "5.5.3", "djigzo-web": ""})
        with suppress(tools.Busy):
            tool.complete(shell)
    services.existing(shell, ("tomcat9", "djigzo"))
    place.claimed_by(shell)
    dumping.dump(shell, "/x")


_ACTS = {
    "dpkg-query -W -f '${Package}\\t${db:Status-Abbrev}\\t${Version}\\n' djigzo djigzo-web": "djigzo\tii \t5.5.3\n",
    "systemctl list-unit-files --no-legend --plain tomcat9.service djigzo.service": "tomcat9.service enabled enabled\n",
    "cat /var/lib/vmmigrate/claim": f"{_RUN} an update\n",
    f"timeout --signal=KILL {PATIENCE} {' '.join(_QUIETLY)} --configure -a": "",
    f"timeout --signal=KILL {PATIENCE} sh -c {shlex.quote(dumping._DUMP)} dump /x": "54\n",
}


def _update_host() -> ScriptedShell:
    honest = packaged(FIVE)
    honest.answers.update({**COMMON, "cat /etc/os-release": DEBIAN, "ss": ""})
    return honest


def _set(data: bytes) -> object:
    """A package a line: format, name, version, architecture, what it provides."""
    rows = [line.split("\t") for line in text(data).splitlines()]
    given = [Package(Path("x"), *row[:4], tuple(row[4:]), "00") for row in rows if len(row) >= 4]  # type: ignore[arg-type]
    host = chosen.Host(distribution_of(DEBIAN), "amd64", {"djigzo": "4.6.2-0", "djigzo-web": "4.6.2-0"})
    found = chosen.choose(given, host, lambda kind, one, other: (one > other) - (one < other))
    return [str(each) for each in found.packages], [each.family for each in given]


def _carried(data: bytes) -> object:
    found = manifest.from_file(data)
    return manifest.digest(found, b"x"), manifest.as_file(found)


def _packed(data: bytes) -> object:
    into = QueueFiles("gw", io.BytesIO())
    for at in range(0, len(data), 700):
        into.write(data[at : at + 700])
    return into.finish()


def _locked(data: bytes) -> object:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return str(lock._words_in(file))


def _notes(data: bytes) -> object:
    notes = text(data)
    seen = claim.claims(notes), claim.is_ours(notes, _RUN), claim.foreign(notes, _RUN)
    more = claim._finished_since(notes, _RUN, Claim("", True)), claim.after_the_commit(notes, _RUN)
    hints = [claim.how_to_end(line) for line in seen[0]]
    claim.refuse_foreign_claim(notes, _RUN)
    return seen, more, hints


def _typed(data: bytes) -> object:
    """Words of a command: each kind is tried, the last one's refusal counts."""
    first, second, third, fourth = (text(each) for each in sections(data, 4))
    list(changes_of(("sh", "-c", first))), list(changes_of(first.split() or ("x",)))
    normal_fingerprint(second) if second else None
    times.moment(third, datetime(2026, 1, 1, tzinfo=UTC)) if third else None
    return accepting.accepted(fourth) or times.seconds(first)


def _proxy(data: bytes) -> object:
    with patch.dict("os.environ", {"https_proxy": text(data).replace("\0", "")}):
        return proxies.proxy_for("vcenter.example.org")


def _audited(data: bytes) -> object:
    """Records with whatever fields, of a chain that is whole."""
    records = []
    for number, line in enumerate(text(data).splitlines()):
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
            kind = list(Kind)[number % len(Kind)]
            records.append(Record(number, "2026-01-01T00:00:00+00:00", kind, found, "00")) if type(found) is dict else 0
    return audit_lines("x", {}, audit(records, MIGRATE)) if records else None


_PACKAGES = b"""deb\tdjigzo\t5.5.3\tall
deb\tdjigzo-web\t5.5.3\tall\ta
deb\tciphermail-core-os-no-deps\t5.5.3\tall\tciphermail-core-os
"""
_PLAN = update_to_json(UpdatePlan("gw", "Debian", "4.6.2", "5.5.3", ("stop",), ("why",), ()))
_CHANGED = json.dumps({"step": "switch", "changed": [{"at": "x", "vm": "old", "what": "link", "before": "up"}]})
_asks, _asks_honest = of_guest(lambda: ScriptedShell(_SMALL), _guest)
_acts, _acts_honest = of_guest(lambda: ScriptedShell(_ACTS), _host)  # type: ignore[arg-type]
_sees, _sees_honest = of_guest(_update_host, look_at)

PARSERS = (
    Parser("sudo", _sudo, lambda: (SECTION.join((b"\n0\n", b"\nsudo: a password is required\n", b"\n")),)),
    Parser("login-shell", _login, lambda: (b"Welcome!\n" + _MARK.encode() + b" /bin/bash\nNew password: \nmore",)),
    Parser("asked-together", _asked, lambda: (b"one\nMARK 0\ntwo\nMARK 1\n\n=====\nMARK\nno\nMARK\n",)),
    Parser("guest-small", _asks, _asks_honest),
    Parser("update-look", _sees, _sees_honest),
    Parser("update-acts", _acts, _acts_honest),
    Parser("update-set", _set, lambda: (_PACKAGES,)),
    Parser("update-plan", lambda data: update_from_json(text(data)), lambda: (_PLAN.encode(),), (ValueError,)),
    Parser("carried-list", _carried, lambda: (_LISTED.encode(),)),
    Parser("queue-packed", _packed, lambda: (bytes(1024),)),
    Parser("lock-words", _locked, lambda: (_HELD.encode(),)),
    Parser("claim-notes", _notes, lambda: (_NOTES.encode(), b"The mail gateway")),
    Parser("typed", _typed, lambda: (SECTION.join((b"60s", b"aa:" * 31 + b"aa", b"22:00", b"mpa-error")),)),
    Parser("proxy", _proxy, lambda: (b"http://user:pass@proxy.example.org:3128",)),
    Parser("audit", _audited, lambda: ("\n".join([_CHANGED] * 20).encode(),)),
    Parser("percentages", lambda data: list(islice(_percentages(io.BytesIO(data)), 99)), lambda: (b"(1.00/100%)\r",)),
)
