"""The REST profile in docs/six.md is complete, is read, and makes and restores a backup."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from rest_stand_in import FRESH, OLD, six

from fixtures.rest.switches import Switches
from hypervisors import Secret, no_progress
from vmmigrate.appliance.profile import Profile, read_profile
from vmmigrate.appliance.rest.console import RestConsole
from vmmigrate.appliance.rest.profile import RestProfile

PAGE = (Path(__file__).parents[2] / "docs" / "six.md").read_text()


def example(tmp_path: Path) -> Profile:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "six.toml"
    file.write_text(block)
    return read_profile(file)


def test_the_example_makes_and_restores_a_backup(tmp_path: Path) -> None:
    rest, sink = example(tmp_path).rest, io.BytesIO()
    assert rest is not None
    switches = Switches(jobs=True, confirm=True)
    with six(tmp_path / "old", switches=switches) as old:
        console = RestConsole(old.url, old.trust, rest)
        console.log_in(OLD)
        console.find_backup()
        console.export_backup(sink, Secret("an archive's password"), no_progress)
        console.close()
    size = sink.tell()
    sink.seek(0)
    with six(tmp_path / "new", seeded=False, switches=switches) as new:
        console = RestConsole(new.url, new.trust, rest)
        console.log_in(FRESH)
        console.import_backup(sink, "b", size, Secret("an archive's password"), no_progress)
        console.close()
        assert new.back_end.store.rows("cm_users") == old.back_end.store.rows("cm_users")


def keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from keys(inner)


def test_every_key_is_on_the_page() -> None:
    known = set(keys(RestProfile))
    assert {"poll", "import", "json", "send_cookie"} < known
    assert {key for key in known if not re.search(rf"\b{key}\b", PAGE)} == set()
