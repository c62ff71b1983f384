"""From a URL to the adapter that speaks to it; each SDK is loaded only when its scheme is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from hypervisors.errors import NotSupported
from hypervisors.port import Hypervisor


@dataclass(frozen=True)
class _Adapter:
    module: str
    extra: str  # what to install it with
    sdk: str


_KVM = _Adapter("hypervisors.kvm.adapter", "kvm", "libvirt")
_ADAPTERS = {"qemu": _KVM, "test": _KVM}


def connect(url: str) -> Hypervisor:
    """Connect to the hypervisor at `url`, as in qemu:///system or qemu+ssh://root@host/system.

    Raises NotSupported (scheme unknown, SDK not installed), Unreachable, LoginRefused, TrustRefused.
    """
    scheme, separator, _ = url.partition("://")
    adapter = _ADAPTERS.get(scheme.partition("+")[0].lower()) if separator else None
    if adapter is None:
        raise NotSupported(
            f"{url!r} names no hypervisor known here",
            hint="give a libvirt URL: qemu:///system, qemu:///session or qemu+ssh://USER@HOST/system",
        )
    return _opener(adapter)(url)


def _opener(adapter: _Adapter) -> Callable[[str], Hypervisor]:
    try:
        module = importlib.import_module(adapter.module)
    except ImportError as error:
        raise NotSupported(
            f"the Python package for {adapter.sdk} cannot be loaded ({error})",
            hint=f"install it: pip install 'vmmigrate[{adapter.extra}]'",
        ) from error
    return cast("Callable[[str], Hypervisor]", module.open_hypervisor)
