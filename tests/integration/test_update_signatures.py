"""Signatures of packages, by the real gpg and rpm: the operator's key, in a keyring that goes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.packages import Stub, build_deb, build_rpm
from fixtures.publisher import Publisher
from vmmigrate.errors import PlanRefused, UsageProblem
from vmmigrate.updating.signatures import verify

needs = pytest.mark.skipif(
    not all(map(shutil.which, ("gpg", "rpmsign", "rpmbuild", "dpkg-deb"))), reason="needs gpg, rpm and dpkg"
)
pytestmark = [pytest.mark.slow, needs]
STUB = Stub("djigzo", "5.5.3-1")


@pytest.fixture(scope="module")
def publishers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Publisher, Publisher]]:
    folder = tmp_path_factory.mktemp("keys")
    with Publisher(folder, "vendor") as vendor, Publisher(folder, "stranger") as stranger:
        yield vendor, stranger


def test_packages_are_signed_by_the_named_key_or_refused(
    publishers: tuple[Publisher, Publisher], tmp_path: Path
) -> None:
    vendor, stranger = publishers
    rpm, deb = build_rpm(STUB, tmp_path), build_deb(STUB, tmp_path)
    with pytest.raises(PlanRefused) as refused:
        verify((rpm, deb), vendor.key, None)
    assert all(f"{path.name}: no signature of that key" in str(refused.value) for path in (rpm, deb))
    stranger.sign_rpm(rpm)
    with pytest.raises(PlanRefused):
        verify((rpm,), vendor.key, None)
    vendor.sign_rpm(rpm)
    vendor.sign(deb)
    assert len(verify((rpm, deb), vendor.key, None)) == 40
    with pytest.raises(UsageProblem, match="is not that key's signature of"):
        verify((rpm, deb), stranger.key, None)
    deb.write_bytes(deb.read_bytes() + b"more")
    with pytest.raises(UsageProblem, match="is not that key's signature of"):
        verify((deb,), vendor.key, None)


def test_signed_digests_stand_for_packages_without_a_signature(
    publishers: tuple[Publisher, Publisher], tmp_path: Path
) -> None:
    vendor, stranger = publishers
    deb, sums = build_deb(STUB, tmp_path), tmp_path / "SHA256SUMS"
    sums.write_text("digests\n")
    with pytest.raises(PlanRefused):
        verify((deb,), vendor.key, sums)
    vendor.sign(sums)
    verify((deb,), vendor.key, sums)
    with pytest.raises(UsageProblem, match="SHA256SUMS"):
        verify((deb,), stranger.key, sums)


@pytest.mark.parametrize("text", ["", "no key\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_a_file_without_a_key(tmp_path: Path, text: str) -> None:
    key = tmp_path / "key"
    key.write_text(text)
    with pytest.raises(UsageProblem, match="has no public key"):
        verify((), key, None)
    with pytest.raises(UsageProblem, match="is no file"):
        verify((), tmp_path / "nothing", None)
