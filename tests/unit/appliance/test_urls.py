"""A console's URL of a bare host, and of the same console on another host: names, IPv4, IPv6, link-local addresses."""

import pytest

from vmmigrate.appliance.urls import at_host, host_of, origin_of, origins_of
from vmmigrate.errors import UsageProblem


@pytest.mark.parametrize(
    ("host", "origins"),
    [
        ("mail", ("https://mail:443", "https://mail:8443")),
        ("mail:8080", ("https://mail:8080",)),
        ("192.0.2.10", ("https://192.0.2.10:443", "https://192.0.2.10:8443")),
        ("2001:db8::1", ("https://[2001:db8::1]:443", "https://[2001:db8::1]:8443")),
        ("2001:db8::8443", ("https://[2001:db8::8443]:443", "https://[2001:db8::8443]:8443")),
        ("[2001:DB8::1]:8080", ("https://[2001:db8::1]:8080",)),
        ("::1", ("https://[::1]:443", "https://[::1]:8443")),
        ("fe80::1%br0", ("https://[fe80::1%25br0]:443", "https://[fe80::1%25br0]:8443")),
        ("[fe80::1%25br0]:443", ("https://[fe80::1%25br0]:443",)),
    ],
)
def test_a_bare_host_is_looked_at_where_consoles_are(host: str, origins: tuple[str, ...]) -> None:
    assert origins_of(host, (443, 8443)) == origins
    assert [origin_of(origin) for origin in origins] == list(origins)


@pytest.mark.parametrize("host", ["mail:x", "2001:db8::1:8443:", "[2001:db8::1", "", "[mail]:8443", "1.2.3.4:99999"])
def test_what_is_no_host_is_a_usage_problem(host: str) -> None:
    with pytest.raises(UsageProblem):
        origins_of(host, (443,))


@pytest.mark.parametrize(
    ("url", "host", "other"),
    [
        ("https://198.51.100.7:8443/ciphermail", "2001:db8::7", "https://[2001:db8::7]:8443/ciphermail"),
        ("https://[2001:db8::7]:8443/ciphermail", "198.51.100.7", "https://198.51.100.7:8443/ciphermail"),
        ("https://[2001:db8::7]/a", "2001:db8::77", "https://[2001:db8::77]/a"),
        ("https://1.1.1.1:8443/v1.1.1.1/", "1.1.1.2", "https://1.1.1.2:8443/v1.1.1.1/"),
        ("https://198.51.100.7:8443/x", "fe80::7%br0", "https://[fe80::7%25br0]:8443/x"),
    ],
)
def test_the_same_console_on_another_host(url: str, host: str, other: str) -> None:
    assert at_host(url, host) == other
    assert host_of(other) == host
