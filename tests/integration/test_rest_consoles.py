"""Which console is opened: REST where the profile says so, and a clear refusal of 6.x where it does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from odd_back_end import OddBackEnd, page
from rest_stand_in import OLD, Six, fitting, six

from hypervisors import TlsTrust, TrustRefused, Unreachable
from vmmigrate.appliance.consoles import find, open_console
from vmmigrate.appliance.family import FAMILIES, Software, Units
from vmmigrate.appliance.profile import Profile
from vmmigrate.appliance.rest.console import RestConsole
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.errors import ApplianceError, NotDiscovered, PlanRefused, UsageProblem
from vmmigrate.plan.identity import refuse_unsupported
from vmmigrate.steps.ready import refuse_six

UNTOLD = (
    "the page at {} has no form but a script's interface, as family 6.x has: its REST back end can be used"
    " only with a profile, because its endpoints are not known"
)
TABLE = (
    "write a [rest] table (rest.base, rest.login, rest.token, rest.export, rest.import), as in docs/six.md,"
    " and give the profile with --profile"
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Six]:
    with six(tmp_path / "root") as stand_in:
        yield stand_in


def profile(running: Six, **changes: Any) -> Profile:
    return Profile.model_validate({"family": "6.x", "rest": fitting(running.back_end.switches) | changes})


def host_of(running: Six) -> str:
    return running.url.removeprefix("https://")


def test_a_profile_with_rest_opens_the_back_end(running: Six) -> None:
    url = find(host_of(running), running.trust, profile(running))
    assert url == running.url
    console = open_console(url, running.trust, profile(running))
    assert isinstance(console, RestConsole)
    console.log_in(OLD)
    console.find_backup()
    console.close()


def test_any_other_opens_the_web_console(running: Six) -> None:
    assert isinstance(open_console(running.url, running.trust, Profile()), WebConsole)


def test_nobody_logs_in_to_find_it(running: Six) -> None:
    find(host_of(running), running.trust, profile(running))
    assert running.back_end.log_ins == 0


def test_a_url_is_returned_as_it_is(running: Six) -> None:
    assert find("https://nowhere.example/x", running.trust, profile(running)) == "https://nowhere.example/x"


def test_on_a_bare_host_the_ports_are_the_profiles(running: Six) -> None:
    host, _, port = host_of(running).partition(":")
    assert find(host, running.trust, profile(running, ports=[1, int(port)])) == running.url
    with pytest.raises(Unreachable) as unreachable:
        find(host, running.trust, profile(running, ports=[1]))
    assert str(unreachable.value).startswith(f"no back end found on {host}: no connection to https://{host}:1: ")
    assert (
        unreachable.value.hint == "give its URL (https://HOST:PORT) or rest.ports in the profile; does its service run?"
    )


def test_a_certificate_not_trusted_is_told_before_all_else(running: Six) -> None:
    host, _, port = host_of(running).partition(":")
    with pytest.raises(TrustRefused):
        find(host, TlsTrust("00" * 32), profile(running, ports=[1, int(port)]))


@pytest.mark.parametrize(
    ("base", "seen"),
    [
        ("/rest", "GET /rest/auth/me answered 200 with a web page"),
        ("/api/v1/x", "GET /api/v1/x/auth/me answered 404 with an object with status, message"),
    ],
)
def test_another_base_is_told_when_it_is_looked_for(running: Six, base: str, seen: str) -> None:
    with pytest.raises(NotDiscovered) as lacking:
        find(host_of(running), running.trust, profile(running, base=base))
    assert str(lacking.value) == f"no back end there: {seen}"
    assert lacking.value.keys == ("rest.base", "rest.check.path")


def test_without_a_profile_its_interface_is_recognised(running: Six) -> None:
    """[F-FAMILY-3]"""
    console = open_console(running.url, running.trust, Profile())
    with pytest.raises(NotDiscovered) as lacking:
        console.log_in(OLD)
    console.close()
    assert (str(lacking.value), lacking.value.hint) == (UNTOLD.format(running.url), TABLE)
    assert running.back_end.log_ins == 0


def test_so_it_is_on_a_bare_host(running: Six) -> None:
    with pytest.raises(NotDiscovered) as lacking:
        find(host_of(running), running.trust, Profile())
    assert (str(lacking.value), lacking.value.hint) == (UNTOLD.format(running.url), TABLE)


def test_a_page_that_is_none_keeps_its_own_message() -> None:
    back_end = OddBackEnd({"GET /": page("<p>It works!</p>")})
    with back_end.running(logged_in=False):
        console = open_console(back_end.url + "/", back_end.trust, Profile())
        with pytest.raises(NotDiscovered) as lacking:
            console.log_in(OLD)
        console.close()
    assert "6.x" not in str(lacking.value)
    assert lacking.value.hint != TABLE


def test_a_profile_for_6_without_rest_is_refused_before_anything_is_connected() -> None:
    for opens in (find, open_console):
        with pytest.raises(UsageProblem) as refused:
            opens("https://nowhere.example", TlsTrust(), Profile(family="6.x"))
        assert str(refused.value) == (
            "the profile is for family 6.x and has no [rest] table: its back end is spoken to only as one describes it,"
            " because its endpoints are not known"
        )
        assert refused.value.hint == (
            "give rest.base, rest.login, rest.token, rest.export, rest.import; docs/six.md has an example"
        )


def software() -> Software:
    row = next(row for row in FAMILIES if row.name == "6.x")
    units = Units(web=None, backend=row.backend, mta="postfix", database=row.database, syslog=None)
    return Software(row.name, {row.main: "6.3.4"}, units)


def test_a_migration_of_6_is_refused_whatever_the_profile() -> None:
    """[F-BACKUP-7]"""
    with pytest.raises(PlanRefused) as refused:
        refuse_unsupported(software())
    assert str(refused.value) == (
        "version 6.3.4 is not migrated: it is not known whether its backup can be imported into another release"
        " and where it keeps its TLS keys"
    )
    assert refused.value.hint == (
        "migrate 4.x and 5.x appliances; with a REST profile (docs/six.md) `vmmigrate backup export` and"
        " `backup import` work with 6.x"
    )


def test_a_migration_to_6_is_refused_before_anything_is_imported() -> None:
    """[F-BACKUP-7]"""
    with pytest.raises(ApplianceError) as refused:
        refuse_six(software())
    assert str(refused.value) == (
        "the image has version 6.3.4: it is not known whether an older backup can be imported and where it keeps its"
        " TLS keys"
    )
    assert refused.value.hint == (
        "give an image of 5.x; `vmmigrate backup import` tries a backup on an empty 6.x machine (docs/six.md)"
    )
