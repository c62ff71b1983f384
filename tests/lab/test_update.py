"""A package update on a real guest: dpkg, systemd, Postfix, PostgreSQL and libvirt are real; packages are stubs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from migrating import SIGKILLED, run_of
from updates import Updates, words_of

from fixtures import lab as labs
from fixtures.demo.worlds import RealGuests, world_of
from fixtures.lab import Lab
from fixtures.lab.packaged import CONFFILE, NEW, packaged, with_file, with_script
from tests.journey.story import DONE, REFUSED, WENT_BACK

pytestmark = pytest.mark.lab
VM = ("--vm", "mailgw")
FAILS = "#!/bin/sh\nexit 1\n"
KILLS_DPKG = "#!/bin/sh\nkill -9 $PPID\n"
HOLDS_LOCK = """\
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def without_console(guests: RealGuests) -> RealGuests:
    """Its backup and its log-ins take an emulated guest half a minute; `make demo` has them."""
    secrets = {name: value for name, value in guests.secrets.items() if name != "VMMIGRATE_OLD_CONSOLE_PASSWORD"}
    return replace(guests, secrets=secrets)


@pytest.fixture(scope="module")
def laid(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Updates]:
    place = labs.folders()
    guests, guest = without_console(world_of(lab, place.lab)), packaged(place)
    (guests.folder / "vmmigrate.toml").write_text(guests.settings())
    try:  # the lab is shared: half of the old packages may be laid
        guest.lay(tmp_path_factory.mktemp("packages") / "old")
        yield Updates(guests, guest, tmp_path_factory.mktemp("new"))
    finally:
        guest.forget()
        labs.reset(place)


@pytest.fixture
def updates(laid: Updates) -> Iterator[Updates]:
    yield laid
    laid.guest.reset()


def is_new(updates: Updates) -> bool:
    state = updates.guest.state()
    assert isinstance(state["packages"], list)
    assert isinstance(state["units"], dict)
    return f"djigzo ii {NEW}" in state["packages"] and set(state["units"].values()) == {"active", "inactive"}


@pytest.mark.long
def test_a_guest_is_updated_under_mail_and_finished(updates: Updates) -> None:
    updates.guest.put(CONFFILE, b"by hand\n")
    with updates.mail() as account:
        code, events = updates.update(*VM)
    assert code == DONE, words_of(events)
    assert account.is_closed, account
    assert is_new(updates)
    assert updates.guest.run(f"cat {CONFFILE}") == "by hand\n"
    assert len(updates.guest.snapshots) == 1
    code, events = updates("finish", run_of(events), "--yes")
    assert code == DONE, words_of(events)
    assert (updates.guest.snapshots, updates.guest.state()["left"]) == ([], "")


def test_packages_that_somebody_else_works_on_are_left_alone(updates: Updates) -> None:
    """lslocks of a real kernel: the plan says who it is."""
    updates.guest.put("/root/holds.py", HOLDS_LOCK.encode())
    updates.guest.run("systemd-run --quiet --unit=holds python3 /root/holds.py")
    code, events = updates.update(*VM)
    assert code == REFUSED, words_of(events)
    assert "package-lock: python3 (process " in words_of(events)
    updates.guest.run("systemctl stop holds")


@pytest.mark.long
@pytest.mark.parametrize("how", [VM, ("--no-snapshot",)], ids=["by-snapshot", "by-packages"])
@pytest.mark.parametrize(
    ("package", "script", "text"),
    [("djigzo-web", "postinst", FAILS), ("djigzo", "preinst", FAILS), ("djigzo", "postinst", KILLS_DPKG)],
    ids=["second-package", "before-the-files", "dpkg-killed"],
)
def test_a_script_that_fails_goes_back_and_no_mail_is_lost(
    updates: Updates, how: tuple[str, ...], package: str, script: str, text: str
) -> None:
    before = updates.guest.state()
    with updates.mail() as account:
        code, events = updates.update(*how, packages=with_script(package, script, text))
    assert code == WENT_BACK, words_of(events)
    assert account.is_closed, account
    assert updates.guest.state() == before
    assert updates.guest.snapshots == []


KILLED_AT = [("done", "keep"), ("learnt", "snapshot"), ("learnt", "install"), ("done", "install"), ("learnt", "open")]


@pytest.mark.long
@pytest.mark.parametrize("boots", [False, True], ids=["", "restarted"])
@pytest.mark.parametrize("verb", ["resume", "rollback"])
@pytest.mark.parametrize("line", KILLED_AT, ids="-".join)
def test_killed_at_a_record_it_goes_on_or_back(updates: Updates, line: tuple[str, str], verb: str, boots: bool) -> None:
    """With the guest restarted meanwhile it goes back by packages."""
    before = updates.guest.state()
    with updates.mail() as account:
        code, events = updates.update(*VM, driver=("--after", *line, "SIGKILL"))
        assert code == SIGKILLED, words_of(events)
        if boots:
            updates.guest.reboot()
        code, more = updates(verb, run_of(events), *(("--yes",) if verb == "rollback" else ()))
    assert code == DONE, words_of(more)
    assert account.is_closed, account
    assert updates.guest.state() == before if verb == "rollback" else is_new(updates)


@pytest.mark.long
def test_what_was_updated_goes_back_by_packages_when_it_is_asked_for(updates: Updates) -> None:
    before = updates.guest.state()
    with updates.mail() as account:
        code, events = updates.update(*VM)
        assert code == DONE, words_of(events)
        code, events = updates("rollback", run_of(events), "--yes")
    assert code == DONE, words_of(events)
    assert account.is_closed, account
    assert updates.guest.state() == before
    assert updates.guest.snapshots == []


@pytest.mark.long
def test_a_full_disk_in_the_transaction_goes_back(updates: Updates) -> None:
    updates.guest.run("mkdir -p /usr/share/djigzo-full; mount -t tmpfs -o size=64k none /usr/share/djigzo-full")
    before = updates.guest.state()
    with updates.mail() as account:
        code, events = updates.update(*VM, packages=with_file("djigzo-web", "/usr/share/djigzo-full/web", 300_000))
    assert code == WENT_BACK, words_of(events)
    assert "No space left on device" in words_of(events)
    assert account.is_closed, account
    assert updates.guest.state() == before
