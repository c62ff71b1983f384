"""What packages need is asked of the host's own tool, in its own words, and what they give each other is not asked."""

from pathlib import Path

import pytest

from vmmigrate.appliance.port import Result
from vmmigrate.findings import Severity
from vmmigrate.updating.needs import Needs, findings, look
from vmmigrate.updating.packages import Package

UNMET = """\
The following packages have unmet dependencies:
 satisfy:command-line : Depends: nosuch (>= 1) but it is not installable
                        Depends: other
"""
RPM_SAYS = """\
bash-5.1.8-6.el9.x86_64
no package provides tomcat
file /usr/bin/java is not owned by any package
"""


class Host:
    """A shell that answers each command alike."""

    host = "mail"

    def __init__(self, answer: Result) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []

    def run(self, argv: tuple[str, ...], *, check: bool, timeout: float) -> Result:
        self.asked.append(tuple(argv))
        return self.answer


def package(name: str, *requires: str, kind: str = "deb", provides: tuple[str, ...] = ()) -> Package:
    return Package(Path(f"/{name}"), kind, name, "5.5.3", "all", provides, "", requires)


CORE = package("ciphermail-core-os-no-deps", provides=("ciphermail-core-os",))
DEB = (CORE, package("djigzo", "ciphermail-core-os", "djigzo-web (= 5.5.3)", "nosuch (>= 1)"), package("djigzo-web"))
RPM = (
    package("djigzo", "rpmlib(PayloadIsZstd) <= 5.4.18-1", "(a or b)", "tomcat >= 9.0", "/usr/bin/java", kind="rpm"),
    package("djigzo-web", "djigzo = 5.5.3", "bash", kind="rpm"),
)
OWN = ("user(djigzo)", "libx.so()(64bit)", "group(djigzo)")


def test_of_a_deb_only_what_is_not_given_is_asked_and_nothing_is_changed() -> None:
    host = Host(Result(100, UNMET, "E: Unable to correct problems"))
    assert look(host, DEB) == Needs(("nosuch (>= 1) but it is not installable",))  # type: ignore[arg-type]
    ((*words, last),) = host.asked
    assert last == "nosuch (>= 1)"
    assert "--simulate" in words


def test_what_the_repositories_have_and_what_would_have_to_go() -> None:
    said = "Remv exim4 [4.96]\nInst nosuch (1.0 Debian [amd64])\nConf nosuch (1.0 Debian [amd64])\n"
    assert look(Host(Result(0, said, "")), DEB) == Needs(there=("nosuch",), removed=("exim4",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    ["E: Invalid operation satisfy", "env: 'apt-get': No such file or directory", "E: The package cache is odd"],
)
def test_a_tool_that_cannot_say_leaves_it_open(words: str) -> None:
    needs = look(Host(Result(100, "", words)), DEB)  # type: ignore[arg-type]
    assert words in needs.unknown
    (seen,) = findings(needs, fetches=False)
    assert (seen.id, seen.severity) == ("dependencies-unknown", Severity.INFO)


def test_of_an_rpm_by_name_and_file() -> None:
    host = Host(Result(2, RPM_SAYS, "error: file /no/such: No such file or directory\n"))
    assert look(host, RPM) == Needs(("tomcat", "/usr/bin/java", "/no/such"))  # type: ignore[arg-type]
    assert host.asked[0][-3:] == ("tomcat", "/usr/bin/java", "bash")


def test_what_an_rpm_provides_is_compared_by_its_whole_name() -> None:
    """As user(djigzo) and user(tomcat) are two things."""
    needing = package("djigzo-web", *OWN, "user(djigzo) = 1", "user(tomcat)", kind="rpm")
    host = Host(Result(0, "", ""))
    look(host, (package("djigzo", kind="rpm", provides=OWN), needing))  # type: ignore[arg-type]
    assert host.asked[0][-2:] == ("--", "user(tomcat)")


def test_a_set_that_needs_nothing_asks_nothing() -> None:
    host = Host(Result(1, "", ""))
    assert look(host, (CORE,)) == Needs()  # type: ignore[arg-type]
    assert host.asked == []


@pytest.mark.parametrize(
    ("needs", "fetches", "severity"),
    [
        (Needs(gone=("a",)), False, Severity.ERROR),
        (Needs(gone=("a",)), True, Severity.WARNING),
        (Needs(there=("a",)), False, Severity.ERROR),
        (Needs(there=("a",)), True, Severity.INFO),
        (Needs(removed=("a",)), True, Severity.ERROR),
    ],
)
def test_what_is_missing_blocks_unless_it_is_fetched(needs: Needs, fetches: bool, severity: Severity) -> None:
    (seen,) = findings(needs, fetches=fetches)
    assert (seen.id, seen.severity) == ("dependencies", severity)
