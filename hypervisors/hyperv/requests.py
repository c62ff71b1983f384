"""What a script is asked and what it answers: a JSON file there, one marked JSON line back."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypervisors.errors import HypervisorError
from hypervisors.words import in_one_line

Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """An error as the host reported it; only `message` is in the host's language.

    `codes`: the HRESULTs in the message, then that of the exception, in upper case as '0X80070020'.
    """

    category: str
    reason: str
    id: str
    codes: tuple[str, ...]
    message: str

    @property
    def name(self) -> str:
        """The first part of its id, as InvalidState."""
        return self.id.partition(",")[0]


class Failed(Exception):
    """A script ended with an error of its host."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def new_mark() -> str:
    return secrets.token_hex(8)


def request(mark: str, asked: Asked) -> bytes:
    """ASCII: a file without a mark of its encoding is read in the host's code page otherwise."""
    return json.dumps({"mark": mark, **asked}).encode("ascii")


def answer(mark: str, printed: bytes, complaint: bytes) -> Mapping[str, Any]:
    """The value in what a script printed. Raises Failed, HypervisorError where there is no answer.

    A console may wrap a long line; JSON itself has no line break.
    """
    said = re.sub(r"[\r\n]", "", printed.decode("ascii", "replace"))
    _, begun, rest = said.partition(f"<vmmigrate:{mark}>")
    inside, ended, _ = rest.rpartition(f"</vmmigrate:{mark}>")
    if not begun or not ended:
        raise _no_answer(printed, complaint)
    read = _json(inside)
    if read.get("ok") is True and isinstance(read.get("value"), dict):
        return dict(read["value"])
    raise Failed(_fault(read.get("error")))


def _json(text: str) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _odd(f"its answer is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise _odd("its answer is no object")
    return read


def _fault(error: object) -> Fault:
    if not isinstance(error, dict):
        raise _odd("its answer has neither a value nor an error")
    codes = error.get("codes")
    listed = [str(code) for code in codes] if isinstance(codes, list) else []
    text = {name: str(error.get(name) or "") for name in ("category", "reason", "id", "hresult", "message")}
    all_codes = tuple(code.upper() for code in (*listed, text["hresult"]) if code)
    return Fault(text["category"], text["reason"], text["id"], all_codes, text["message"])


def _no_answer(printed: bytes, complaint: bytes) -> HypervisorError:
    said = in_one_line((complaint or printed).decode("utf-8", "replace")[:2000])
    return HypervisorError(
        f"the Hyper-V host ran a script, and it gave no answer: {said}",
        hint="log in there with ssh and try: powershell -NoProfile -Command Get-VM; a policy may forbid scripts",
    )


def _odd(why: str) -> HypervisorError:
    return HypervisorError(
        f"the Hyper-V host answered what cannot be read: {why}", hint="is it PowerShell that answers there?"
    )
