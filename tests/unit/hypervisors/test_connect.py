"""connect: the adapter by its scheme, loaded when it is asked for and not before."""

import subprocess
import sys

import pytest

from hypervisors import NotSupported, check_url, connect


@pytest.mark.parametrize("url", ["vmhost", "ssh://root@vmhost", "", "qemu", "qemu:/system"])
def test_unknown_schemes_are_refused(url: str) -> None:
    with pytest.raises(NotSupported) as caught:
        connect(url)
    assert str(caught.value) == f"{url!r} names no hypervisor known here"
    assert "qemu:///system" in caught.value.hint


@pytest.mark.parametrize("url", ["vmhost", "qemu+ext:///system", "qemu+ssh://kvm1/system?no_verify=1"])
def test_a_url_is_refused_without_connecting(url: str) -> None:
    check_url("qemu+ssh://kvm1/system")
    check_url("vsphere://admin@vcenter/dc")
    with pytest.raises(NotSupported):
        check_url(url)


def test_a_missing_sdk_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    monkeypatch.delitem(sys.modules, "hypervisors.kvm.adapter", raising=False)
    for module in [name for name in sys.modules if name.startswith("hypervisors.kvm")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(NotSupported) as caught:
        connect("qemu:///system")
    assert caught.value.hint == "install it: pip install 'vmmigrate[kvm]'"


def test_the_facade_loads_no_sdk() -> None:
    code = "import sys, hypervisors; print([name for name in sys.modules if name in ('libvirt', 'pyVmomi')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
