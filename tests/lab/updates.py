"""An update of the lab's guest by the command line, with numbered mail before, during and after it."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrating import vmmigrate

from fixtures.demo.worlds import RealGuests
from fixtures.lab.accounted import Account
from fixtures.lab.packaged import Packaged, build, new_stubs
from fixtures.packages import Stub

Events = list[dict[str, Any]]


@dataclass
class Updates:
    """The guest, and the commands on it. `folder`: for packages."""

    guests: RealGuests
    guest: Packaged
    folder: Path
    made: int = 0

    def update(self, *more: str, packages: tuple[Stub, ...] = (), driver: tuple[str, ...] = ()) -> tuple[int, Events]:
        self.made += 1
        place = build(packages or new_stubs(), self.folder / f"new-{self.made}")
        words = ("update", self.guests.old.address, "--packages", str(place), "--yes", *more)
        return self(*words, *self._config(), driver=driver)

    def __call__(self, *argv: str, driver: tuple[str, ...] = ()) -> tuple[int, Events]:
        return vmmigrate(self.guests, *argv, driver=driver)

    def _config(self) -> tuple[str, str]:
        return "--config", str(self.guests.folder / "vmmigrate.toml")

    def mail(self) -> AbstractContextManager[Account]:
        return self.guest.mail()


def words_of(events: Events) -> str:
    return json.dumps(events, ensure_ascii=False)
