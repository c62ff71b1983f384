"""A guest that goes off or on between the look and the call: what was asked for is so, and is no failure."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

import libvirt

from hypervisors.kvm import power


class Between:
    """A domain of libvirt's own test driver; `meanwhile` comes once, right after the first look at its power."""

    def __init__(self, domain: Any, meanwhile: Callable[[Any], object]) -> None:
        self._domain, self._meanwhile = domain, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)

    def isActive(self) -> Any:  # noqa: N802 -- libvirt's names
        return self._seen(self._domain.isActive())

    def state(self) -> Any:
        return self._seen(self._domain.state())

    def _seen(self, answer: Any) -> Any:
        meanwhile, self._meanwhile = self._meanwhile, lambda domain: None
        meanwhile(self._domain)
        return answer


@pytest.fixture
def domain() -> Iterator[Any]:
    """One that runs."""
    connection = libvirt.open("test:///default")
    yield connection.lookupByName("test")
    connection.close()


def test_one_that_goes_off_by_itself_is_shut_down(domain: Any) -> None:
    power.shut_down(Between(domain, lambda domain: domain.destroy()), "test", 1.0)
    assert not domain.isActive()


def test_and_is_cut_off(domain: Any) -> None:
    power.cut(Between(domain, lambda domain: domain.destroy()))
    assert not domain.isActive()


def test_one_that_somebody_starts_meanwhile_runs(domain: Any) -> None:
    domain.destroy()
    power.switch_on(Between(domain, lambda domain: domain.create()), "test")
    assert domain.isActive()


class Refusing(Between):
    """The host refuses, and nothing has changed meanwhile."""

    def create(self) -> None:
        raise libvirt.libvirtError("internal error: the firmware is missing")

    shutdown = destroy = create


def test_a_refusal_while_nothing_changed_is_one(domain: Any) -> None:
    refusing = Refusing(domain, lambda domain: None)
    for act in (lambda: power.shut_down(refusing, "test", 1.0), lambda: power.cut(refusing)):
        with pytest.raises(libvirt.libvirtError, match="firmware"):
            act()
    domain.destroy()
    with pytest.raises(libvirt.libvirtError, match="firmware"):
        power.switch_on(refusing, "test")
