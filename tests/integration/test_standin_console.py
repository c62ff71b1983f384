"""The stand-in console over HTTPS: what a person with a browser sees."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import requests
from standin_browser import Browser

from fixtures.appliance import config, root, seed
from fixtures.appliance.config import CONSOLE_TOML
from fixtures.appliance.console import Console
from fixtures.appliance.files import Root
from fixtures.appliance.listener import Listener
from fixtures.appliance.personalities import big_gzip
from fixtures.processlab import free_nets

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


class Site:
    """A virtual root and the console that serves it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.root, self.address = Root(folder), address
        self.listener = self._listen()

    def _listen(self) -> Listener:
        loaded = config.load(self.root.at(CONSOLE_TOML))
        self.console = Console(replace(loaded, root=str(self.root.folder)))
        return self.console.listen(self.address, lambda peer: True)

    def restart(self) -> None:
        self.listener.close()
        for unit in ("ciphermail-gateway-backend", "tomcat9"):
            self.console.pending.started(unit)
        self.listener = self._listen()

    def switch(self, **switches: object) -> None:
        config.change(self.root.at(CONSOLE_TOML), switches)

    def browser(self, account: seed.Account | None = None) -> Browser:
        browser = Browser(self.address)
        if account:
            browser.log_in(account.user, account.password)
            assert browser.logged_in, browser.text
        return browser


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """The seeded old one, a fresh new one."""
    with free_nets() as (lan, staging):
        root.write_old_root(tmp_path / "old", seed.OLD_RELEASE, address=f"{lan}10", gateway=f"{lan}1")
        root.write_image(tmp_path / "image", seed.NEW_RELEASE)
        root.unpack_disk(tmp_path / "image", tmp_path / "new")
        both = Site(tmp_path / "old", f"{lan}10"), Site(tmp_path / "new", f"{staging}10")
        yield both
        for site in both:
            site.listener.close()


@pytest.fixture
def old(sites: tuple[Site, Site]) -> Site:
    return sites[0]


@pytest.fixture
def new(sites: tuple[Site, Site]) -> Site:
    return sites[1]


def test_the_keystores_certificate_is_served_and_the_authority_vouches_for_it(old: Site, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(seed.ca_pem())
    browser = Browser(old.address)
    browser.session.verify = str(tmp_path / "ca.pem")
    browser.get("/ciphermail/")
    assert "CipherMail Email Encryption Gateway login" in browser.text


@pytest.mark.parametrize("account", [seed.ADMIN_OLD, seed.SA_OLD], ids=["console account", "unix account"])
def test_both_kinds_of_account_log_in(old: Site, account: seed.Account) -> None:
    assert old.browser(account).page.links["Backup"] == "/ciphermail/admin/backup"


def test_pam_can_be_off(old: Site) -> None:
    old.switch(pam="off")
    old.restart()
    browser = old.browser()
    browser.log_in(seed.SA_OLD.user, seed.SA_OLD.password)
    assert browser.page.told == ["Invalid user name or password"]


def test_the_stock_account_is_a_fresh_images_alone(old: Site, new: Site) -> None:
    new.browser(seed.ADMIN_FRESH)
    browser = old.browser()
    browser.log_in("admin", "admin")
    assert browser.page.told == ["Invalid user name or password"]


def test_the_sixth_attempt_is_blocked_even_with_the_right_password(old: Site) -> None:
    browser = old.browser()
    for _ in range(5):
        browser.log_in("admin", "wrong")
        assert browser.page.told == ["Invalid user name or password"]
    browser.log_in(seed.ADMIN_OLD.user, seed.ADMIN_OLD.password)
    assert browser.page.told == ["This account is blocked: too many failed logins. Try again later"]
    old.browser(seed.SA_OLD)


def test_hidden_fields_must_come_back(old: Site) -> None:
    browser = old.browser()
    browser.get("/ciphermail/")
    form = browser.page.forms[-1]
    form.fields["t:formdata"] += "x"
    answer = browser.send(form, {form.named("text"): "admin", form.named("password"): seed.ADMIN_OLD.password})
    assert answer.status_code == 500
    assert browser.page.told == ["The form is not the one that was served"]


def test_nobody_sees_the_backup_page_without_logging_in(old: Site) -> None:
    browser = old.browser()
    answer = browser.get("/ciphermail/admin/backup")
    assert answer.url.endswith("/ciphermail/login")
    assert browser.get("/other").status_code == 404


def test_a_backup_made_by_hand_moves_everything_to_the_new_appliance(old: Site, new: Site) -> None:
    answer = old.browser(seed.ADMIN_OLD).export()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="ciphermail-backup-mailgw-')
    browser = new.browser(seed.ADMIN_FRESH)
    assert browser.restore(answer.content) == ["The backup has been restored. The system needs to be restarted."]
    half = new.browser(seed.ADMIN_FRESH)  # the accounts of before are still in force
    half.get(half.page.links["Backup"])
    assert half.page.told == ["The system needs to be restarted."]
    assert half.page.forms == []
    new.restart()
    new.browser(seed.ADMIN_OLD)
    stock = new.browser()
    stock.log_in("admin", "admin")
    assert not stock.logged_in
    assert new.console.store.rows("cm_keystore") == old.console.store.rows("cm_keystore")


def test_an_encrypted_backup_of_another_release_is_refused_in_words(old: Site, new: Site) -> None:
    archive = old.browser(seed.ADMIN_OLD).export("pass").content
    told = new.browser(seed.ADMIN_FRESH).restore(archive, "pass")
    assert told == ["The backup file cannot be decrypted: wrong password or damaged file"]
    new.browser(seed.ADMIN_FRESH).backup_forms()


def test_a_restore_wants_to_be_confirmed(new: Site) -> None:
    browser = new.browser(seed.ADMIN_FRESH)
    _, form = browser.backup_forms()
    browser.send(form, {}, b"x")
    assert browser.page.told == ["Confirm that all local settings will be overwritten"]


def test_the_backup_feature_can_be_absent(old: Site) -> None:
    old.switch(backup_feature=False)
    browser = old.browser(seed.ADMIN_OLD)
    assert "Backup" not in browser.page.links
    assert browser.get("/ciphermail/admin/backup").status_code == 404


def test_every_account_can_be_blocked_by_a_switch(old: Site) -> None:
    old.switch(account_blocked=True)
    browser = old.browser()
    browser.log_in(seed.ADMIN_OLD.user, seed.ADMIN_OLD.password)
    assert browser.page.told == ["This account is blocked: too many failed logins. Try again later"]


def test_an_archive_may_carry_the_network(old: Site, new: Site) -> None:
    old.switch(backup_carries_network=True)
    new.switch(backup_carries_network=True)
    new.browser(seed.ADMIN_FRESH).restore(old.browser(seed.ADMIN_OLD).export().content)
    assert f"address {old.address}" in new.root.text("/etc/network/interfaces")


def test_a_restart_ends_sessions_and_reads_the_keystore_again(new: Site) -> None:
    browser = new.browser(seed.ADMIN_FRESH)
    new.root.write(root.P12, seed.web_p12(None))
    new.root.write(
        "/etc/tomcat9/server.xml", new.root.read("/etc/tomcat9/server.xml").replace(b'djigzo"', b'old-p12-password"')
    )
    new.restart()
    browser.get("/ciphermail/home")
    assert not browser.logged_in


# ---- personalities -------------------------------------------------------------------------------------------


def test_html_for_a_backup(old: Site) -> None:
    old.switch(personality="HtmlForBackup")
    answer = old.browser(seed.ADMIN_OLD).export()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert "Gateway login" in answer.text


def test_a_backup_cut_short(old: Site) -> None:
    whole = len(old.browser(seed.ADMIN_OLD).export().content)
    old.switch(personality="CutShort")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        old.browser(seed.ADMIN_OLD).export()
    old.switch(personality="CutShort:gzip")
    answer = old.browser(seed.ADMIN_OLD).export()
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert abs(len(answer.content) - whole // 2) < 100


def test_no_backup_page(old: Site) -> None:
    old.switch(personality="NoBackupPage")
    browser = old.browser(seed.ADMIN_OLD)
    browser.get(browser.page.links["Backup"])
    assert (browser.page.forms, browser.page.told) == ([], ["Backup is not available on this system"])


def test_a_restore_refused(old: Site, new: Site) -> None:
    archive = old.browser(seed.ADMIN_OLD).export().content
    new.switch(personality="RefusesRestore")
    told = new.browser(seed.ADMIN_FRESH).restore(archive)
    assert told == ["Restore failed: there is not enough space on the device"]
    assert new.console.store.rows("cm_users") == []


def test_slow(old: Site) -> None:
    old.switch(personality="Slow:0.2")
    begin = time.monotonic()
    old.browser().get("/ciphermail/login")
    assert time.monotonic() - begin >= 0.2


def test_a_big_backup_goes_both_ways_in_little_memory(tmp_path: Path) -> None:
    """The console as a process of its own, so that its memory can be measured."""
    size = 192 << 20
    with free_nets() as (lan, _):
        root.write_old_root(tmp_path, seed.OLD_RELEASE, address=f"{lan}10", gateway=f"{lan}1")
        arguments = ["--config", str(tmp_path / "etc/standin/console.toml"), "--root", str(tmp_path)]
        switches = ["--listen", f"{lan}10", "--personality", f"BigBackup:{size}"]
        command = [sys.executable, "-m", "fixtures.appliance.console", *arguments, *switches]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith("console of 5.4.1.0gdeadbee0 on")
                before = psutil.Process(process.pid).memory_info().rss
                browser = Browser(f"{lan}10")
                browser.log_in(seed.ADMIN_OLD.user, seed.ADMIN_OLD.password)
                assert _received(browser) == big_gzip(size)[0]
                assert _sent(browser, size) == 200
                grown = psutil.Process(process.pid).memory_info().rss - before
            finally:
                process.terminate()
    assert grown < 32 << 20
    assert process.returncode == 0


def _received(browser: Browser) -> int:
    form, _ = browser.backup_forms()
    with browser.session.post(browser.base + form.action, data=form.fields, stream=True) as answer:
        return sum(len(piece) for piece in answer.iter_content(1 << 20))


def _sent(browser: Browser, size: int) -> int:
    _, form = browser.backup_forms()
    head = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**form.fields, form.named("checkbox"): "on"}.items()
    )
    head += f'--b\r\nContent-Disposition: form-data; name="{form.named("file")}"; filename="x"\r\n\r\n'
    length, pieces = big_gzip(size)

    def body() -> Iterator[bytes]:
        yield head.encode()
        yield from pieces
        yield b"\r\n--b--\r\n"

    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(len(head) + length + len("\r\n--b--\r\n")),
    }
    request = requests.Request("POST", browser.base + form.action, data=body(), headers=headers)
    prepared = browser.session.prepare_request(request)
    prepared.headers.pop("Transfer-Encoding", None)  # the stand-in, as Tomcat's upload, wants a length
    answer = browser.session.send(prepared, verify=False)
    assert "The backup has been restored" in answer.text
    return answer.status_code
