"""Which packages an update installs: read from real .deb and .rpm files, whole, of one release, for this host."""

import io
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.packages import Stub, build_deb, build_rpm, core_os
from vmmigrate.errors import PlanRefused, UsageProblem
from vmmigrate.updating.chosen import Chosen, Host, choose
from vmmigrate.updating.distributions import DEBIAN, DISTRIBUTIONS, REDHAT, SUSE, distribution_of
from vmmigrate.updating.packages import Package, digests_of, newer, packages_in, read_package
from vmmigrate.updating.running import Ran, here

NEEDS_DPKG = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg")
NEEDS_RPM = pytest.mark.skipif(not shutil.which("rpmbuild"), reason="needs rpm with rpmbuild")
NEW = "5.5.3.0g99d2faca"  # the vendor's own pattern misses it: it ends in a letter
Build = Callable[[Stub, Path], Path]
KINDS = [pytest.param(build_deb, id="deb", marks=NEEDS_DPKG), pytest.param(build_rpm, id="rpm", marks=NEEDS_RPM)]
HOST = Host(DEBIAN, "amd64", {"djigzo": "4.6.2-0", "djigzo-web": "4.6.2-0"})


# ---- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", KINDS)
def test_the_control_data_are_read_and_not_the_name(build: Build, tmp_path: Path) -> None:
    file = build(core_os("no-deps", NEW), tmp_path).rename(tmp_path / "download(1)")
    package = read_package(file)
    assert package.name == "ciphermail-core-os-no-deps"
    assert package.version.removesuffix("-1") == NEW
    assert "ciphermail-core-os" in package.provides
    assert package.arch in ("all", "noarch")
    assert package.family == 5


@pytest.mark.parametrize("build", KINDS)
def test_a_package_that_was_cut_off_is_refused(build: Build, tmp_path: Path) -> None:
    file = build(Stub("djigzo", NEW), tmp_path)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(UsageProblem, match="is not whole"):
        read_package(file)


@pytest.mark.parametrize("build", KINDS)
def test_a_package_with_a_changed_byte_is_refused(build: Build, tmp_path: Path) -> None:
    file = build(Stub("djigzo", NEW), tmp_path)
    data = bytearray(file.read_bytes())
    data[-100] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(UsageProblem, match="is not whole"):
        read_package(file)


@NEEDS_DPKG
def test_a_folder_gives_its_packages_and_nothing_else(tmp_path: Path) -> None:
    built = build_deb(Stub("djigzo", NEW), tmp_path)
    (tmp_path / "SHA256SUMS").write_text("x")
    assert packages_in(tmp_path) == (built,)


def test_an_error_page_that_was_saved_as_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "djigzo_5.5.3_all.deb").write_text("<html>404</html>")
    with pytest.raises(UsageProblem, match=r"djigzo_5\.5\.3_all\.deb is no package"):
        packages_in(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="No such file"):
        packages_in(tmp_path / "missing")


@NEEDS_DPKG
def test_without_the_tool_it_is_said_which_to_install(tmp_path: Path) -> None:
    file = build_deb(Stub("djigzo", NEW), tmp_path)
    with pytest.raises(UsageProblem) as caught:
        read_package(file, lambda argv: Ran(127, "", f"{argv[0]} is not installed"))
    assert "install dpkg" in caught.value.hint


def test_digests_as_the_tools_write_them() -> None:
    digest = "AB" * 32
    text = f"{digest}  djigzo.deb\n{digest} *./web.deb\n# a note\nshort  x\n"
    assert digests_of(text) == {"djigzo.deb": digest.lower(), "web.deb": digest.lower()}


@pytest.mark.parametrize(
    ("kind", "one", "other", "order"),
    [
        pytest.param("deb", NEW, "4.6.2-0", 1, marks=NEEDS_DPKG),
        pytest.param("deb", "5.5.3~rc1", "5.5.3", -1, marks=NEEDS_DPKG),
        pytest.param("deb", NEW, NEW, 0, marks=NEEDS_DPKG),
        pytest.param("rpm", "5.10.0-1", "5.9.0-1", 1, marks=NEEDS_RPM),
        pytest.param("rpm", "5.5.3~rc1-1", "5.5.3-1", -1, marks=NEEDS_RPM),
        pytest.param("rpm", "5.5.3-1", "5.5.3-1", 0, marks=NEEDS_RPM),
    ],
)
def test_versions_are_compared_by_the_tools_own_rules(kind: str, one: str, other: str, order: int) -> None:
    assert newer(kind, one, other) == order


def test_a_version_that_is_a_program_reaches_no_tool() -> None:
    with pytest.raises(UsageProblem):
        newer("rpm", "1')..os.execute('id')..('", "2")


def test_a_version_that_is_a_number_without_end_has_no_family() -> None:
    assert stub("djigzo", "5" * 5000).family == 0


@NEEDS_DPKG
def test_control_files_without_end_are_not_unpacked_to_the_disk(tmp_path: Path) -> None:
    """A hundred kilobytes that unpack to a hundred mebibytes: `dpkg-deb --field` would write them to TMPDIR."""
    ran: list[str] = []

    def run(argv: Sequence[str]) -> Ran:
        ran.append(argv[1])
        return here(argv)

    with pytest.raises(UsageProblem, match="it holds more than the limit of 16 MiB"):
        read_package(_bomb(tmp_path), run)
    assert ran == ["--ctrl-tarfile"]


def _bomb(folder: Path) -> Path:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("./zeros")
        member.size = 100 << 20
        archive.addfile(member, Zeros(member.size))  # type: ignore[arg-type]
    parts = {"debian-binary": b"2.0\n", "control.tar.gz": made.getvalue(), "data.tar.gz": b""}
    file = folder / "bomb.deb"
    file.write_bytes(b"!<arch>\n" + b"".join(_ar(name, data) for name, data in parts.items()))
    return file


class Zeros(io.RawIOBase):
    """So many of them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        taken = min(size, self._left)
        self._left -= taken
        return bytes(taken)


def _ar(name: str, data: bytes) -> bytes:
    return f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)


def test_a_tool_that_is_not_there_has_a_code_of_its_own() -> None:
    assert here(("no-such-program-anywhere",)).code == 127


# ---- the set -------------------------------------------------------------------------------------------------


def stub(name: str, version: str = NEW, *, arch: str = "all", kind: str = "deb") -> Package:
    return Package(Path(f"{name}_{version}.{kind}"), kind, name, version, arch, (), "")


PAIR = [stub("djigzo"), stub("djigzo-web")]
NO_DEPS = stub("ciphermail-core-os-no-deps")


def by_text(kind: str, one: str, other: str) -> int:
    return (one > other) - (one < other)


def chosen(given: list[Package], host: Host = HOST) -> Chosen:
    return choose(given, host, by_text)


def names(found: Chosen) -> list[str]:
    return [package.name for package in found.packages]


def refused(given: list[Package], host: Host = HOST) -> str:
    with pytest.raises(PlanRefused) as caught:
        chosen(given, host)
    return f"{caught.value}"


def test_an_existing_set_up_gets_no_deps_first() -> None:
    found = chosen([*PAIR, NO_DEPS])
    assert names(found) == ["ciphermail-core-os-no-deps", "djigzo", "djigzo-web"]
    assert "an existing set-up has its dependencies already" in found.why[0]


def test_of_several_providers_no_deps_is_taken() -> None:
    assert names(chosen([stub("ciphermail-core-os-debian"), NO_DEPS, *PAIR]))[0] == "ciphermail-core-os-no-deps"


@pytest.mark.parametrize("given", ["ciphermail-core-os-no-deps", "ciphermail-core-os-rhel8"])
def test_never_a_second_provider(given: str) -> None:
    installed = "ciphermail-core-os-debian"
    host = replace(HOST, providers=(installed,), packages={**HOST.packages, installed: "5.0"})
    found = chosen([*PAIR, stub(given)], host)
    assert names(found) == ["djigzo", "djigzo-web"]
    assert f"{given} is left out: {installed} is installed" in found.why[0]


def test_the_installed_provider_is_updated_by_its_own_kind() -> None:
    host = replace(HOST, providers=(NO_DEPS.name,), packages={**HOST.packages, NO_DEPS.name: "5.0"})
    assert names(chosen([*PAIR, NO_DEPS], host)) == ["ciphermail-core-os-no-deps", "djigzo", "djigzo-web"]
    same = replace(host, packages={**host.packages, NO_DEPS.name: NEW})
    assert names(chosen([*PAIR, NO_DEPS], same)) == ["djigzo", "djigzo-web"]


def test_the_same_release_is_nothing_to_do() -> None:
    host = replace(HOST, packages={"djigzo": NEW, "djigzo-web": NEW})
    assert chosen([*PAIR, NO_DEPS], host).nothing_to_do


def test_half_an_update_is_completed() -> None:
    host = replace(HOST, packages={"djigzo": NEW, "djigzo-web": "4.6.2-0"})
    assert "djigzo-web" in names(chosen([*PAIR, NO_DEPS], host))


@pytest.mark.parametrize(
    ("given", "id_"),
    [
        ([], "package-missing"),
        ([PAIR[0], NO_DEPS], "package-missing"),
        ([PAIR[1], NO_DEPS], "package-missing"),
        ([*PAIR], "core-os-missing"),
        ([*PAIR, stub("ciphermail-core-os-debian")], "core-os-missing"),
        ([*PAIR, NO_DEPS, NO_DEPS], "package-twice"),
        ([*PAIR, NO_DEPS, stub("djigzo", "5.4.1")], "package-twice"),
        ([PAIR[0], stub("djigzo-web", "5.4.1"), NO_DEPS], "package-mixed"),
        ([*PAIR, NO_DEPS, stub("ciphermail-gateway-backend", "6.3.4")], "package-six"),
        ([stub("djigzo", "6.0"), stub("djigzo-web", "6.0"), NO_DEPS], "package-six"),
        ([*PAIR, NO_DEPS, stub("djigzo-postgres")], "package-foreign"),
        ([*PAIR, NO_DEPS, stub("vim")], "package-foreign"),
        ([stub("djigzo", kind="rpm"), PAIR[1], NO_DEPS], "package-format"),
        ([stub("djigzo", arch="arm64"), PAIR[1], NO_DEPS], "package-arch"),
        ([stub("djigzo", "3.9"), stub("djigzo-web", "3.9"), NO_DEPS], "package-older"),
    ],
)
def test_wrong_sets_are_refused(given: list[Package], id_: str) -> None:
    assert id_ in refused(given)


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = refused([stub("vim"), stub("djigzo", arch="arm64")])
    assert all(id_ in said for id_ in ("package-foreign", "package-arch", "package-missing", "core-os-missing"))


def test_two_installed_providers_and_a_host_without_a_gateway() -> None:
    two = replace(HOST, providers=("ciphermail-core-os-debian", "ciphermail-core-os-rhel8"))
    assert "core-os-twice" in refused([*PAIR, NO_DEPS], two)
    assert "not-installed" in refused([*PAIR, NO_DEPS], replace(HOST, packages={}))


# ---- families ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ('ID=debian\nVERSION_ID="12"\n', DEBIAN),
        ("ID=ubuntu\nID_LIKE=debian\n", DEBIAN),
        ('ID="rhel"\nID_LIKE="fedora"\n', REDHAT),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', REDHAT),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', SUSE),
        ('ID="sles"\n', SUSE),
        ('ID="sles_sap"\n', SUSE),
        ("ID=raspbian\nID_LIKE=debian\n", DEBIAN),
    ],
)
def test_the_family_by_os_release(text: str, family: object) -> None:
    assert distribution_of(text) is family


@pytest.mark.parametrize("text", ["", "ID=arch\n", "#ID=debian\n", "ID=freebsd\nPRETTY_NAME='FreeBSD 14'\n"])
def test_no_family_is_guessed(text: str) -> None:
    with pytest.raises(Exception, match="no update is known for"):
        distribution_of(text)


def test_each_family_clears_exactly_two_folders() -> None:
    for each in DISTRIBUTIONS:
        caches = each.caches_of(each.tomcats[0])
        assert sorted(Path(cache).name for cache in caches) == ["ciphermail", "web"]
        assert all("{" not in cache for cache in caches)
