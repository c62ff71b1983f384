"""Each unseen console can be used as its docstring says, asks for all that its forms hold, and counts what harms it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import seam
import serving
import servlet
import spring
import struts
import tapestry
import walk
import wicket
from clicking import Browser, Lost

pytestmark = pytest.mark.slow

PASSWORD = "Pass word&1"
MOST_CLICKS = 12
Walk = Callable[[Browser, Any, str, bytes | None], None]

# The walk, what a plain backup begins with, and what an encrypted one does.
CONSOLES: dict[Any, tuple[Walk, bytes, bytes]] = {
    tapestry.Console: (walk.walk_tapestry, b"\x1f\x8b", b"Salted__"),
    spring.Console: (walk.walk_spring, b"PK\x03\x04", b"PK\x03\x04"),
    struts.Console: (walk.walk_struts, b"\x1f\x8b", b"\x8c\x0d"),
    seam.Console: (walk.walk_seam, b"\x1f\x8b", b"Salted__"),
    wicket.Console: (walk.walk_wicket, b"PK\x03\x04", b"Salted__"),
    servlet.Console: (walk.walk_servlet, b"\x1f\x8b", b"\x8c\x0d"),
}
# Some of what must not be touched: the path, and what is posted there if anything.
HARMFUL: dict[Any, dict[str, bytes | None]] = {
    tapestry.Console: {
        "/ciphermail/logout": None,
        "/ciphermail/users.deleteuser/1": None,
        "/ciphermail/admin/system/gateway.form": b"submit=Restart",
    },
    spring.Console: {
        "/ciphermail/logout": b"",
        "/ciphermail/admin/backup/test": b"",
        "/ciphermail/admin/system/power": b"do=reboot",
    },
    struts.Console: {
        "/ciphermail/logoff.do": None,
        "/ciphermail/admin/reboot.do": None,
        "/ciphermail/admin/saveBackupConfig.do": b"method=Apply",
    },
    seam.Console: {
        "/ciphermail/login.seam": b"remind_SUBMIT=1",
        "/ciphermail/users.seam": b"users_SUBMIT=1",
        "/ciphermail/admin/config.seam": b"config_SUBMIT=1",
    },
    wicket.Console: {
        "/ciphermail/page?0-1.ILinkListener-signout": None,
        "/ciphermail/page?0-2.IFormSubmitListener-power": b"reboot=",
        "/web/": b"email=x",
    },
    servlet.Console: {
        "/ciphermail/logout": None,
        "/ciphermail/help/password": b"u=x",
        "/ciphermail/content/system/reboot": None,
    },
}


@pytest.fixture(params=CONSOLES, ids=lambda kind: kind.__module__)
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[serving.Console]:
    with request.param.running(tmp_path) as running:
        yield running


def walked(console: serving.Console, password: str = "", archive: bytes | None = None) -> bytes:
    """The backup that was saved; none where an archive was restored."""
    way, _, _ = CONSOLES[type(console)]
    browser = Browser()
    way(browser, console, password, archive)
    assert browser.clicks <= MOST_CLICKS
    return browser.download


def test_a_person_makes_and_restores_backups(console: serving.Console) -> None:
    _, plain_magic, sealed_magic = CONSOLES[type(console)]
    plain = walked(console)
    assert plain == console.archive
    assert plain.startswith(plain_magic)
    sealed = walked(console, PASSWORD)
    assert sealed == console.archive != plain
    assert sealed.startswith(sealed_magic)
    assert console.restored is None
    walked(console, "", plain)
    assert console.restored == plain
    walked(console, PASSWORD, sealed)
    assert console.restored == sealed
    assert console.harm == []


def test_a_wrong_password_restores_nothing(console: serving.Console) -> None:
    sealed = walked(console, PASSWORD)
    with pytest.raises(Lost):
        walked(console, "wrong", sealed)
    assert console.restored is None


def test_each_hidden_field_is_needed(console: serving.Console) -> None:
    """Without one of them there is no backup, and nothing is restored."""
    way, _, _ = CONSOLES[type(console)]
    plain = walked(console)
    for archive in (None, plain):
        browser = Browser()
        way(browser, console, "", archive)
        console.restored = None
        for button, count in browser.hidden.items():
            assert count, button
            for number in range(count):
                without = Browser(omit=(button, number))
                with contextlib.suppress(Lost):
                    way(without, console, "", archive)
                assert button in without.hidden
                assert without.download == b"", button
                assert console.restored is None, button
    assert console.harm == []


def test_what_must_not_be_touched_is_counted(console: serving.Console) -> None:
    browser = Browser()
    browser.go(f"https://{console.host}/ciphermail/")
    assert console.harm == []
    for number, (path, body) in enumerate(HARMFUL[type(console)].items(), 1):
        browser.go(f"https://{console.host}{path}", body)
        assert len(console.harm) == number, path
