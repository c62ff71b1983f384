"""What another machine says of an error is shown up to a length, and nothing beside it."""

import subprocess
import sys

import pytest

from hypervisors import HypervisorError
from hypervisors.hyperv import reading, requests
from hypervisors.hyperv.faults import door
from hypervisors.words import in_one_line
from tests.limits.twin import most, twin

_SAID = "the words of an error " * 50_000  # no secret of another test is in them


@twin("WORDS")
def test_an_error_of_any_length() -> None:
    assert in_one_line(_SAID) == _SAID[: int(most("WORDS"))] + "…"
    error = f'{{"error": {{"message": "{_SAID}"}}}}'
    with pytest.raises(HypervisorError) as told, door("the machine"):
        requests.answer("m", f"<vmmigrate:m>{error}</vmmigrate:m>".encode(), b"")
    assert len(str(told.value)) < most("WORDS") + 200


@pytest.mark.parametrize("value", [_SAID, [_SAID], {"x": _SAID}], ids=["text", "a list", "an object"])
def test_a_value_of_any_length_where_another_was_expected(value: object) -> None:
    for read in (lambda: reading.of({"memory": value}, "memory", int), lambda: reading.mac_of({"mac": _SAID})):
        with pytest.raises(HypervisorError) as told:
            read()
        assert len(str(told.value)) < most("WORDS") + 200


@pytest.mark.parametrize("body", [b"notes.html", b"https://gw.example/", b"<?xml version='1.0'?><a/>"])
def test_a_page_that_a_library_warns_of_says_nothing_on_the_screen(body: bytes) -> None:
    program = (
        "from vmmigrate.appliance.web.reading import read_page\n"
        "from vmmigrate.commands.execute import carry_out\n"
        "def act(parts, settings):\n"
        f"    read_page({body!r}, 'https://gw.example/', status=200, charset=None, refresh='')\n"
        "carry_out(act, json=False)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert ended.stderr == b""
