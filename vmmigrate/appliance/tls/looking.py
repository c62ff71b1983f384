"""A shell that asks for each thing once: for a long look, in which nothing changes."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from vmmigrate.appliance.port import FileMeta, Result, Shell
from vmmigrate.errors import CommandFailed

T = TypeVar("T")


class LookingShell:
    """port.Shell over another one. Each sudo is a password check, slow by intent: what was seen is remembered."""

    def __init__(self, shell: Shell) -> None:
        self.host = shell.host
        self._shell = shell
        self._seen: dict[object, object] = {}

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        def look() -> Result:
            return self._shell.run(argv, user=user, check=check, timeout=timeout)

        return self._once((tuple(argv), user, check), look)

    def read_file(self, path: str) -> bytes:
        return self._once(("read", path), lambda: self._shell.read_file(path))

    def file_meta(self, path: str) -> FileMeta | None:
        return self._once(("meta", path), lambda: self._shell.file_meta(path))

    def install_file(self, path: str, data: bytes, meta: FileMeta) -> None:
        raise AssertionError(f"{path} was to be written while looking")

    def workstation_address(self) -> str:
        return self._shell.workstation_address()

    def close(self) -> None:
        self._shell.close()

    def _once(self, key: object, look: Callable[[], T]) -> T:
        if key not in self._seen:
            try:
                self._seen[key] = look()
            except CommandFailed as error:
                self._seen[key] = error
        seen = self._seen[key]
        if isinstance(seen, CommandFailed):
            raise seen
        return seen  # type: ignore[return-value]  # what `look` of this very key gave
