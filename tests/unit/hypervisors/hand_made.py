"""A property collector that answers with what a test lays before it: for what no simulator can be brought to say."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from pyVmomi import vim, vmodl

from hypervisors.vmware.faults import door
from hypervisors.vmware.target import Target

_Collector: Any = vmodl.query.PropertyCollector


class Answers:
    """Each look takes the next answer; the last one stays. An answer is one page, or several."""

    def __init__(self, *answers: Any) -> None:
        self._left = list(answers)
        self._pages: list[Any] = []
        self.tokens: list[str] = []

    def RetrievePropertiesEx(self, specs: Any, options: Any) -> Any:  # noqa: N802 -- pyvmomi's name
        answer = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        self._pages = list(answer) if isinstance(answer, tuple) else [answer]
        return self._page()

    def ContinueRetrievePropertiesEx(self, token: str) -> Any:  # noqa: N802 -- pyvmomi's name
        self.tokens.append(token)
        return self._page()

    def _page(self) -> Any:
        objects = self._pages.pop(0)
        if not objects:
            return None  # a server says so, not with an empty list
        token = f"{len(self._pages)} more" if self._pages else None
        return _Collector.RetrieveResult(token=token, objects=objects)


def told(thing: vim.ManagedEntity, properties: Mapping[str, Any]) -> Any:
    """What a page holds of one thing."""
    changes = [vmodl.DynamicProperty(name=name, val=value) for name, value in properties.items()]
    return _Collector.ObjectContent(obj=thing, propSet=changes)


def session_with(answers: Answers) -> Any:
    """As far as a property is read and a call is made: with the door for faults, without log-in and repetition."""

    def call(what: str, act: Any) -> Any:
        with door(what):
            return act()

    content = SimpleNamespace(propertyCollector=answers)
    return SimpleNamespace(read=call, write=call, content=content, target=Target("vc", 443, "me", "", "", ""))
