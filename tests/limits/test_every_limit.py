"""Every limit has a test that exceeds it, no reader has a bound of its own, and the page of limits is up to date."""

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
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


# For what the program has changed, until it is so, or until another lets go of it.
_WAITS = {
    "hypervisors/hyperv/sending.py: _HELD",
    "hypervisors/kvm/deploying.py: 30",
    "hypervisors/kvm/nics.py: _UNPLUG_SECONDS",
    "vmmigrate/run/persistent.py: PATIENCE",
}
_SHORT = 10  # seconds of a look of our own, which may stand beside its code (docs/limits.md, SECURITY.md)


def test_nor_does_it_wait_for_longer_than_a_look() -> None:
    long = {f"{path}: {found}" for path, text in SOURCES.items() for found in _waits(ast.parse(text))}
    assert long == _WAITS


def test_literals_names_and_defaults_are_seen() -> None:
    code = "A, B = 3.0, 60\ndef f(x, timeout=60.0, *, seconds=9): g(timeout=2 * (90 + x)); h(timeout=B); h(timeout=A)"
    assert set(_waits(ast.parse(code))) == {"60.0", "90", "B"}


def _waits(module: ast.Module) -> Iterator[str]:
    """Numbers above those of a look in what is given as `timeout`: literals, a module's own names, defaults."""
    own = dict(_own_numbers(module))
    for each in ast.walk(module):
        for given in _given(each):
            for part in ast.walk(given):
                if _is_long(part):
                    yield ast.unparse(part)
                if isinstance(part, ast.Name) and any(map(_is_long, ast.walk(own.get(part.id, part)))):
                    yield part.id


def _given(each: ast.AST) -> Iterator[ast.expr]:
    if isinstance(each, ast.keyword) and each.arg in ("timeout", "seconds", "patience"):
        yield each.value
    if isinstance(each, ast.arguments):
        usual = [*each.posonlyargs, *each.args]
        pairs = [*zip(usual[len(usual) - len(each.defaults) :], each.defaults, strict=True)]
        for name, default in [*pairs, *zip(each.kwonlyargs, each.kw_defaults, strict=True)]:
            if default and name.arg in ("timeout", "seconds", "patience"):
                yield default


def _own_numbers(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for each in module.body:
        if isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    yield target.id, each.value
                if isinstance(target, ast.Tuple) and isinstance(each.value, ast.Tuple):
                    names = (name.id for name in target.elts if isinstance(name, ast.Name))
                    yield from zip(names, each.value.elts, strict=True)


def _is_long(part: ast.AST) -> bool:
    return isinstance(part, ast.Constant) and type(part.value) in (int, float) and float(part.value) > _SHORT  # type: ignore[arg-type]


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
