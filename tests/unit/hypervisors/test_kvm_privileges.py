"""The table of libvirt's calls and what polkit must permit names those that the adapter makes, and no other."""

import ast
import re
from pathlib import Path

import pytest

libvirt = pytest.importorskip("libvirt", reason="needs libvirt-python")

from hypervisors.kvm.privileges import CALLS, permissions, rule  # noqa: E402 -- needs libvirt

ADAPTER = Path(__file__).parents[3] / "hypervisors" / "kvm"
ACTIONS = Path("/usr/share/polkit-1/actions/org.libvirt.api.policy")
KINDS = ("virConnect", "virDomain", "virStoragePool", "virStorageVol", "virNetwork", "virStream")
# names of other things in the adapter that libvirt has too: of ssh, URLs, hardware, fields of records
OURS = {"domain", "hostname", "streamBufSize", "update", "vcpus"}


def called() -> set[str]:
    offered = {name for kind in KINDS for name in vars(getattr(libvirt, kind)) if not name.startswith("_")}
    paths = (path for path in ADAPTER.glob("*.py") if path.stem != "privileges")
    named = {
        node.attr for path in paths for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }
    return (named & (offered | {"qemuAgentCommand"})) - OURS


def test_each_call_that_the_adapter_makes_is_in_the_table_and_none_besides() -> None:
    assert called() == CALLS.keys()


@pytest.mark.skipif(not ACTIONS.exists(), reason="needs libvirt's actions for polkit")
def test_each_permission_is_one_of_libvirts_own() -> None:
    there = set(re.findall(r'<action id="org\.libvirt\.api\.([\w.-]+)">', ACTIONS.read_text()))
    assert len(there) > 50
    assert set(permissions()) - there == set()


def test_what_nothing_calls_is_refused() -> None:
    written = rule("vmmigrate")
    assert 'subject.user != "vmmigrate"' in written
    for never in (
        "secret.",
        "open-graphics",
        "open-device",
        "domain.migrate",
        "mem-read",
        "network.write",
        "data-read",
    ):
        assert never not in written
