"""The tags of vCenter's inventory: its REST service alone has them, under a session of its own."""

import http.client
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import quote

from pyVmomi import vim

from hypervisors import limits
from hypervisors.errors import HypervisorError, LoginRefused, NotPermitted, Problem, Unreachable
from hypervisors.secrets import Secret
from hypervisors.vmware.session import Session
from hypervisors.wire import Allowance, ended_by, proxies
from hypervisors.wire.faults import plainly

_REST = "/rest/com/vmware/cis"  # of vSphere 6.5 to 8
_TAGS, _ASSOCIATION, _SESSION = f"{_REST}/tagging/tag/id:", f"{_REST}/tagging/tag-association", f"{_REST}/session"
_ANSWERING = limits.TAGS_ANSWER.most
_LARGEST = limits.TAGS.most
_WHAT = "the tags of virtual machines"

_refused: set[tuple[str, str, Secret]] = set()  # by server and account: failures in a row lock an account


class Tags:
    """One log-in, one connection."""

    def __init__(self, connection: proxies.Connection, token: str) -> None:
        self._connection, self._headers = connection, {"vmware-api-session-id": token}

    def attached(self, machine: vim.VirtualMachine) -> list[str]:
        """Their ids."""
        found = self._ask("POST", f"{_ASSOCIATION}?~action=list-attached-tags", _of(machine)) or []
        if not isinstance(found, list) or not all(isinstance(each, str) and each.isascii() for each in found):
            raise _unreadable()
        return found

    def name(self, tag: str) -> str:
        found = self._ask("GET", _TAGS + quote(tag, safe=""))
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            raise _unreadable()
        return str(found["name"])

    def attach(self, tag: str, machine: vim.VirtualMachine) -> None:
        """Does nothing if it is attached."""
        self._ask("POST", f"{_ASSOCIATION}/id:{quote(tag, safe='')}?~action=attach", _of(machine))

    def close(self) -> None:
        with suppress(Problem):
            self._ask("DELETE", _SESSION)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return _asked(self._connection, method, path, self._headers, body)


@contextmanager
def opened(session: Session) -> Iterator[Tags]:
    """Raises Unreachable, LoginRefused, NotPermitted, HypervisorError (no such service)."""
    target, password = session.target, session.access.password()
    if (target.server, target.user, password) in _refused:
        raise _refusal(http.client.UNAUTHORIZED, "before, and is not asked again")
    with closing(proxies.connection(target.host, target.port, session.context, _ANSWERING)) as connection:
        login = b64encode(f"{target.user}:{password.reveal()}".encode()).decode("ascii")
        try:
            token = str(_asked(connection, "POST", _SESSION, {"Authorization": f"Basic {login}"}))
        except LoginRefused:
            _refused.add((target.server, target.user, password))
            raise
        tags = Tags(connection, token)
        try:
            yield tags
        finally:
            tags.close()


def _of(machine: vim.VirtualMachine) -> dict[str, object]:
    return {"object_id": {"type": "VirtualMachine", "id": machine._moId}}


def _asked(connection: proxies.Connection, method: str, path: str, headers: dict[str, str], body: object = None) -> Any:
    """The value that the answer holds."""
    sent = None if body is None else json.dumps(body)
    try:
        with ended_by(Allowance(_ANSWERING), connection.shut):
            connection.request(method, path, sent, {**headers, "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read(_LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{_WHAT}: no answer from the server: {plainly(error)}", hint="does vCenter run?") from error
    if answer.status >= http.client.MULTIPLE_CHOICES:
        raise _refusal(answer.status, answer.reason)
    if len(text) > _LARGEST:
        raise HypervisorError(f"{_WHAT}: the server's answer has more than {_LARGEST} bytes", hint="is it a vCenter?")
    try:
        return json.loads(text)["value"] if text.strip() else None
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _unreadable() from error


def _unreadable() -> HypervisorError:
    return HypervisorError(f"{_WHAT}: the server's answer cannot be read", hint="is it a vCenter?")


def _refusal(status: int, reason: str) -> Problem:
    said = f"{_WHAT}: the server answers {status} {reason}"
    if status == http.client.UNAUTHORIZED:
        return LoginRefused(said, hint="its REST service refuses the account: leave tags out of new.like_old")
    if status == http.client.FORBIDDEN:
        return NotPermitted(said, hint="give the account the privilege to assign tags (InventoryService.Tagging)")
    return HypervisorError(said, hint="this vCenter's REST service has no tags: leave tags out of new.like_old")
