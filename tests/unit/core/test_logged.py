"""The adapters' warnings become events while a session is open, and only then."""

import logging

import pytest

from hypervisors import Secret
from vmmigrate.events import Event, Warned
from vmmigrate.run.logged import warnings_to

LOG = logging.getLogger("hypervisors.some.adapter")


def test_a_warning_is_told_and_what_is_less_is_not() -> None:
    heard: list[Event] = []
    with warnings_to(heard.append):
        LOG.warning("%s: the server warns: %s", "import", "no manifest")
        LOG.info("nothing to worry about")
        logging.getLogger("other").warning("not ours")
    assert heard == [Warned("import: the server warns: no manifest")]


def test_words_of_a_server_are_made_fit_for_an_operator() -> None:
    heard: list[Event] = []
    Secret("hunter22-of-the-test")
    with warnings_to(heard.append):
        LOG.warning("bad value hunter22-of-the-test\x1b[31m\nline two")
    assert heard == [Warned("bad value … [31m · line two")]


def test_afterwards_nothing_is_left_of_it() -> None:
    heard: list[Event] = []
    library = logging.getLogger("hypervisors")
    before = list(library.handlers)
    with pytest.raises(ZeroDivisionError), warnings_to(heard.append):
        raise ZeroDivisionError
    LOG.warning("too late")
    assert (heard, library.handlers) == ([], before)
