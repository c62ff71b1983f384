"""An update and the host's console: its backup, its certificate, and log-ins by PAM switched before mail is taken."""

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fixtures.appliance import seed
from fixtures.appliance.config import Config
from fixtures.appliance.console import Console
from fixtures.appliance.listener import Listener
from fixtures.appliance.root import write_old_root
from fixtures.packagehost.host import DEBIAN, Kind, why_not
from tests.integration.odd_console import HOME, OddConsole, archive, page
from tests.journey.story import DONE, KILLED, REFUSED, WENT_BACK
from tests.journey.updating import Tale, is_new

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]
BOX = '<form method="post" action="/keep"><label>PAM<input type="checkbox" name="x"{}></label><button>Save</form>'


@pytest.fixture
def tale(tell_host: Callable[[Kind], Tale]) -> Tale:
    return tell_host(DEBIAN)


def set_console(tale: Tale, port: int, path: str, fingerprint: str, password: str) -> None:
    """Tomcat of the host is set to that port, and the settings name it."""
    connector = f'<Server><Service><Connector port="{port}" SSLEnabled="true"/></Service></Server>'
    (tale.host.root / "etc/tomcat9/server.xml").write_text(connector)
    tale.settings |= {
        "VMMIGRATE_OLD__CONSOLE__URL": f"https://127.0.0.1:{port}{path}",
        "VMMIGRATE_OLD__CONSOLE__FINGERPRINT": fingerprint,
        "VMMIGRATE_OLD__CONSOLE__PASSWORD__ENV": "CONSOLE_PASSWORD",
        "CONSOLE_PASSWORD": password,
    }


def _free_port() -> int:
    """It is listened on later, and once more after a kill: so none that the system gives to others meanwhile."""
    for port in random.sample(range(20_000, 30_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port from 20000 to 30000")


@pytest.fixture
def console(tale: Tale, tmp_path: Path) -> Iterator[Callable[[str], Listener]]:
    """The stand-in's; `address`: of its certificate."""
    open_: list[Listener] = []
    port = _free_port()

    def serve(address: str) -> Listener:
        for each in open_:
            each.close()
        root = tmp_path / address
        write_old_root(root, seed.OLD_RELEASE, address=address, gateway="127.0.0.1")
        configuration = Config(seed.OLD_RELEASE, root=str(root), store="file", pam="off", port=port)
        open_.append(Console(configuration).listen("127.0.0.1", lambda peer: True))
        return open_[-1]

    leaf = seed.fingerprint(seed.web_chain("127.0.0.1"))
    set_console(tale, port, "/ciphermail", leaf, seed.ADMIN_OLD.password)
    yield serve
    for each in open_:
        each.close()


def test_the_console_makes_a_backup_and_opens_afterwards(tale: Tale, console: Callable[[str], Listener]) -> None:
    console("127.0.0.1")
    told = tale.update()
    assert told.status == DONE, told.err
    assert "a backup by the console is kept" in told.out
    assert (tale.host.folder / "runs" / tale.run_id / "archive.age").exists()


def test_another_certificate_than_before_goes_back(tale: Tale, console: Callable[[str], Listener]) -> None:
    console("127.0.0.1")
    before = tale.world()
    assert tale.update(stop=("SIGKILL", "after", ("begin", "install"))).status == KILLED
    console("127.0.0.2")
    told = tale("resume", tale.run_id)
    assert told.status == WENT_BACK, told.err
    assert "shows the certificate: expected" in told.err
    assert {**tale.world(), "left": []} == {**before, "left": []}


# ---- log-ins by PAM ------------------------------------------------------------------------------------------


class Pam:
    """A console with a page about PAM. `deaf`: it keeps nothing. `took_mail`: whether the host did when it was sent."""

    def __init__(self, tale: Tale, *, deaf: bool = False) -> None:
        self.tale, self.deaf = tale, deaf
        self.on, self.took_mail = True, True
        home = page(HOME + '<a href="/pam">Authentication</a>')
        routes = {"POST /in": home, "POST /get": archive(), "GET /pam": self._show, "POST /keep": self._keep}
        self.odd = OddConsole(routes)  # type: ignore[arg-type]

    def _show(self, handler: BaseHTTPRequestHandler) -> None:
        page(BOX.format(" checked" if self.on else ""))(handler)

    def _keep(self, handler: BaseHTTPRequestHandler) -> None:
        self.took_mail = self.tale.host.takes_mail
        self.on = self.on if self.deaf else b"x=" in handler.body  # type: ignore[attr-defined]
        page("kept")(handler)


@pytest.fixture
def pam(tale: Tale, tmp_path: Path) -> Iterator[Pam]:
    pam = Pam(tale)
    with pam.odd.running(tmp_path):
        set_console(tale, pam.odd.port, "/", pam.odd.fingerprint, "word")
        yield pam


def test_it_is_switched_before_mail_is_taken(tale: Tale, pam: Pam) -> None:
    told = tale.update("--pam", "off")
    assert told.status == DONE, told.err
    assert (pam.on, pam.took_mail) == (False, False)
    assert is_new(tale)


def test_a_console_that_does_not_keep_it_goes_back(tale: Tale, pam: Pam) -> None:
    pam.deaf = True
    before = tale.world()
    told = tale.update("--pam", "off")
    assert told.status == WENT_BACK, told.err
    assert "does not keep log-ins by PAM off" in told.err
    assert tale.world() == before


def test_without_the_password_of_the_console_it_is_refused_and_otherwise_said(tale: Tale) -> None:
    before = tale.world()
    told = tale.update("--pam", "off")
    assert told.status == REFUSED
    assert "--pam needs the console, and old.console.password is not given" in told.err
    assert tale.world() == before
    told = tale("update", "plan", "127.0.0.1", "--packages", str(tale.host.new))
    assert "no-console-password: old.console.password is not given" in told.out


def test_a_console_that_does_not_open_is_found_by_the_plan(tale: Tale, pam: Pam) -> None:
    pam.odd.routes["GET /backup"] = page("nothing")
    before = tale.world()
    told = tale.update()
    assert told.status == REFUSED, told.err
    assert "console: no backup form" in told.err
    assert tale.world() == before
