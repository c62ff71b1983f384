"""From a URL to the adapter that speaks to it; each SDK is loaded only when its scheme is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from hypervisors.access import Access
from hypervisors.errors import NotSupported
from hypervisors.hyperv import target
from hypervisors.kvm import transports
from hypervisors.port import Hypervisor


@dataclass(frozen=True)
class _Adapter:
    module: str
    extra: str  # what to install it with
    sdk: str


_KVM = _Adapter("hypervisors.kvm.adapter", "kvm", "libvirt")
_VMWARE = _Adapter("hypervisors.vmware.adapter", "vmware", "vSphere")
_HYPERV = _Adapter("hypervisors.hyperv.adapter", "all", "Hyper-V")
_ADAPTERS = {"qemu": _KVM, "test": _KVM, "vsphere": _VMWARE, "hyperv": _HYPERV}
_NO_ACCESS = Access()


def connect(url: str, access: Access = _NO_ACCESS) -> Hypervisor:
    """Connect to the hypervisor at `url`, as in qemu:///system, vsphere://user@vc/DC/C or hyperv+ssh://user@host.

    Raises NotSupported (scheme unknown, SDK not installed), Unreachable, LoginRefused, TrustRefused.
    """
    return _opener(_adapter_of(url))(url, access)


def check_url(url: str) -> None:
    """Raises NotSupported for what no adapter takes, as `connect` does, and connects to nothing."""
    adapter = _adapter_of(url)
    if adapter is _KVM:
        transports.checked(url)
    elif adapter is _HYPERV:
        target.parsed(url)


def _adapter_of(url: str) -> _Adapter:
    scheme, separator, _ = url.partition("://")
    adapter = _ADAPTERS.get(scheme.partition("+")[0].lower()) if separator else None
    if adapter is None:
        raise NotSupported(
            f"{url!r} names no hypervisor known here",
            hint="give qemu:///system, qemu+ssh://USER@HOST/system, vsphere://USER@HOST/DATACENTER/CLUSTER-OR-HOST or"
            " hyperv+ssh://USER@HOST",
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
