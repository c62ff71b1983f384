"""Who holds a MAC, where domains come and go while they are listed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

from hypervisors import Access, Holder, HypervisorError, Network, PowerState, VmRef
from hypervisors.kvm import holding
from hypervisors.kvm.session import Session, open_session

MAC = "52:54:00:c0:00:10"
_DOMAIN = f"""
<domain type='test'><name>{{name}}</name><uuid>{{uuid}}</uuid><memory>1024</memory><vcpu>1</vcpu>
  <os><type>hvm</type></os>
  <devices><interface type='network'><mac address='{MAC}'/><source network='default'/></interface></devices>
</domain>"""
_UUIDS = {
    "stays": "11111111-1111-4111-8111-111111111111",
    "goes": "22222222-2222-4222-8222-222222222222",
}


@dataclass(frozen=True)
class Moving(Session):
    """Something happens right after the domains were listed."""

    then: Callable[[Any], object] = lambda connection: None

    def domains(self) -> list[Any]:
        listed = super().domains()
        self.then(self.connection)
        return listed


def define(connection: Any, name: str) -> None:
    connection.defineXML(_DOMAIN.format(name=name, uuid=_UUIDS[name]))


def remove(connection: Any) -> None:
    connection.lookupByUUIDString(_UUIDS["goes"]).undefine()


def replace(connection: Any) -> None:
    remove(connection)
    define(connection, "goes")


def held(tmp_path: Path, then: Callable[[Any], object]) -> set[str]:
    node = tmp_path / "node.xml"
    node.write_text("<node><network><name>default</name></network></node>")
    connection = open_session(f"test://{node}", Access()).connection
    for name in _UUIDS:
        define(connection, name)
    found = holding.holders(Moving(connection, local=False, stall=60.0, then=then), MAC)
    for holder in found:
        where = Network("default", "network")
        assert holder == Holder(VmRef(_UUIDS[holder.vm.name], holder.vm.name), PowerState.OFF, True, True, where)
    return {holder.vm.name for holder in found}


def test_all_are_read(tmp_path: Path) -> None:
    assert held(tmp_path, lambda connection: None) == {"stays", "goes"}


def test_one_that_goes_meanwhile_is_gone_if_a_second_look_finds_nothing(tmp_path: Path) -> None:
    assert held(tmp_path, remove) == {"stays"}


def test_one_that_comes_back_under_its_uuid_is_there(tmp_path: Path) -> None:
    assert held(tmp_path, replace) == {"stays", "goes"}


def test_one_that_is_said_to_be_gone_and_is_found_each_time_is_no_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that contradicts itself; no real one could be brought to it."""

    def contradicts(domain: Any) -> None:
        domain.connect().lookupByName("nobody")

    monkeypatch.setattr(holding, "definitions", contradicts)
    with pytest.raises(HypervisorError, match="virtual machine"):
        held(tmp_path, lambda connection: None)
