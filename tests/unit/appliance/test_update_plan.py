"""The plan of a package update, against real package databases: a host's answers to dpkg and rpm are the tools' own."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_shell import Answer, ScriptedShell

from fixtures.packages import Stub, build_deb, build_rpm, core_os
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError, CommandFailed
from vmmigrate.updating import logs
from vmmigrate.updating.chosen import choose
from vmmigrate.updating.look import Seen, look_at
from vmmigrate.updating.packages import packages_in, read_package
from vmmigrate.updating.planning import UpdatePlan, plan_of

NEW, OLD = "5.5.3.0g99d2faca", "4.6.2-0"
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg")
needs_rpm = pytest.mark.skipif(not shutil.which("rpmbuild"), reason="needs rpm with rpmbuild")
DEBIAN, REDHAT = "ID=debian\n", 'ID="almalinux"\nID_LIKE="rhel centos fedora"\n'
ROOM = "     Avail\n" + "900000000\n" * 3


class Host(ScriptedShell):
    """dpkg and rpm are this machine's own, with databases in `folder`; all else is scripted."""

    def __init__(self, folder: Path, answers: dict[str, Answer]) -> None:
        super().__init__({"ss": "", **COMMON, **answers})
        self._real = {
            "dpkg-query": ("dpkg-query", f"--admindir={folder}/var/lib/dpkg"),
            "dpkg": ("dpkg", f"--root={folder}", f"--admindir={folder}/var/lib/dpkg"),
            "rpm": ("rpm", "--root", str(folder), "--dbpath", "/rpmdb"),
        }

    def _one(self, argv: Sequence[str], user: str | None) -> Result:
        if argv[0] not in self._real or " ".join(argv) in self.answers:
            return super()._one(argv, user)
        done = subprocess.run([*self._real[argv[0]], *argv[1:]], capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)


UNIT_FILES = "systemctl list-unit-files --no-legend --plain"
COMMON: dict[str, Answer] = {
    f"{UNIT_FILES} 'tomcat*'": "tomcat9.service enabled enabled\n",
    f"{UNIT_FILES} rsyslog.service": "rsyslog.service enabled enabled\n",
    "systemctl is-active rsyslog tomcat9 djigzo postfix": "active\nactive\nactive\nactive\n",
    "package-holders": "",
    **{shlex.join(asked): "" for asked in (logs.JOURNALD_NOW, logs.RSYSLOG_NOW)},
    "df --output=avail -B1 /usr /var /tmp": ROOM,
    "getent group sudo wheel": "sudo:x:27:sa,anna\n",
    "test -d /run/systemd/system": 0,
    "ls -1 /var/lib/tomcat9/webapps /etc/tomcat9/Catalina/localhost": (
        "/etc/tomcat9/Catalina/localhost:\nciphermail.xml\nweb.xml\n\n/var/lib/tomcat9/webapps:\nROOT\n"
    ),
    "lslocks --noheadings --output PATH,PID,COMMAND": "/run/crond.pid 412 cron\n",
    "stat -c %F /var/cache/tomcat9/Catalina/localhost/ciphermail": "directory\n",
}


@pytest.fixture(scope="module")
def deb_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with 4.6.2 installed by the real dpkg, one of its configuration files edited."""
    folder = tmp_path_factory.mktemp("deb")
    for each in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "built"):
        (folder / each).mkdir(parents=True)
    (folder / "var/lib/dpkg/status").touch()
    built = [
        build_deb(Stub(name, OLD, conffile="/etc/djigzo.conf"), folder / "built") for name in ("djigzo", "djigzo-web")
    ]
    for number, package in enumerate(built):
        force = ("--force-not-root", "--force-overwrite", "--force-bad-path") if number else ("--force-not-root",)
        dpkg = ("dpkg", f"--root={folder}", f"--admindir={folder}/var/lib/dpkg", "--log=/dev/null", *force)
        subprocess.run([*dpkg, "--install", str(package)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def rpm_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by rpm, with a provider of the dependencies."""
    folder = tmp_path_factory.mktemp("rpm")
    (folder / "built").mkdir()
    stubs = (Stub("djigzo", "5.4.1-1"), Stub("djigzo-web", "5.4.1-1"), core_os("rhel8", "5.4.1-1"))
    built = [str(build_rpm(stub, folder / "built")) for stub in stubs]
    rpm = ("rpm", "--root", str(folder), "--dbpath", "/rpmdb", "--install", "--justdb", "--nodeps", "--noscripts")
    subprocess.run([*rpm, *built], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder with the new release, as .deb or .rpm files."""
    folders: dict[str, Path] = {}

    def built(kind: str) -> Path:
        if kind not in folders:
            folder = folders[kind] = tmp_path_factory.mktemp(kind)
            for stub in (Stub("djigzo", NEW), Stub("djigzo-web", NEW), core_os("no-deps", NEW)):
                (build_deb if kind == "deb" else build_rpm)(stub, folder)
        return folders[kind]

    return built


def planned(seen: Seen, folder: Path) -> UpdatePlan:
    return plan_of("mailgw", seen, choose([read_package(path) for path in packages_in(folder)], seen.host))


def ids(plan: UpdatePlan) -> set[str]:
    return {finding.id for finding in plan.findings}


def debian(folder: Path, **answers: Answer) -> Host:
    return Host(folder, {"cat /etc/os-release": DEBIAN, **answers})


@needs_dpkg
def test_from_four_to_five_on_debian(deb_host: Path, given: Callable[[str], Path]) -> None:
    made = planned(look_at(debian(deb_host)), given("deb"))
    assert (made.before, made.after, made.blocked) == (OLD, NEW, ())
    assert made.acts == (
        "stop postfix, djigzo, tomcat9, each waited for",
        f"install ciphermail-core-os-no-deps {NEW}, then djigzo {NEW}, then djigzo-web {NEW}",
        "clear /var/cache/tomcat9/Catalina/localhost/ciphermail and /var/cache/tomcat9/Catalina/localhost/web",
        "systemctl daemon-reload; enable ciphermail-gateway-backend",
        "start rsyslog, tomcat9, ciphermail-gateway-backend, postfix, in this order",
    )
    assert ids(made) == {"log-limits", "five-database", "five-pam", "five-log", "five-unit"}
    assert any("anna, sa" in finding.seen for finding in made.findings)


@needs_dpkg
def test_an_edited_configuration_file_is_named(deb_host: Path, given: Callable[[str], Path]) -> None:
    conffile = deb_host / "etc/djigzo.conf"
    before = conffile.read_text()
    try:
        conffile.write_text("by hand\n")
        made = planned(look_at(debian(deb_host)), given("deb"))
    finally:
        conffile.write_text(before)
    assert any(finding.id == "edited" and "/etc/djigzo.conf" in finding.seen for finding in made.findings)


@needs_dpkg
@pytest.mark.parametrize(
    ("line", "id_"),
    [
        ("install ok unpacked", "package-broken"),
        ("install ok half-configured", "package-broken"),
        ("install reinstreq half-installed", "package-broken"),
        ("hold ok installed", "package-held"),
    ],
)
def test_what_dpkg_left_half_done_is_in_the_way(
    deb_host: Path, given: Callable[[str], Path], line: str, id_: str
) -> None:
    status = deb_host / "var/lib/dpkg/status"
    before = status.read_text()
    extra = f"\nPackage: {'djigzo-postgres' if 'hold' in line else 'vim'}\nStatus: {line}\nVersion: 1\n"
    extra += "Architecture: all\nMaintainer: nobody <nobody@example.test>\nDescription: x\n"
    try:
        status.write_text(before + extra)
        made = planned(look_at(debian(deb_host)), given("deb"))
    finally:
        status.write_text(before)
    assert [finding.id for finding in made.blocked] == [id_]


@needs_dpkg
@pytest.mark.parametrize(
    ("question", "answer", "id_"),
    [
        ("lslocks --noheadings --output PATH,PID,COMMAND", "/var/lib/dpkg/lock-frontend 99 apt-get\n", "package-lock"),
        ("test -d /run/systemd/system", 1, "no-systemd"),
        ("df --output=avail -B1 /usr /var /tmp", "Avail\n900000000\n10\n900000000\n", "no-room"),
        ("stat -c %F /var/cache/tomcat9/Catalina/localhost/web", "symbolic link\n", "cache-odd"),
        ("systemctl is-active rsyslog tomcat9 djigzo postfix", "active\nfailed\nactive\nactive\n", "already-down"),
        (
            "ls -1 /var/lib/tomcat9/webapps /etc/tomcat9/Catalina/localhost",
            "/var/lib/tomcat9/webapps:\nROOT\nshop.war\n",
            "other-applications",
        ),
        (
            shlex.join(logs.DROPPED),
            "Suppressed 12 messages from djigzo.service\n",
            "log-incomplete",
        ),
    ],
)
def test_each_thing_that_is_seen_is_a_finding(
    deb_host: Path, given: Callable[[str], Path], question: str, answer: Answer, id_: str
) -> None:
    assert id_ in ids(planned(look_at(debian(deb_host, **{question: answer})), given("deb")))


@needs_rpm
@pytest.mark.slow
def test_an_installed_provider_stays_on_red_hat(rpm_host: Path, given: Callable[[str], Path]) -> None:
    tomcat = {
        "cat /etc/os-release": REDHAT,
        f"{UNIT_FILES} 'tomcat*'": "tomcat.service enabled enabled\n",
        "uname -m": "x86_64\n",
    }
    seen = look_at(Host(rpm_host, tomcat))
    assert seen.host.providers == ("ciphermail-core-os-rhel8",)
    made = planned(seen, given("rpm"))
    assert made.acts[1] == f"install djigzo {NEW}-1, then djigzo-web {NEW}-1"
    assert made.acts[2].startswith("clear /var/cache/tomcat/work/Catalina/localhost/ciphermail")
    assert any("two of its kind exclude each other" in reason for reason in made.why)
    assert "five-pam" not in ids(made)


@needs_rpm
@needs_dpkg
def test_os_release_and_what_is_installed_must_agree(deb_host: Path, rpm_host: Path) -> None:
    tomcat = {f"{UNIT_FILES} 'tomcat*'": "tomcat.service enabled enabled\n", "uname -m": "x86_64\n"}
    both = Host(rpm_host, {"cat /etc/os-release": REDHAT, **tomcat})
    both._real = {**both._real, "rpm": ("rpm", "--root", str(deb_host), "--dbpath", "/none")}
    both._real |= {name: debian(deb_host)._real[name] for name in ("dpkg", "dpkg-query")}
    with pytest.raises(ApplianceError, match="names the Red Hat family, but djigzo was installed by dpkg-query"):
        look_at(both)
    other = debian(rpm_host)
    (rpm_host / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
    (rpm_host / "var/lib/dpkg/status").touch()
    with pytest.raises(ApplianceError, match="names the Debian family, but djigzo was installed by rpm"):
        look_at(other)


@needs_dpkg
def test_the_same_release_is_nothing_to_do(deb_host: Path) -> None:
    seen = look_at(debian(deb_host))
    folder = deb_host / "built"
    same = replace(seen, host=replace(seen.host, providers=("ciphermail-core-os-no-deps",)))
    made = planned(same, folder)
    assert made.nothing_to_do
    assert made.findings == ()


@needs_dpkg
def test_nothing_but_looks_is_run(deb_host: Path) -> None:
    """Read-only, provably: each command that reached the host is one of these."""
    shell = debian(deb_host)
    look_at(shell)
    looks = (
        "cat",
        "dpkg-query",
        "rpm",
        "systemctl",
        "df",
        "getent",
        "test",
        "ls",
        "lslocks",
        "journalctl",
        "grep",
        "stat",
        "dpkg",
    )
    assert {line.split()[0] for line in shell.ran} <= set(looks)
    assert all(
        line.split()[1] in ("list-unit-files", "is-active") for line in shell.ran if line.startswith("systemctl")
    )
    assert all(
        line.split()[1] in ("--verify", "--print-architecture") for line in shell.ran if line.startswith("dpkg ")
    )


def test_a_host_of_another_kind_and_one_without_a_gateway(tmp_path: Path) -> None:
    with pytest.raises(ApplianceError, match="no update is known"):
        look_at(ScriptedShell({"cat /etc/os-release": "ID=arch\n"}))
    with pytest.raises((ApplianceError, CommandFailed), match="no sign of the gateway"):
        look_at(ScriptedShell({"cat /etc/os-release": DEBIAN, "postconf -n": ""}))
