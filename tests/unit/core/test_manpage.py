"""The manual page is what the help says today, and man has no complaint."""

import importlib.util
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "vmmigrate.1"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("manpage", DOCS / "manpage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date() -> None:
    assert PAGE.read_text() == generator().page(), "make man"


def test_it_is_ascii_and_every_command_has_a_section_and_an_example() -> None:
    text = PAGE.read_text()
    assert text.isascii()
    sections = text.split("\n.SS ")[1:]
    assert len(sections) > 8
    assert [section.splitlines()[0] for section in sections if "\nExample" not in section] == []


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man here")
def test_man_has_no_complaint() -> None:
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(PAGE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "vmmigrate plan [OPTIONS] OLD IMAGE" in done.stdout


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc here")
def test_mandoc_has_no_error() -> None:
    done = subprocess.run(["mandoc", "-Tlint", "-Werror", str(PAGE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_wheel_installs_it() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {"docs/vmmigrate.1": "share/man/man1/vmmigrate.1"}
