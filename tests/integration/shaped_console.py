"""Stand-in consoles of any shape in this process: over virtual roots made once, each at an address of its own."""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.appliance import root as roots
from fixtures.appliance import seed
from fixtures.appliance.config import Config
from fixtures.appliance.console import Console
from fixtures.appliance.files import Root
from fixtures.appliance.keystore import server_context
from fixtures.appliance.store import FILE_STORE

RELEASE = seed.NEW_RELEASE  # of both: an encrypted backup is for its own release
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Shaped:
    """A console that listens."""

    console: Console
    address: str
    port: int
    account: seed.Account

    @property
    def database(self) -> bytes:
        return self.console.root.read(FILE_STORE)


class Roots:
    """The seeded old appliance's virtual root, and a fresh one's to copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old, self._fresh = folder / "old", folder / "fresh"
        roots.write_old_root(self._old, RELEASE, address="127.63.0.1", gateway="127.63.0.254")
        roots.write_image(folder / "image", RELEASE)
        roots.unpack_disk(folder / "image", self._fresh)
        self._contexts = {each: server_context(Root(each)) for each in (self._old, self._fresh)}

    @contextmanager
    def old(self, shape: Mapping[str, Any], *, port: int = 8443, **switches: Any) -> Iterator[Shaped]:
        with self._listening(self._old, self._old, shape, port, switches) as shaped:
            yield shaped

    @contextmanager
    def fresh(self, shape: Mapping[str, Any], *, port: int = 8443, **switches: Any) -> Iterator[Shaped]:
        """With a root of its own, which goes with it."""
        folder = self._folder / f"fresh-{next(_numbers)}"
        shutil.copytree(self._fresh, folder)
        with self._listening(folder, self._fresh, shape, port, switches) as shaped:
            yield shaped
        shutil.rmtree(folder)

    @contextmanager
    def _listening(
        self, folder: Path, kind: Path, shape: Mapping[str, Any], port: int, switches: Mapping[str, Any]
    ) -> Iterator[Shaped]:
        configuration = Config(RELEASE, root=str(folder), store="file", pam="file", port=port)
        console = Console(configuration, {"shape": shape, **switches}, self._contexts[kind])
        address, account = unused_address(), seed.ADMIN_OLD if kind is self._old else seed.ADMIN_FRESH
        listener = console.listen(address, lambda peer: True)
        try:
            yield Shaped(console, address, listener.port, account)
        finally:
            listener.close()


@pytest.fixture(scope="session")
def shaped_roots(tmp_path_factory: pytest.TempPathFactory) -> Roots:
    return Roots(tmp_path_factory.mktemp("shaped"))


def unused_address() -> str:
    """In this process, and in others that run tests now."""
    process, number = os.getpid(), next(_numbers)
    return f"127.{32 + process % 24}.{process // 24 % 250 + 1}.{number % 250 + 1}"
