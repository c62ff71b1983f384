"""Transports that the old settings name and the new master.cf lacks."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_shell import ScriptedShell

from vmmigrate.appliance import transports
from vmmigrate.appliance.port import Result
from vmmigrate.errors import CommandFailed

OLD = "smtp unix - - n - - smtp\nscan unix - - n - 4 smtp\nscan2 unix - n n - - pipe\n"
NEW = "smtp unix - - n - - smtp\n"


class Old(ScriptedShell):
    """Its maps are files of a real folder, which a real grep reads."""

    def __init__(self, folder: Path, settings: str = "", services: str = OLD) -> None:
        super().__init__(
            {"postconf -M": services, "postconf -n": settings, "postconf -h config_directory": str(folder)}
        )

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        if argv[0] != "grep":
            return super().run(argv, user=user, check=check, timeout=timeout)
        said = subprocess.run(argv, capture_output=True, text=True, check=False)
        return Result(said.returncode, said.stdout, said.stderr)


def missing(old: Old) -> dict[str, tuple[str, ...]]:
    return dict(transports.missing(old, ScriptedShell({"postconf -M": NEW})))


@pytest.mark.parametrize(
    "setting",
    [
        "content_filter = scan:[127.0.0.1]:10025",
        "content_filter = scan",
        "default_transport = scan",
        "relay_transport = scan:inner.example.test",
        "smtpd_recipient_restrictions = check_sender_access inline:{x.test=FILTER scan:[127.0.0.1]:10025}",
    ],
)
def test_one_that_main_cf_names_is_found(tmp_path: Path, setting: str) -> None:
    assert missing(Old(tmp_path, f"{setting}\n")) == {"scan": ("main.cf",)}


def test_one_that_a_service_has_for_itself_is_found(tmp_path: Path) -> None:
    own = "submission inet n - n - - smtpd -o content_filter=scan2:dummy\n"
    assert missing(Old(tmp_path, services=OLD + own)) == {"scan2": ("master.cf",)}


@pytest.mark.parametrize("line", ["example.org  scan:[192.0.2.7]", "/^X-Scan:/ FILTER scan:[127.0.0.1]:10025"])
def test_one_that_a_map_or_a_header_check_names_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/transport").write_text(f"{line}\n")
    assert missing(Old(tmp_path)) == {"scan": (f"{tmp_path}/maps/transport",)}


def test_one_that_nobody_names_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "transport").write_text("# example.org scan:[192.0.2.7]\nexample.org myscan:x\n")
    assert missing(Old(tmp_path, "content_filter = smtp:x\nmyhostname = scan.example.test\n")) == {}


def test_both_have_all(tmp_path: Path) -> None:
    assert transports.missing(Old(tmp_path, "content_filter = scan:x\n"), ScriptedShell({"postconf -M": OLD})) == {}


def test_where_its_files_cannot_be_searched_nothing_passes_for_unnamed(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="could not be searched for 'scan'"):
        missing(Old(tmp_path / "gone"))
