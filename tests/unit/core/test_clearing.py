"""The console's folders in Tomcat's cache are cleared, and nothing else, whoever moves what is above them meanwhile."""

import os
import subprocess
from pathlib import Path

import pytest

from vmmigrate.steps.update.install import _CLEAR


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    for folder in ("cache/localhost/web", "cache/localhost/other", "theirs/web"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()
    return tmp_path / "cache" / "localhost"


def clear(cache: Path, *, readlink: str = "") -> int:
    tools = cache.parents[1] / "tools"
    tools.mkdir()
    if readlink:
        (tools / "readlink").write_text(f'#!/bin/sh\n/usr/bin/readlink "$@"\n{readlink}\n')
        (tools / "readlink").chmod(0o755)
    way = {"PATH": f"{tools}:{os.environ['PATH']}"}
    argv = ["sh", "-c", _CLEAR, "clear", f"{cache}/web", f"{cache}/gone"]
    return subprocess.run(argv, env=way, capture_output=True, check=False).returncode


def test_it_is_cleared_alone(cache: Path) -> None:
    assert clear(cache) == 0
    assert [path.name for path in cache.iterdir()] == ["other"]


def test_a_link_above_it_that_comes_after_the_look(cache: Path) -> None:
    swap = f"mv {cache} {cache}.old; ln -s {cache.parents[1]}/theirs {cache}"
    assert clear(cache, readlink=swap) == 9
    assert (cache.parents[1] / "theirs/web/file").exists()
