"""`tls show`, `copy` and `undo` by the command line on a real guest, proved by openssl, undone byte for byte.

The old side is a process lab's gateway; the new side is the lab's old gateway, in which Postfix, sshd, sudo and OpenSSL
are real. The other shapes of pairs: test_tls_shapes.py.
"""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from certified import shown_at
from tls_shapes import AUTHORITY, Side, rc2_store_and_combined_pem
from tls_sides import Aim, Guest, environ, expected, settings, shown

from fixtures import lab as labs
from fixtures.lab import Lab
from fixtures.processlab import ProcessLab
from vmmigrate.alone import tls_copy as tlscopy

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def aim(lab: Lab) -> Iterator[Aim]:
    yield Aim(lab.old.address, lab.old.host_key)
    labs.reset(labs.folders())


def test_the_command_line_shows_copies_and_undoes(
    aim: Aim, old: ProcessLab, guest: Guest, giving: Callable[[Side], tlscopy.Gateway], tmp_path: Path
) -> None:
    wanted, laid = rc2_store_and_combined_pem(tmp_path), AUTHORITY.issue("ECDSA")
    guest.lay(dataclasses.replace(wanted.new, files={**wanted.new.files, "/etc/postfix/tls.pem": laid.pem}))
    giving(wanted.old)
    before = guest.state()
    own = tmp_path / "vmmigrate" / "vmmigrate.toml"  # the user's own: one that is only found here sends no password
    own.parent.mkdir()
    own.write_text(_toml(settings(aim, old)))

    def vmmigrate(*argv: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", "from vmmigrate.cli import main; main()", "tls", *argv]
        return subprocess.run(
            words,
            cwd=tmp_path,
            env=environ() | {"PYTHONPATH": str(CHECKOUT), "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    done = vmmigrate("copy", old.address, aim.address, "--yes")
    assert done.returncode == 0, done.stderr
    assert "web: /usr/share/djigzo-web/ssl/sslCertificate.p12" in done.stdout
    assert "SMTP STARTTLS shows the old certificate" in done.stdout
    assert wanted.findings[0] in done.stdout
    assert shown(guest, wanted) == expected(wanted)
    seen = json.loads(vmmigrate("show", aim.address, "--json").stdout)
    found = {each["port"]: each["shown"][0]["sha256"] for each in seen["ports"] if each["shown"]}
    assert found == {8443: wanted.shows[8443][""].shown[0], 25: wanted.shows[25][""].shown[0]}
    undone = vmmigrate("undo", aim.address)
    assert (undone.returncode, guest.state()) == (0, before), undone.stderr
    assert "console shows its previous certificate" in undone.stdout
    assert shown_at(aim.address, 25, starttls=True) == laid.shown


def _toml(values: Mapping[str, object]) -> str:
    old, new, limits = (values[name] for name in ("old", "new", "limits"))
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    assert isinstance(limits, dict)
    return (
        f"[old.ssh]\nport = {old['ssh']['port']}\nhost_key = {json.dumps(old['ssh']['host_key'])}\n"
        f"[new.ssh]\nhost_key = {json.dumps(new['ssh']['host_key'])}\n[limits]\nrestart = {limits['restart']}\n"
    )
