"""The HTTPS proxy that the environment names: whether there is one for a host, and whom its password is for."""

import traceback
from base64 import b64encode

import pytest

from hypervisors import NotSupported, TlsTrust
from hypervisors.wire import proxies
from vmmigrate.appliance.https import HttpsOrigin

FAR = "vc.example"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_none_without_one() -> None:
    assert proxies.proxy_for(FAR) is None


@pytest.mark.parametrize("named", ["http://px:3128", "px:3128", "http://px:3128/"])
def test_the_environments(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("https_proxy", named)
    assert proxies.proxy_for(FAR) == proxies.Proxy("px", 3128)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.99", "::1", "localhost", "a.localhost"])
def test_never_for_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("https_proxy", "http://px:3128")
    assert proxies.proxy_for(host) is None


def test_not_for_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://px:3128")
    monkeypatch.setenv("no_proxy", ".example")
    assert proxies.proxy_for(FAR) is None
    assert proxies.proxy_for("vc.example.org") is not None


def test_one_that_speaks_tls_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "https://px:3128")
    with pytest.raises(NotSupported, match="is not a plain HTTP proxy"):
        proxies.proxy_for(FAR)


def test_its_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:p%40ss-word@px:3128")
    found = proxies.proxy_for(FAR)
    assert found is not None
    assert "ss-word" not in repr(found)
    assert found.headers == {"Proxy-Authorization": "Basic " + b64encode(b"me:p@ss-word").decode()}


@pytest.mark.parametrize(
    "named",
    ["http://me:se-cret@px:99999", "http://me:se/cret@px:3128", "http://[me:se-cret@px", "me:se-cret\u2100@px:1"],
)
def test_an_address_that_cannot_be_read_is_not_repeated(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("https_proxy", named)
    with pytest.raises(NotSupported, match="cannot be read") as told:
        proxies.proxy_for(FAR)
    with pytest.raises(NotSupported, match="cannot be read") as by_console:
        HttpsOrigin(f"https://{FAR}", TlsTrust("00" * 32))
    for each in (told, by_console):
        assert "se-cret" not in "".join(traceback.format_exception(each.value))


def test_a_console_is_reached_through_none_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://px:1080")
    with pytest.raises(NotSupported, match="socks5://px is not a plain HTTP proxy"):
        HttpsOrigin(f"https://{FAR}", TlsTrust("00" * 32))
