"""What an update reads: packages by their control data, digests, os-release; and where mail that is carried came to."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

from scripted_shell import ScriptedShell

from tests.fuzz.guest import of_guest
from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.appliance.port import Result
from vmmigrate.appliance.queues import carrying, programs
from vmmigrate.updating import needs
from vmmigrate.updating.distributions import distribution_of
from vmmigrate.updating.packages import Package, Ran, digests_of, read_package

_MAGIC = {"deb": b"!<arch>\n", "rpm": b"\xed\xab\xee\xdb"}
_DEB = b"Package: djigzo\nVersion: 5.0.3-0\nArchitecture: all\nProvides: a (= 1), b\n"
_LISTED = "was 71 deferred/A/A1B2C3\nis 71 hold/A1B2C3\n"


def _package(data: bytes) -> object:
    """The first section says how the tool ended, the others are what it says."""
    code, *said = sections(data, 3)
    answers = iter([Ran(len(code) % 3, text(each), text(each)) for each in said])
    kind = "rpm" if code.startswith(b"rpm") else "deb"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x.{kind}")
        path.write_bytes(_MAGIC[kind])
        found = read_package(path, lambda argv: next(answers))
    return found.family, str(found), digests_of(text(data))


def _needs(data: bytes) -> object:
    """Status and first word say which tool; the others what it prints."""
    kind, out, err = sections(data, 3)
    package = Package(Path("/x"), "rpm" if kind.startswith(b"rpm") else "deb", "x", "5", "all", (), "", ("a", "b | c"))
    shell = SimpleNamespace(run=lambda argv, **_: Result(len(kind) % 4, text(out), text(err)))
    return list(needs.findings(needs.look(shell, (package,)), fetches=False))  # type: ignore[arg-type]


_UNMET = b" satisfy:command-line : Depends: a (>= 1) but it is not installable\nInst b (1 x [all])\nRemv c [1]\n"

_LOOK = f"vmmigrate-queue-look {programs.FOLDER}"
_arrived, _arrived_honest = of_guest(lambda: ScriptedShell({_LOOK: _LISTED}), carrying.arrived)

PARSERS = (
    Parser(
        "package-data",
        _package,
        lambda: (SECTION.join((b"deb", _DEB, b"")), SECTION.join((b"rpm", b"", b"djigzo\n5.0.3-0\nnoarch\na b\n"))),
    ),
    Parser(
        "os-release",
        lambda data: distribution_of(text(data)),
        lambda: (b'ID=debian\nVERSION_ID="12"\n', b"ID='rocky'\nID_LIKE=\"rhel centos fedora\"\nPRETTY_NAME=x\n"),
    ),
    Parser(
        "package-needs",
        _needs,
        lambda: (
            SECTION.join((b"deb", _UNMET, b"E: Invalid operation satisfy")),
            SECTION.join((b"rpm", b"no package provides a\n", b"error: file /b: No such file or directory\n")),
        ),
    ),
    Parser("queue-arrived", _arrived, _arrived_honest),
)
