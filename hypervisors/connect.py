"""From a URL to the adapter that speaks to it; each SDK is loaded only when its scheme is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from hypervisors.access import Access
from hypervisors.errors import NotSupported
from hypervisors.kvm import transports
from hypervisors.port import Hypervisor


@dataclass(frozen=True)
class _Adapter:
    module: str
    extra: str  # what to install it with
    sdk: str


_KVM = _Adapter("hypervisors.kvm.adapter", "kvm", "libvirt")
_VMWARE = _Adapter("hypervisors.vmware.adapter", "vmware", "vSphere")
_ADAPTERS = {"qemu": _KVM, "test": _KVM, "vsphere": _VMWARE}
_NO_ACCESS = Access()


def connect(url: str, access: Access = _NO_ACCESS) -> Hypervisor:
    """Connect to the hypervisor at `url`, as in qemu:///system, qemu+ssh://root@host/system or vsphere://user@vc/DC/C.

    Raises NotSupported (scheme unknown, SDK not installed), Unreachable, LoginRefused, TrustRefused.
    """
    return _opener(_adapter_of(url))(url, access)


def check_url(url: str) -> None:
    """Raises NotSupported for what no adapter takes, as `connect` does, and connects to nothing."""
    if _adapter_of(url) is _KVM:
        transports.checked(url)


def _adapter_of(url: str) -> _Adapter:
    scheme, separator, _ = url.partition("://")
    adapter = _ADAPTERS.get(scheme.partition("+")[0].lower()) if separator else None
    if adapter is None:
        raise NotSupported(
            f"{url!r} names no hypervisor known here",
            hint="give qemu:///system, qemu+ssh://USER@HOST/system or vsphere://USER@HOST/DATACENTER/CLUSTER-OR-HOST",
        )
    return adapter


def _opener(adapter: _Adapter) -> Callable[[str, Access], Hypervisor]:
    try:
        module = importlib.import_module(adapter.module)
    except ImportError as error:
        raise NotSupported(
            f"the Python package for {adapter.sdk} cannot be loaded ({error})",
            hint=f"install it: pip install 'vmmigrate[{adapter.extra}]'",
        ) from error
    return cast("Callable[[str, Access], Hypervisor]", module.open_hypervisor)
