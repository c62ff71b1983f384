"""The arrows of the design hold: who imports whom, where each SDK lives, who sleeps, what a --help loads."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("vmmigrate", "hypervisors", "fixtures")
HEAVY = {"libvirt", "pyVmomi", "pyVim", "paramiko", "requests", "cryptography", "pydantic"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All of a file, which several tests look through."""
    return list(ast.walk(tree(ROOT / path)))


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """The trees of all files: the garbage collector would go through them again and again in each later test."""
    yield
    for each in (tree, nodes, imports):
        each.cache_clear()


def files(*packages: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py"))


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """Each module that a file imports by its full name, and whether it is a `from … import`."""
    return list(_imports(path))


_IMPORTING = ("__import__", "import_module")


def _last(called: ast.expr) -> str:
    """The last word of what is called: to unparse every call took most of this file's time."""
    return getattr(called, "id", "") or getattr(called, "attr", "")


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = path.parts[: -node.level] if node.level else ()
            yield ".".join([*here, *([node.module] if node.module else [])]), True
        elif (
            isinstance(node, ast.Call)
            and _last(node.func) in _IMPORTING
            and ast.unparse(node.func) in ("__import__", "importlib.import_module")
        ):
            yield from ((arg.value, False) for arg in node.args if isinstance(arg, ast.Constant))


def importers(packages: tuple[str, ...], wrong: Callable[[str], bool]) -> list[str]:
    """Which files import a module that they should not."""
    return [f"{path}: {name}" for path in files(*packages) for name, _ in imports(path) if wrong(name)]


def top(name: str) -> str:
    return name.partition(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert Path("vmmigrate/run/engine.py") in files("vmmigrate")
    assert ("hypervisors", True) in list(imports(Path("vmmigrate/run/engine.py")))


def test_hypervisors_know_neither_the_migration_nor_the_fixtures() -> None:
    assert importers(("hypervisors",), lambda name: top(name) in ("vmmigrate", "fixtures", "tests")) == []


FACADES = ("hypervisors", "hypervisors.wire", "hypervisors.wire.ssh")


def test_the_migration_sees_hypervisors_through_its_facades_alone() -> None:
    wrong = importers(("vmmigrate",), lambda name: top(name) == "hypervisors" and name not in FACADES)
    assert wrong == []
    for facade in FACADES:
        folder = ROOT / facade.replace(".", "/")
        inside = {path.stem for path in folder.iterdir()} - {"__init__"}
        named = {
            alias.name
            for path in files("vmmigrate")
            for node in nodes(path)
            if isinstance(node, ast.ImportFrom) and node.module == facade
            for alias in node.names
        }
        assert named & inside <= {"connect"}, facade  # the façade's function has the name of its file


def test_no_file_of_the_product_is_longer_than_300_lines() -> None:
    long = {str(path): lines for path in files("vmmigrate", "hypervisors") if (lines := _lines(path)) > 300}
    assert long == {}


def _lines(path: Path) -> int:
    return len((ROOT / path).read_text().splitlines())


def test_the_wire_stands_on_the_ground_alone() -> None:
    """So that any adapter and any appliance may use it; nothing of it knows either."""
    ground = (
        "hypervisors.errors",
        "hypervisors.trust",
        "hypervisors.secrets",
        "hypervisors.words",
        "hypervisors.limits",
    )
    inside = ("hypervisors/wire",)
    assert files(*inside) != []

    def is_above(name: str) -> bool:
        return top(name) in PACKAGES and not name.startswith(("hypervisors.wire", *ground))

    assert importers(inside, is_above) == []


ROOMS = ("web", "rest", "ssh", "tls", "net", "backup")


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_of_the_appliance_do_not_know_each_other(room: str) -> None:
    """But for what a backup is by its bytes, of which web and rest speak too."""
    others = tuple(f"vmmigrate.appliance.{other}" for other in ROOMS if other not in (room, "backup"))
    inside = (f"vmmigrate/appliance/{room}",)
    assert files(*inside) != []
    assert importers(inside, lambda name: name.startswith(others)) == []


# A room sees the floors below its own. What is imported for the type checker alone does not count.
FLOORS = (
    ("errors", "events", "interrupts", "invalid", "limits", "reading", "step"),
    ("findings", "disk", "durable", "settings", "addressing", "offered"),
    ("facts", "learnt", "model", "itinerary", "hardware", "properties", "appliance"),
    ("archives", "doors", "updating", "watch"),
    ("run",),
    ("steps",),
    ("itineraries", "plan"),
    ("parts",),
    ("known_runs",),
    ("taking_up",),
    ("operations", "cutting_over", "alone", "service"),
    ("migrating", "show", "update"),
    ("doctor", "init"),
    ("commands",),
    ("cli",),
)


def rooms_seen(path: Path) -> set[str]:
    """The rooms of vmmigrate that a file imports something from."""
    for_types = {
        id(inner)
        for node in nodes(path)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    seen = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            package, _, rest = node.module.partition(".")
            if package == "vmmigrate":
                seen |= {rest.partition(".")[0]} if rest else {alias.name for alias in node.names}
    return seen - {"__version__"}


def test_a_room_sees_the_floors_below_its_own() -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    paths = [(path, path.with_suffix("").parts[1]) for path in files("vmmigrate") if path.name != "__init__.py"]
    upwards = [
        f"{path}: {room}" for path, here in paths for room in rooms_seen(path) - {here} if floor[room] >= floor[here]
    ]
    assert upwards == []


STAGE = ("stage.py", "whereabouts.py", "apart.py")  # it has an appliance half
ENGINE = [path for path in files("vmmigrate/run") if path.name not in STAGE]
AROUND = [
    Path("vmmigrate", name)
    for name in ("operations.py", "cutting_over.py", "taking_up.py", "parts.py", "itinerary.py", "step.py")
]
SHOWN = [Path("vmmigrate/show", name) for name in ("status.py", "ending.py", "lines.py", "live.py", "jsonlines.py")]


@pytest.mark.parametrize("path", [*ENGINE, *AROUND, *SHOWN], ids=str)
def test_what_runs_and_shows_runs_names_no_step_phase_scope_or_group(path: Path) -> None:
    """They come from the run's itinerary. A string that merely contains such a word is no name."""
    from vmmigrate.itineraries import ITINERARIES

    every = [thing for one in ITINERARIES for thing in (*one.steps, *one.phases, *one.scopes)]
    groups = {group.__name__ for one in ITINERARIES for step in one.steps for group in step.learns}
    names = {thing.name for thing in every} | {one.outcome for one in ITINERARIES} | groups
    words = {node.value for node in nodes(path) if isinstance(node, ast.Constant)}
    identifiers = {node.id for node in nodes(path) if isinstance(node, ast.Name)}
    assert words & names == set()
    assert identifiers & groups == set()


# What every room above the hypervisors may speak of.
GROUND = (
    "vmmigrate.errors",
    "vmmigrate.findings",
    "vmmigrate.offered",
    "vmmigrate.invalid",
    "vmmigrate.limits",
    "vmmigrate.reading",
    "vmmigrate.addressing",
)


def test_the_appliance_sees_nothing_above_itself() -> None:
    inside = ("vmmigrate/appliance",)
    own = ("vmmigrate.appliance", *GROUND)
    assert importers(inside, lambda name: top(name) == "vmmigrate" and not name.startswith(own)) == []
    ground = tuple(f"{each.replace('.', '/')}.py" for each in GROUND)
    above = [
        f"{path}: {name}"
        for path in files("vmmigrate")
        if str(path) in ground
        for name, _ in imports(path)
        if top(name) == "vmmigrate" and name not in GROUND
    ]
    assert above == []


def names_a_side(node: ast.AST) -> bool:
    """A parameter `side: str`, or a setting that is looked up by its name."""
    if isinstance(node, ast.arg):
        return node.arg == "side" and node.annotation is not None and "str" in ast.unparse(node.annotation)
    return isinstance(node, ast.Call) and _last(node.func) == "getattr" and "settings" in ast.unparse(node)


def test_no_side_is_named_by_a_word() -> None:
    """`doors.old`, not `"old"`: a side is a value with a type."""
    assert names_a_side(ast.parse("getattr(settings, side)").body[0].value)  # type: ignore[attr-defined]
    words = [
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path in files("vmmigrate")
        for node in nodes(path)
        if names_a_side(node)
    ]
    assert words == []


def test_production_code_imports_neither_fixtures_nor_tests() -> None:
    assert importers(("vmmigrate", "hypervisors"), lambda name: top(name) in ("fixtures", "tests")) == []


def test_fixtures_do_not_share_code_with_what_they_stand_in_for() -> None:
    """But for the demo's driver, which hands its adapters to the command line."""
    wrong = importers(("fixtures",), lambda name: top(name) == "vmmigrate")
    assert [each for each in wrong if not each.startswith("fixtures/demo")] == []


@pytest.mark.parametrize(
    ("sdk", "home"),
    [
        ("libvirt", "hypervisors/kvm"),
        ("libvirt_qemu", "hypervisors/kvm"),
        ("pyVmomi", "hypervisors/vmware"),
        ("pyVim", "hypervisors/vmware"),
        ("paramiko", "hypervisors/wire/ssh"),
    ],
)
def test_each_sdk_lives_in_one_sub_package(sdk: str, home: str) -> None:
    wrong = importers(("vmmigrate", "hypervisors"), lambda name: top(name) == sdk)
    assert [each for each in wrong if not each.startswith(home + "/")] == []


def test_pydantic_stays_out_of_the_hypervisors() -> None:
    assert importers(("hypervisors",), lambda name: top(name) == "pydantic") == []


def test_nobody_imports_click() -> None:
    naming = [path for path in files(*PACKAGES, "tests") if "click" in (ROOT / path).read_text()]
    assert len(naming) > 5
    assert [path for path in naming if any(top(name) == "click" for name, _ in imports(path))] == []


def test_each_file_says_its_one_job_in_one_sentence() -> None:
    assert [f"{path}: {why}" for path in files(*PACKAGES) if (why := _no_sentence(path))] == []


def _no_sentence(path: Path) -> str:
    first = (ast.get_docstring(tree(ROOT / path), clean=False) or "").partition("\n")[0]
    if not first.endswith((".", "?")):
        return f"{first!r} is no sentence"
    body = (ROOT / path).read_text().removeprefix("#!/usr/bin/env python3\n").removeprefix("#!/usr/bin/python3\n")
    return "" if body.startswith(('"""', 'r"""')) else "the docstring is not first"


def test_one_function_sleeps() -> None:
    def sleeps(path: Path) -> bool:
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and node.attr == "sleep":  # of a clock's too
                return True
            if isinstance(node, ast.ImportFrom) and "sleep" in (alias.name for alias in node.names):
                return True
        return False

    assert [str(path) for path in files("vmmigrate", "hypervisors") if sleeps(path)] == ["hypervisors/waiting.py"]


def loaded(code: str) -> set[str]:
    """Top-level modules that a new interpreter holds after running `code`."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {top(name) for name in json.loads(done.stderr.splitlines()[-1])}


def loaded_by(*arguments: str) -> set[str]:
    run = f"sys.argv = ['vmmigrate', *{arguments!r}]\nfrom vmmigrate.cli import main"
    return loaded(run + "\ntry: main()\nexcept SystemExit: pass")


def test_help_loads_nothing_heavy() -> None:
    modules = loaded_by("--help")
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("arguments", [("migrate", "--help"), ("--version",)], ids=" ".join)
def test_other_words_that_do_nothing_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Pydantic aside: typer itself loads it to read arguments, where it is installed."""
    assert loaded_by(*arguments) & (HEAVY - {"pydantic"}) == set()


def test_the_facades_load_no_sdk() -> None:
    modules = loaded("import hypervisors, hypervisors.wire")
    assert "hypervisors" in modules
    assert modules & HEAVY == set()


def test_what_is_printed_goes_through_one_door() -> None:
    """Words of another machine must not steer the terminal: elsewhere only fixed texts, and what programs read."""
    doors = ("vmmigrate/commands/terminal.py", "vmmigrate/show/lines.py", "vmmigrate/show/live.py")
    printed = [
        f"{path}:{node.lineno}"
        for path in files("vmmigrate")
        if str(path) not in doors
        for node in nodes(path)
        if isinstance(node, ast.Call) and _last(node.func) in ("print", "echo", "write")
        if ast.unparse(node.func) in ("print", "typer.echo", "sys.stdout.write")
        if not all(_is_fixed(argument) for argument in node.args)
    ]
    assert printed == []


def _is_fixed(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Constant) or ast.unparse(argument) in _MADE_HERE


_MADE_HERE = ("template()", "json_.dumps(Settings.model_json_schema(), indent=2)", "f'vmmigrate {__version__}'")
