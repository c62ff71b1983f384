"""The mail agent's queues as the stand-in console lists them, in each of its forms: counted, and nothing acted upon."""

import itertools
import os

import pytest
from shaped_console import Roots, Shaped, shaped_roots  # noqa: F401 -- a fixture

from fixtures.appliance import queue_pages
from fixtures.appliance.shapes import VALUES
from hypervisors import Secret, TlsTrust, fetch_leaf, fingerprint_of
from vmmigrate.appliance.port import Account
from vmmigrate.appliance.profile import ConsoleProfile, QueuesProfile
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.errors import NotDiscovered

FORMS = [form for form in VALUES["queues"] if form != "none"]
SHAPES = [
    {"queues": queues, "entries": entries, "empty": empty}
    for queues, entries, empty in itertools.product(FORMS, VALUES["entries"], VALUES["empty"])
    if not (queues == "counts" and (entries, empty) != ("table", "says")) and not (entries == "list" and empty == "row")
]
FEW, MANY, NONE = 2, 7, 0


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each console is pinned; to read the system's authorities for every connection is half of a row's time."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)


def count(shaped: Shaped, profile: ConsoleProfile | None = None) -> tuple[dict[str, int], ConsoleProfile]:
    """What the client counts, twice alike, and what it could pin."""
    trust = TlsTrust(fingerprint=fingerprint_of(fetch_leaf(shaped.address, shaped.port)))
    url = f"https://{shaped.address}:{shaped.port}/ciphermail"
    console = WebConsole(url, trust, profile=profile or ConsoleProfile(), timeout=10)
    try:
        console.log_in(Account(shaped.account.user, Secret(shaped.account.password)))
        first = dict(console.mail_queues())
        assert console.mail_queues() == first
        return first, console.findings()
    finally:
        console.close()


def fill(shaped: Shaped, **numbers: int) -> None:
    for queue in queue_pages.AGENT:
        for number in range(numbers.get(queue, 0)):
            queue_pages.put(shaped.console.root, queue, f"MAIL-{number}", "no mail <none@example.net>")


def agent(counted: dict[str, int]) -> dict[str, int]:
    return {queue: counted[queue] for queue in queue_pages.AGENT}


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, marks=[pytest.mark.slow] if at % 5 else []) for at, shape in enumerate(SHAPES)],
    ids=lambda shape: "-".join(shape.values()),
)
def test_each_form_is_counted(shaped_roots: Roots, shape: dict[str, str]) -> None:  # noqa: F811
    with shaped_roots.fresh(shape) as shaped:
        assert agent(count(shaped)[0]) == dict.fromkeys(queue_pages.AGENT, NONE)
        fill(shaped, error=MANY, spool=FEW)
        counted, found = count(shaped)
        assert agent(counted) == {"outgoing": 0, "error": MANY, "spool": FEW, "respool": 0}
        assert agent(count(shaped, found)[0]) == agent(counted)  # by what was pinned
        assert not shaped.console.root.at(queue_pages.ACTED).exists()


@pytest.mark.slow
@pytest.mark.parametrize("menu", ["home", "admin", "maintenance", "frames"])
def test_it_is_found_in_each_menu(shaped_roots: Roots, menu: str) -> None:  # noqa: F811
    with shaped_roots.fresh({"menu": menu, "queues": "tabs"}) as shaped:
        fill(shaped, respool=FEW)
        assert agent(count(shaped)[0]) == {"outgoing": 0, "error": 0, "spool": 0, "respool": FEW}


def test_pages_that_are_not_there_are_unknown(shaped_roots: Roots) -> None:  # noqa: F811
    with shaped_roots.fresh({"queues": "none"}) as shaped, pytest.raises(NotDiscovered, match="no list of MPA error"):
        count(shaped)


def test_a_pin_that_does_not_fit_is_unknown(shaped_roots: Roots) -> None:  # noqa: F811
    profile = ConsoleProfile(queues=QueuesProfile(error="/ciphermail/home"))
    with shaped_roots.fresh({"queues": "none"}) as shaped, pytest.raises(NotDiscovered) as raised:
        count(shaped, profile)
    assert "console.queues.error" in raised.value.keys
