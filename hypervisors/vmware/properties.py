"""Read named properties of managed objects in one round trip: touching `vm.runtime` would fetch it whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pyVmomi import vim, vmodl

from hypervisors.errors import HypervisorError, NotFound
from hypervisors.limits import VSPHERE_PAGES
from hypervisors.vmware.faults import NONSENSE, TRANSPORT, words_of
from hypervisors.vmware.session import Session

_PAGE = 500  # things in one answer
_MOST_PAGES = VSPHERE_PAGES.most
_Collector: Any = vmodl.query.PropertyCollector


class Properties(dict[str, Any]):
    """By path. What the server does not report is absent: `get` tolerates that, [] raises HypervisorError."""

    def __init__(self, what: str, content: Any) -> None:
        """`content`: an ObjectContent. Raises NotAuthenticated, which is listed in the missing set."""
        super().__init__((one.name, one.val) for one in content.propSet)
        self._what = what
        self._faults = {one.path: one.fault for one in content.missingSet or ()}
        for fault in self._faults.values():
            if isinstance(fault, vim.fault.NotAuthenticated):
                raise fault

    @classmethod
    def unread(cls, what: str) -> "Properties":
        """Of a thing of which the server says nothing."""
        return cls(what, _Collector.ObjectContent())

    def lacks(self, paths: Sequence[str]) -> bool:
        """Whether the server knows no property of one of these names."""
        return any(isinstance(self._faults.get(path), vmodl.query.InvalidProperty) for path in paths)

    def __missing__(self, path: str) -> Any:
        why = f": {words_of(self._faults[path])}" if path in self._faults else ""
        raise HypervisorError(
            f"{self._what}: the server does not report its {path}{why}",
            hint="has the account the privileges that the page for VMware lists? is it connected and accessible?",
        )


Row = tuple[Any, Properties]


def of_one(session: Session, thing: vim.ManagedEntity, paths: Sequence[str], what: str) -> Properties:
    """Raises NotFound."""
    rows = _rows(session, _filter([thing], paths), what)
    if not rows:
        raise NotFound(f"{what}: it is gone", hint="see the inventory in the vSphere client")
    return rows[0][1]


def of_all_keyed(
    session: Session,
    kind: type[vim.ManagedEntity],
    paths: Sequence[str],
    keyed: Sequence[str],
    root: vim.ManagedEntity,
    *,
    instead: Sequence[str] = (),
) -> list[Row]:
    """As `of_all`, and `keyed`: single elements of lists, as config.hardware.device[4000], absent where there is none.

    vCenter 6.0 and later know such paths [govmomi issue 1001, pull request 3451]. `instead`: what is read of a server
    that does not, which refuses the call or reports each path as missing.
    """
    try:
        rows = of_all(session, kind, (*paths, *keyed), root)
    except HypervisorError as refused:
        if not isinstance(refused.__cause__, vmodl.query.InvalidProperty):
            raise
    else:
        if not any(row.lacks(keyed) for _, row in rows):
            return rows
    return of_all(session, kind, (*paths, *instead), root)


def of_each(session: Session, things: Sequence[vim.ManagedEntity], paths: Sequence[str], what: str) -> list[Row]:
    """Of things of one kind, without those that are gone."""
    return _rows(session, _filter(things, paths, gone_is_left_out=True), what) if things else []


def _filter(things: Sequence[vim.ManagedEntity], paths: Sequence[str], *, gone_is_left_out: bool = False) -> Any:
    return _Collector.FilterSpec(
        reportMissingObjectsInResults=gone_is_left_out,
        objectSet=[_Collector.ObjectSpec(obj=thing) for thing in things],
        propSet=[_Collector.PropertySpec(type=type(things[0]), pathSet=list(paths))],
    )


def of_all(session: Session, kind: type[vim.ManagedEntity], paths: Sequence[str], root: vim.ManagedEntity) -> list[Row]:
    """Of everything of that kind below `root`: three round trips, and one more for each page after the first."""
    what = f"the list of {kind.__name__.rpartition('.')[2]}"

    def look() -> list[Row]:
        view = session.content.viewManager.CreateContainerView(root, [kind], True)
        with _gone_with_its_session(view):
            rows = _pages(session, _through(view, kind, paths), what)
        with suppress(vmodl.MethodFault, *TRANSPORT, *NONSENSE):  # it goes with the session; what was read is read
            view.Destroy()
        return rows

    return session.read(what, look)


@contextmanager
def _gone_with_its_session(view: vim.view.ContainerView) -> Iterator[None]:
    """A view lives as long as the session that made it."""
    try:
        yield
    except vmodl.fault.ManagedObjectNotFound as fault:
        if fault.obj is not None and fault.obj._moId == view._moId:
            raise vim.fault.NotAuthenticated(msg="the session ended") from fault
        raise


def _through(view: vim.view.ContainerView, kind: type[vim.ManagedEntity], paths: Sequence[str]) -> Any:
    step = _Collector.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
    return _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=view, skip=True, selectSet=[step])],
        propSet=[_Collector.PropertySpec(type=kind, pathSet=list(paths))],
    )


def _rows(session: Session, spec: Any, what: str) -> list[Row]:
    return session.read(what, lambda: _pages(session, spec, what))


def _pages(session: Session, spec: Any, what: str) -> list[Row]:
    """All of them within one look: a session that is renewed in between would not know the rest."""
    collector = session.content.propertyCollector
    page = collector.RetrievePropertiesEx([spec], _Collector.RetrieveOptions(maxObjects=_PAGE))
    rows: list[Row] = []
    for _ in range(_MOST_PAGES):
        rows += [(each.obj, Properties(what, each)) for each in page.objects] if page else []
        if not page or not page.token:
            return rows
        page = collector.ContinueRetrievePropertiesEx(page.token)
    raise HypervisorError(
        f"{what}: the server's list does not end: {_MOST_PAGES} pages came",
        hint="is it a vCenter? name a datacenter in the URL's path, so that less is listed",
    )
