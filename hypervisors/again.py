"""A hypervisor whose connection may break: connect again and make the same call once more, for a bounded time."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar, cast

from hypervisors.altering import Altered, Call, Hears, unheard
from hypervisors.errors import Problem, TimedOut, Unreachable
from hypervisors.port import Hypervisor, Rename
from hypervisors.waiting import REAL_TIME, Pace, once_reachable, wait_for

T = TypeVar("T")

_READS = "it changes nothing"
_SETS = "it looks first, and does nothing where that is so already"
# Every method of the port and of its abilities. Whether a call whose answer was lost had its effect is not known, so
# each must be right in both cases; the reason is beside its name. A method that is not here is not offered.
REPEATABLE = {
    **dict.fromkeys(("find", "inventory", "networks", "keeps_mac", "stores", "rehearse", "carried"), _READS),
    **dict.fromkeys(
        (
            "power_state",
            "addresses",
            "holders",
            "find_tagged",
            "agent_answers",
            "read_guest_file",
            "snapshots",
            "snapshot_fault",
            "probed",
            "rehearse_rename",
        ),
        _READS,
    ),
    **dict.fromkeys(("property_fault", "fills_in"), _READS),
    **dict.fromkeys(("start", "power_off", "set_nic", "set_autostart", "rename"), _SETS),
    **dict.fromkeys(("remove_nic", "create_snapshot", "remove_snapshot"), _SETS),
    "revert_snapshot": "what the call before left is what this one makes: nothing goes on there before it returns",
    "set_notes": f"{_SETS}; over what was read, or over what it wrote itself",
    "shut_down": "a guest that is asked twice shuts down once; one that is off is not asked",
    "deploy": "by tag and name: what the call before left is completed or removed first, a complete one is returned",
    "run_in_guest": "what it is given may run twice, as the port asks of its callers",
    "destroy": "by tag: it does nothing where the machine is gone",
}


class Lasting:
    """What all calls share. Its methods are those that the adapter has: see `lasting`.

    A refused log-in, an untrusted certificate and whatever the hypervisor itself refuses are final at once.
    """

    def __init__(
        self, url: str, connect: Callable[[], Hypervisor], first: Hypervisor, seconds: float, pace: Pace
    ) -> None:
        self.url = url
        self.settling = first.settling
        self.keeps_network = first.keeps_network
        if isinstance(first, Rename):
            self.renames_running = first.renames_running
        self._connect = connect
        self._adapter: Hypervisor | None = first
        self._seconds = seconds
        self._pace: Callable[[], Pace] = lambda: pace
        self._hears: Hears = unheard

    def keep_to(self, pace: Callable[[], Pace]) -> None:
        """Who hears of a wait for the hypervisor, and may stop it; asked at each wait."""
        self._pace = pace

    def report_to(self, hears: Hears) -> None:
        """Who hears what each call has altered. It costs each setter a look before it."""
        self._hears = hears

    def close(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.close()

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        calls: list[Call] = []  # this one, once it was looked at

        def act() -> Any:
            if self._adapter is None:
                self._adapter = self._connect()
            if self._hears is not unheard and not calls:
                calls.append(Call(self._adapter, name, arguments, named))
            return getattr(self._adapter, name)(*arguments, **named)

        try:
            result = self._repeated(act)
        except BaseException:
            self._report(altered for call in calls for altered in call.broken_off())
            raise
        self._report(altered for call in calls for altered in call.altered(result))
        return result

    def _report(self, all_altered: Iterable[Altered]) -> None:
        for altered in all_altered:
            self._hears(altered)

    def _repeated(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Unreachable as error:
            broken = error

        def again() -> Any:
            with suppress(Problem):  # a dead connection counts as closed
                self.close()
            return act()

        pace: Pace = self._pace()
        return until_reachable(self.url, again, self._seconds, pace, hint=broken.hint)


def lasting(
    url: str, connect: Callable[[], Hypervisor], first: Hypervisor, seconds: float, pace: Pace = REAL_TIME
) -> Hypervisor:
    """Over `first`, which `connect` made: with the methods it has, so that its abilities are seen as they are.

    `seconds`: how long a call that found no connection is repeated; then it raises Unreachable.
    """
    methods = {name: _passing(name) for name in REPEATABLE if callable(getattr(first, name, None))}
    kind = cast(type[Lasting], type(Lasting.__name__, (Lasting,), methods))
    return cast(Hypervisor, kind(url, connect, first, seconds, pace))


def until_reachable(url: str, act: Callable[[], T], seconds: float, pace: Pace, *, hint: str) -> T:
    """What `act` returns, as soon as the hypervisor answers. Raises Unreachable after so many seconds."""
    try:
        return wait_for(f"the hypervisor at {url}", once_reachable(act), timeout=seconds, clears=hint, pace=pace)
    except TimedOut as late:
        raise Unreachable(str(late), hint=late.hint) from late


def _passing(name: str) -> Callable[..., Any]:
    def call(self: Lasting, *arguments: Any, **named: Any) -> Any:
        return self._call(name, *arguments, **named)

    call.__name__ = name
    return call
