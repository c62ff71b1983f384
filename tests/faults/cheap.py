"""Cheap equivalents of what costs the program most and decides nothing in the model: pipes, stores, keys, chance."""

import functools
import io
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from hypervisors import Secret
from vmmigrate.model import Plan
from vmmigrate.run import sealed
from vmmigrate.run.fold import RunState
from vmmigrate.run.record import Record


class Piped:
    """`sealed.Piped` without its thread: the writer ends before the reader begins."""

    def __init__(self, produce: Callable[[BinaryIO], object]) -> None:
        self._made = io.BytesIO()
        self._produce, self.result = produce, None

    def __enter__(self) -> BinaryIO:
        self.result = self._produce(self._made)  # type: ignore[assignment]
        self._made.seek(0)
        return self._made

    def __exit__(self, *exc: object) -> None:
        """Nothing runs beside."""


class AtOnce:
    """A pool of threads without threads: what is submitted is done by then."""

    def __init__(self, size: int) -> None:
        """As many at once as there are."""

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is under way."""

    def submit(self, act: Callable[..., Any], *args: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(act(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def map(self, act: Callable[..., Any], each: Iterable[Any]) -> list[Any]:
        return [act(one) for one in each]


@contextmanager
def decrypted(self: sealed.Sealed, source: Path) -> Iterator[BinaryIO]:
    yield io.BytesIO(self.decrypt_small(source))


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Results by what goes in: to check a store's password or a key takes milliseconds."""
    known: dict[tuple[bytes, str], Any] = {}

    def act(data: bytes, password: Secret | None) -> Any:
        key = data, password.reveal() if password else ""
        if key not in known:
            known[key] = function(data, password)
        return known[key]

    return act


def remembered_stores(write: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same pairs make the same store, although a real one has another salt each time."""
    known: dict[object, bytes] = {}

    def act(content: Any, password: Secret, like: bytes = b"") -> bytes:
        key = (tuple((entry.alias, entry.pair.fingerprint) for entry in content), password.reveal(), len(like))
        if key not in known:
            known[key] = write(content, password, like)
        return known[key]

    return act


def remembered_records(read: Callable[[Path, int, bytes, str], Record]) -> Callable[..., Record]:
    """A line that was read is the same record when it is read again: each command reads all of a journal."""
    known: dict[tuple[int, bytes, str], Record] = {}

    def act(path: Path, number: int, line: bytes, prev: str) -> Record:
        key = number, line, prev
        if key not in known:
            known[key] = read(path, number, line, prev)
        return known[key]

    return act


def remembered_states(fold: Callable[..., RunState]) -> Callable[..., RunState]:
    """What a journal's first records add up to, as they were read from its file: the last one's hash is that of all."""
    known: dict[str, RunState] = {}

    def act(records: Iterable[Record], before: RunState | None = None) -> RunState:
        if before is not None:  # records of this process, which has not read them
            return fold(records, before)
        every = tuple(records)
        read = next((at for at in range(len(every), 0, -1) if every[at - 1].hash in known), 0)
        state = fold(every[read:], known[every[read - 1].hash]) if read else fold(every)
        known[every[-1].hash] = state
        return state

    return act


def readable_once(refuse: Callable[[Record, type], None]) -> Callable[[Record, type], None]:
    """What could be read can be read again."""
    known: set[tuple[str, type]] = set()

    def act(record: Record, group: type) -> None:
        if (record.hash, group) not in known:
            refuse(record, group)
            known.add((record.hash, group))

    return act


def remembered_groups(adapter: Callable[[type], Any]) -> Callable[[type], "RememberedGroup"]:
    return functools.cache(lambda group: RememberedGroup(adapter(group)))


class RememberedGroup:
    """The reader of a group of facts: the same record's JSON is the same value, which nobody can change."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self.dump_python, self._read = adapter.dump_python, adapter.validate_python
        self._known: dict[int, tuple[object, Any]] = {}  # by the JSON's id, which is kept so that no other gets it

    def validate_python(self, data: object) -> Any:
        if id(data) not in self._known:
            self._known[id(data)] = data, self._read(data)
        return self._known[id(data)][1]


class RememberedPlans:
    """The reader of plans: the same text is the same plan, which nobody can change."""

    def __init__(self, plans: TypeAdapter[Plan]) -> None:
        self.dump_json, self.validate_json = plans.dump_json, functools.cache(plans.validate_json)


class SameMark:
    """`secrets`, for marks that nobody forges here: a line that comes again is the same, and is parsed once."""

    @staticmethod
    def token_hex(size: int) -> str:
        return "5e" * size


def be_deterministic(seed: int) -> None:
    """What is drawn by chance is drawn from this seed."""
    random.seed(seed)
    uuid.uuid4 = lambda: uuid.UUID(int=random.getrandbits(128), version=4)  # type: ignore[assignment]
