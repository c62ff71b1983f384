"""What a script is asked and answers, written down once: the stand-in host is held to it here, the scripts by Pester.

tests/powershell has both, and runs where there is a PowerShell.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.appliance import state
from fixtures.hyperv import host, windows
from fixtures.hyperv.errors import HostError
from fixtures.hyperv.scripts import SCRIPTS
from fixtures.memory import create_lab
from hypervisors.hyperv.session import Session
from hypervisors.hyperv.target import Target
from tests.unit.hypervisors.test_hyperv_scripts import CMDLETS, PARSER, commands, nodes

FOLDER = Path(__file__).parents[2] / "powershell"
WORLD = json.loads((FOLDER / "world.json").read_text())
EXCHANGES = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "exchanges").glob("*.json"))}
_POWER = {"Running": "running", "Off": "off", "Saved": "other"}
_ROOM = 64 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The world of world.json at the stand-in."""
    networks = [{"name": one["name"], "kind": "network", "active": True} for one in WORLD["switches"]]
    create_lab(tmp_path, networks=networks, store="default", available=_ROOM)
    with state.edit(tmp_path) as now:
        for facts in WORLD["machines"]:
            now["vms"][facts["id"]] = _entry(tmp_path, facts)
    for path in WORLD["files"]:
        place = windows.place_of(tmp_path, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place)
    return tmp_path


def _write(place: Path) -> None:
    """The stand-in's guests read their disk, so one that was sent is a whole VHDX; Pester's host opens none."""
    if place.suffix == ".part":
        subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", place, "3M"], check=True)
    else:
        place.write_bytes(b"vhdxfile")


def _entry(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    asked = {**facts, "folder": "", "dynamic_memory": False, "compatible_processor": False, "nested": False}
    entry = host.new_entry(folder, facts["id"], {**asked, "reserve": 0, "maximum": 100, "weight": 100})
    entry.update(power=_POWER[facts["state"]], booted=True, autostart=facts["start_action"] != "Nothing")
    for nic in facts["nics"]:
        entry["nics"].append(_nic(facts["id"], nic))
        entry["leases"].update(dict.fromkeys([entry["nics"][-1]["mac"]], *nic["addresses"]) if nic["addresses"] else {})
    kept = ("path", "start_action", "start_delay", "disks")
    entry["hyperv"].update({name: copy.deepcopy(facts[name]) for name in kept})
    return entry


def _nic(vm: str, facts: dict[str, Any]) -> dict[str, Any]:
    asked = {"mac": facts["mac"], "vlan": facts["vlan"], "spoofing": facts["spoofing"]}
    nic = host.new_nic(vm, {**asked, "connected": bool(facts["switch"])}, facts["switch"] or "lan")
    nic["hyperv"].update(id=facts["id"], name=facts["name"])
    return nic


@pytest.mark.parametrize("title", EXCHANGES)
def test_the_stand_in_answers_as_it_is_written_down(folder: Path, title: str) -> None:
    for step in EXCHANGES[title]:
        if "error" in step:
            with pytest.raises(HostError) as caught:
                SCRIPTS[step["script"]](folder, step["asked"])
            assert caught.value.record["category"] == step["error"]["category"]
        else:
            said = json.loads(json.dumps(SCRIPTS[step["script"]](folder, step["asked"])))
            assert list(differences(said, step["answer"], step["script"])) == []


def differences(said: Any, expected: Any, where: str) -> Iterator[str]:
    """As the Pester test compares: '<any>' stands for anything, and a name that is not expected is a difference."""
    if expected == "<any>":
        return
    if isinstance(said, dict) and isinstance(expected, dict) and set(said) == set(expected):
        for name, value in expected.items():
            yield from differences(said[name], value, f"{where}.{name}")
    elif isinstance(said, list) and isinstance(expected, list) and len(said) == len(expected):
        for at, (one, other) in enumerate(zip(said, expected, strict=True)):
            yield from differences(one, other, f"{where}[{at}]")
    elif type(said) is not type(expected) or said != expected:
        yield f"{where}: {said!r}, expected {expected!r}"


def test_every_script_is_written_down() -> None:
    assert {step["script"] for steps in EXCHANGES.values() for step in steps} == set(SCRIPTS)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pwsh") is None, reason="no PowerShell here: make powershell, where there is one")
def test_the_scripts_answer_as_it_is_written_down() -> None:
    done = subprocess.run(["make", "powershell"], cwd=FOLDER.parents[1], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.ps*1")), ids=lambda path: path.name)
def test_what_pester_runs_parses(path: Path) -> None:
    """No PowerShell is needed for that."""
    wrong = [
        each for each in nodes(PARSER.parse(path.read_bytes()).root_node) if each.type == "ERROR" or each.is_missing
    ]
    assert [(each.start_point, each.text) for each in wrong] == []


@pytest.mark.parametrize("module", ["Hyper-V", "CimCmdlets", "Storage"])
def test_the_stub_has_each_cmdlet_with_the_documented_parameters(module: str) -> None:
    text = (FOLDER / module / f"{module}.psm1").read_bytes()
    declared = dict(_declared(text))
    own = {"Confirm", "Passthru"}  # Confirm is every cmdlet's with SupportsShouldProcess
    for cmdlet, parameters in CMDLETS[module].items():
        assert set(parameters.split()) - own <= declared[cmdlet] | own, cmdlet
    assert list(commands(text))  # the parser sees its commands


def _declared(text: bytes) -> Iterator[tuple[str, set[str]]]:
    """Each function of a module, with the variables of its parameter block."""
    for node in nodes(PARSER.parse(text).root_node):
        if node.type == "function_statement":
            name = next(each.text.decode() for each in node.children if each.type == "function_name" and each.text)
            blocks = [each for each in nodes(node) if each.type == "script_parameter"]
            variables = [each for block in blocks for each in nodes(block) if each.type == "variable"]
            yield name, {(each.text or b"").decode().lstrip("$") for each in variables}


def test_a_listing_without_our_own_folder_removes_none() -> None:
    """What the host's clock says is not known then, so neither is what is old."""
    kept: dict[str, bytes] = {}
    removed: list[str] = []
    files = SimpleNamespace(
        listed=lambda path: [(".vmmigrate-old", 1.0)],
        make_folder=lambda path: None,
        write=kept.__setitem__,
        read=lambda path, most: kept[path],
        remove_folder=removed.append,
    )
    Session(Target("admin", "hv1", 22), SimpleNamespace(files=lambda stall: files), 1.0)  # type: ignore[arg-type]
    assert removed == []
    assert kept
