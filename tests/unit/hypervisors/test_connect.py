"""connect: the adapter by its scheme, loaded when it is asked for and not before."""

import subprocess
import sys

import pytest

from hypervisors import NotSupported, connect, without_asking


@pytest.mark.parametrize("url", ["vmhost", "ssh://root@vmhost", "", "qemu", "qemu:/system"])
def test_unknown_schemes_are_refused(url: str) -> None:
    with pytest.raises(NotSupported) as caught:
        connect(url)
    assert str(caught.value) == f"{url!r} names no hypervisor known here"
    assert "qemu:///system" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "unasked"),
    [
        ("qemu:///system", "qemu:///system"),
        ("vsphere://admin@vcenter/dc", "vsphere://admin@vcenter/dc"),
        ("qemu+ssh://root@kvm1/system", "qemu+ssh://root@kvm1/system?no_tty=1"),
        ("qemu+libssh2://root@kvm1/system?x=1", "qemu+libssh2://root@kvm1/system?x=1"),
        ("qemu+ssh://root@kvm1/system?keyfile=/k", "qemu+ssh://root@kvm1/system?keyfile=/k&no_tty=1"),
    ],
)
def test_a_look_over_ssh_asks_for_no_password(url: str, unasked: str) -> None:
    """libvirt: no_tty gives ssh no terminal to ask at."""
    assert without_asking(url) == unasked


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
