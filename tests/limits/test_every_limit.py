"""Every limit has a test that exceeds it, no reader has a bound of its own, and the page of limits is up to date."""

import importlib
import importlib.util
import re
from pathlib import Path

from tests.limits.twin import SHOWN
from vmmigrate import limits

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "limits.md"
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for room in ("vmmigrate", "hypervisors")
    for path in (ROOT / room).rglob("*.py")
    if path.name != "limits.py"
}
# Words that name a bound. What only shortens a message is called _SHOWN, _WIDTH, _WORDS, …
_OWN = re.compile(
    r"^(_?(?:MOST|LARGEST|LONGEST|DEEPEST|MAX|PATIENCE)(?:_\w+)?|\w*_?LIMIT) = (?!.*\.most$)", re.MULTILINE
)
_USED = re.compile(r"\b([A-Z][A-Z0-9_]+)(?:\.most\b|\))")
# Of names that we make, of looks of our own and how long they wait, of what a hypervisor takes, of what is shown, of
# what counts as a label.
_NO_BOUNDS = {
    "hypervisors/hyperv/asking.py: _LONGEST_NAME",
    "hypervisors/hyperv/asking.py: _LONGEST_PATH",
    "hypervisors/kvm/deploying.py: _LONGEST_NAME",
    "hypervisors/kvm/renaming.py: _LONGEST",
    "hypervisors/refusals.py: _MOST_LISTED",
    "hypervisors/vmware/describing.py: _MOST_NICS",
    "hypervisors/vmware/empty_disks.py: _MOST_CONTROLLERS",
    "hypervisors/vmware/neighbours.py: _LONGEST",
    "hypervisors/waiting.py: _PATIENCE",
    "vmmigrate/appliance/web/labels.py: _LONGEST",
    "vmmigrate/appliance/web/pages.py: _TEXT_LIMIT",
    "vmmigrate/appliance/web/reading.py: _TEXT_LIMIT",
    "vmmigrate/steps/service.py: _MOST_LOOKS",
}


def test_every_limit_has_its_hostile_twin() -> None:
    for path in Path(__file__).parent.glob("test_of_*.py"):
        importlib.import_module(f"tests.limits.{path.stem}")
    assert set(limits.LIMITS) == set(SHOWN)


def test_every_limit_bounds_a_reader() -> None:
    used = {name for text in SOURCES.values() if "limits" in text for name in _USED.findall(text)}
    assert set(limits.LIMITS) - used == set()


def test_no_reader_has_a_bound_of_its_own() -> None:
    own = {f"{path}: {name}" for path, text in SOURCES.items() for name in _OWN.findall(text)}
    assert own == _NO_BOUNDS


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("page_of_limits", ROOT / "docs" / "limits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert PAGE.read_text() == module.page(), "make docs"


def test_each_says_why() -> None:
    for name, each in limits.LIMITS.items():
        assert each.most > 0, name
        assert each.unit in ("bytes", "seconds", "steps", "things", "times", "depth"), name
        assert len(each.why) > 8, name
