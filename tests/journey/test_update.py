"""A host of packages is updated: by the real dpkg, tar and PostgreSQL, killed at each record, resumed, rolled back."""

import fcntl
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.appliance import state
from fixtures.packagehost.host import DEBIAN, NEW, OLD, Kind, new_stubs, why_not
from fixtures.packages import Stub, build_deb, core_os
from fixtures.publisher import Publisher
from tests.journey.story import ATTENTION, DONE, INTERRUPTED, KILLED, REFUSED, WENT_BACK
from tests.journey.test_crashes import BOTH, killed_at_each
from tests.journey.transplant import transplant
from tests.journey.updating import HANGS, Tale, failing, forth_and_back_with_another, impatient, is_new, needing_another
from vmmigrate.steps.update.itinerary import UPDATE_HOST
from vmmigrate.steps.update.services import BY_HAND
from vmmigrate.updating.packages import sha256_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture
def tale(tell_host: Callable[[Kind], Tale]) -> Tale:
    return tell_host(DEBIAN)


def test_a_host_is_updated_and_finished(tale: Tale) -> None:
    (tale.host.root / "etc/journal").write_text("INFO ready\nERROR no template\n")
    told = tale.update("--log-limits", "30,10000")
    assert told.status == DONE, told.err
    assert "lines with ERROR in the log since the services stopped: 1" in told.out
    assert is_new(tale)
    world = tale.world()
    assert world["drop-ins"] == ["etc/rsyslog.d/90-vmmigrate.conf", "etc/systemd/journald.conf.d/90-vmmigrate.conf"]
    assert "RateLimitBurst=10000" in tale.host.text(f"/{world['drop-ins'][1]}")
    assert "cm_logs" in world["rows"]
    assert world["units"]["rsyslog"] == "active"
    assert "ciphermail-gateway-backend" in world["enabled"]
    assert not (tale.host.root / DEBIAN.caches.removeprefix("/") / "web").exists()
    assert "djigzo_new" in told.out  # main.cf differs
    assert tale("finish", tale.run_id, "--yes").status == DONE
    assert tale.world()["left"] == []
    told = tale.update("--pam", "off", "--log-limits", "30,10000")
    assert told.status == DONE, told.err
    assert "nothing to do" in told.out
    assert "--pam was not looked at" in told.out
    assert "--log-limits was not looked at" in told.out


def test_what_was_updated_goes_back_when_it_is_asked_for(tale: Tale) -> None:
    """The budget of a migration's switch does not end it."""
    tale.settings["VMMIGRATE_SWITCH__BUDGET"] = "0.01s"
    before = tale.world()
    assert tale.update("--log-limits", "30,10000").status == DONE
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before


_FAILS = {"postinst": "#!/bin/sh\nexit 1\n"}


@pytest.mark.parametrize(
    ("package", "script"),
    [
        ("djigzo", "preinst"),
        pytest.param("djigzo", "postinst", marks=pytest.mark.long),
        pytest.param("djigzo-web", "preinst", marks=pytest.mark.long),
        ("djigzo-web", "postinst"),
    ],
)
def test_a_script_that_fails_goes_back_by_itself(tale: Tale, tmp_path: Path, package: str, script: str) -> None:
    before = tale.world()
    told = tale.update(packages=failing(tmp_path / "new", {package: {script: _FAILS["postinst"]}}))
    assert told.status == WENT_BACK, told.err
    assert f"{package}" in told.err
    assert tale.world() == before


def test_a_mail_agent_that_does_not_listen_goes_back_before_mail_is_taken(tale: Tale, tmp_path: Path) -> None:
    """Its unit is active; Postfix would put mail off for minutes."""
    before = tale.world()
    deaf = {"postinst": "#!/bin/sh\ntouch /etc/deaf\n", "postrm": "#!/bin/sh\nrm -f /etc/deaf\n"}
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo-web": deaf}))
    assert told.status == WENT_BACK, told.err
    assert "the mail agent to listen at port 10025" in told.err
    assert tale.world() == before
    assert "puts mail off" not in told.out


def test_an_edited_configuration_file_stays(tale: Tale) -> None:
    edited = tale.host.root / "etc/djigzo/djigzo.properties"
    edited.write_text("by hand\n")
    before = tale.world()
    told = tale.update()
    assert told.status == DONE
    assert tale.world()["conffile"] == "by hand\n"
    assert "what the new release has for them: /etc/djigzo/djigzo.properties.dpkg-dist" in told.out
    assert tale("rollback", tale.run_id, "--yes").status == DONE
    assert tale.world() == before


# ---- killed at each record -----------------------------------------------------------------------------------


STEPS = tuple(step.name for step in UPDATE_HOST.steps)


@BOTH
def test_killed_at_each_record_it_is_resumed(tale: Tale, when: str) -> None:
    assert tale.update(stop=("SIGKILL", "after", 2)).status == KILLED
    lines = [line for step in STEPS for line in (("begin", step), ("done", step))][1:]
    learnt = {step.name for step in UPDATE_HOST.steps if step.learns} - {"snapshot"}  # there is no --vm
    lines = [
        each
        for line in lines
        for each in ((("learnt", line[1]), line) if line[0] == "done" and line[1] in learnt else (line,))
    ]
    killed_at_each(lambda stop: tale("resume", tale.run_id, stop=stop), when, lines)
    last = tale("resume", tale.run_id)
    assert last.status in (DONE, REFUSED), last.err
    assert is_new(tale)
    assert json.loads(tale("status", tale.run_id, "--json").out.splitlines()[0])["status"] == "updated"


@pytest.mark.parametrize(
    "step",
    [
        "close-intake",
        "install",
        "start",
        "open",
        *(pytest.param(step, marks=pytest.mark.long) for step in ("keep", "stop")),
    ],
)
def test_killed_in_a_step_it_is_rolled_back(tale: Tale, step: str) -> None:
    before = tale.world()
    assert tale.update(stop=("SIGKILL", "before", ("done", step))).status == KILLED
    told = tale("rollback", tale.run_id, "--yes", stop=("SIGKILL", "after", ("undo", step)))
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before


# ---- what the world does meanwhile ---------------------------------------------------------------------------


def test_a_host_that_was_restarted_in_the_middle_is_updated_all_the_same(tale: Tale) -> None:
    assert tale.update(stop=("SIGKILL", "after", ("done", "install"))).status == KILLED
    tale.host.reboot()
    assert tale.host.takes_mail  # nothing closes it after a boot: the run must see that
    told = tale("resume", tale.run_id)
    assert told.status == DONE, told.err
    assert is_new(tale)


def test_packages_that_somebody_else_works_on_are_left_alone(tale: Tale) -> None:
    before = tale.world()
    with (tale.host.root / "var/lib/dpkg/lock-frontend").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        told = tale.update()
    assert told.status == WENT_BACK
    assert "another program works on the packages" in told.err
    assert tale.world() == before


def test_a_dpkg_that_was_killed_goes_back(tale: Tale, tmp_path: Path) -> None:
    before = tale.world()
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo": {"postinst": "#!/bin/sh\nkill -9 $PPID\n"}}))
    assert told.status == WENT_BACK, told.err
    assert tale.world() == before


@pytest.mark.parametrize(
    "waits", ["exec sleep 1000", "sleep 1000 & wait", "trap '' TERM; sleep 1000", "read -r x </dev/zero"]
)
def test_a_script_that_never_ends_is_ended_and_goes_back(tale: Tale, tmp_path: Path, waits: str) -> None:
    """With all that it started: what worked on would hold dpkg's lock against the way back. By our own clock it was no
    hour, so what the second signal ended was killed by somebody.
    """
    impatient(tale.host)
    before = tale.world()
    script = f"#!/bin/sh\n{HANGS}\n{waits}\n"
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo": {"postinst": script}}))
    assert told.status == WENT_BACK, told.err
    assert "`dpkg` was killed there" in told.err  # not for its hour: that was over at once
    assert tale.world() == before


def test_a_script_that_waits_for_a_person_gets_no_input_and_goes_back(tale: Tale, tmp_path: Path) -> None:
    before = tale.world()
    asks = "#!/bin/sh\nprintf 'Go on? '; read -r answer && exit 0\nread -r answer </dev/tty && exit 0\nexit 7\n"
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo": {"postinst": asks}}))
    assert told.status == WENT_BACK, told.err
    assert "status 7" in told.err
    assert tale.world() == before


def test_a_dump_that_waits_for_ever_is_ended(tale: Tale) -> None:
    """As for a lock that somebody else has on a table."""
    impatient(tale.host)
    before = tale.world()
    waits = tale.host.root / "usr/local/sbin/pg_dump"
    waits.write_text(f"#!/bin/sh\n{HANGS}\nexec sleep 1000\n")
    waits.chmod(0o755)
    told = tale.update()
    assert told.status == WENT_BACK, told.err
    assert "`dump` was killed there" in told.err
    assert tale.world() == before


def test_a_disk_that_is_full_goes_back(tale: Tale, tmp_path: Path) -> None:
    before = tale.world()
    folder = failing(tmp_path / "new", {})
    web = next(stub for stub in new_stubs() if stub.name == "djigzo-web")
    big = replace(web, files={"/usr/share/djigzo-web/web": "x" * 300_000})
    for path in folder.glob("djigzo-web_*"):
        path.unlink()
    shutil.rmtree(folder / f".djigzo-web-{NEW}-deb")
    build_deb(big, folder)
    tale.host.mount("/usr/share/djigzo-web", "64k")
    told = tale.update(packages=folder)
    assert told.status == WENT_BACK
    assert "No space left on device" in told.err
    assert tale.world() == before


def test_the_claim_of_another_run_is_respected(tale: Tale) -> None:
    before = tale.world()
    claim = tale.host.root / "var/lib/vmmigrate/claim"
    claim.parent.mkdir(parents=True)
    claim.write_text("20260101-000000-abcd another 1: an update is in progress\n")
    told = tale.update()
    assert told.status == ATTENTION
    assert "is claimed by another update: 20260101-000000-abcd another" in told.err
    assert claim.read_text().startswith("20260101-000000-abcd")
    assert {**tale.world(), "left": []} == {**before, "left": []}


def test_without_the_installed_packages_it_refuses_or_says_what_is_left(
    tale: Tale, tmp_path: Path, stubs: Callable[[Kind], Path]
) -> None:
    before = tale.world()
    for path in (tale.host.root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    told = tale.update()
    assert told.status == WENT_BACK
    assert "give them with --old-packages DIR" in told.err
    assert tale.world() == before
    shutil.rmtree(tale.host.folder / "runs")
    bad = failing(tmp_path / "new", {"djigzo-web": _FAILS})
    told = tale.update("--old-packages", str(stubs(DEBIAN) / "old"), packages=bad)
    assert told.status == WENT_BACK, told.err
    assert tale.world() == before
    shutil.rmtree(tale.host.folder / "runs")
    told = tale.update("--no-way-back", packages=bad)
    assert told.status == ATTENTION
    assert "no package of the old release is kept (--no-way-back)" in told.err
    assert "dpkg --audit" in told.err


def test_an_interrupt_goes_back_and_keeps_what_was_prepared(tale: Tale) -> None:
    before = tale.world()
    told = tale.update(stop=("SIGINT", "after", ("begin", "install")))
    assert told.status == INTERRUPTED, told.err
    assert {**tale.world(), "left": []} == before
    assert json.loads(tale("status", tale.run_id, "--json").out.splitlines()[0])["status"] == "old release again"
    assert tale("resume", tale.run_id).status == DONE
    assert is_new(tale)
    assert tale("rollback", tale.run_id, "--yes", "--scope", "release").status == DONE
    assert {**tale.world(), "left": []} == before
    assert tale("finish", tale.run_id, "--yes").status == DONE
    assert tale.world() == before


# ---- with a snapshot of the machine --------------------------------------------------------------------------


def test_a_failure_goes_back_by_the_snapshot_and_leaves_none(tale: Tale, tmp_path: Path) -> None:
    """No package of the installed release is left: by packages alone it could not."""
    vm = tale.virtual()
    for path in (tale.host.root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    before = tale.world()
    told = tale.update(packages=failing(tmp_path / "new", {"djigzo-web": _FAILS}), vm=vm)
    assert told.status == WENT_BACK, told.err
    assert "by the snapshot there is one" in told.out
    assert tale.world() == before
    assert tale.snapshots == []


def test_after_the_commit_nothing_goes_back_by_the_snapshot(tale: Tale) -> None:
    """What came since would be lost: a row that is not in the old release's dump shows which way it went."""
    before = tale.world()
    assert tale.update(vm=tale.virtual()).status == DONE
    assert len(tale.snapshots) == 1
    (tale.host.root / "etc/since").write_text("the update")
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.host.text("/etc/since") == "the update"
    assert tale.world() == before
    assert tale.snapshots == []


def test_the_snapshot_goes_with_finish(tale: Tale) -> None:
    assert tale.update(vm=tale.virtual()).status == DONE
    assert len(tale.snapshots) == 1
    assert tale("finish", tale.run_id, "--yes").status == DONE
    assert tale.snapshots == []


@pytest.mark.parametrize(
    "line", [("learnt", "snapshot"), ("done", "snapshot"), ("learnt", "install"), ("undo", "install")]
)
def test_killed_around_the_snapshot_it_goes_back_by_it(tale: Tale, tmp_path: Path, line: tuple[str, str]) -> None:
    vm, before = tale.virtual(), tale.world()
    bad = failing(tmp_path / "new", {"djigzo": _FAILS})
    assert tale.update(stop=("SIGKILL", "after", line), packages=bad, vm=vm).status == KILLED
    told = tale("rollback", tale.run_id, "--yes") if line[0] != "undo" else tale("resume", tale.run_id)
    assert told.status in (DONE, WENT_BACK), told.err
    assert tale.world() == before
    assert tale.snapshots == []


def test_a_host_that_booted_since_may_have_taken_mail_and_goes_back_by_packages(tale: Tale) -> None:
    vm, before = tale.virtual(), tale.world()
    assert tale.update(stop=("SIGKILL", "after", ("done", "install")), vm=vm).status == KILLED
    tale.host.reboot()
    (tale.host.root / "etc/since").write_text("the boot")
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.host.text("/etc/since") == "the boot"
    assert tale.world() == before


def test_where_the_snapshot_does_not_bring_it_back_packages_bring_all_of_it(tale: Tale) -> None:
    """The unit of the new release, and the log's limits as an earlier update left them."""
    earlier = tale.host.root / "etc/systemd/journald.conf.d/90-vmmigrate.conf"
    earlier.parent.mkdir()
    earlier.write_text("[Journal]\nRateLimitBurst=5\n")
    vm, before = tale.virtual(), tale.world()
    stop = ("SIGKILL", "after", ("done", "enable"))
    assert tale.update("--log-limits", "30,10000", stop=stop, vm=vm).status == KILLED
    with state.edit(tale.host.folder / "hypervisor") as now:
        now["vms"][vm.id]["revert_refused"] = "no right for that"
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert "does not go back by its snapshot, so it does by packages" in told.out
    assert tale.world() == before
    assert earlier.read_text() == "[Journal]\nRateLimitBurst=5\n"


def test_what_serves_is_left_alone_where_no_old_package_is_kept(tale: Tale, stubs: Callable[[Kind], Path]) -> None:
    vm, before = tale.virtual(), tale.world()
    for path in (tale.host.root / "var/cache/apt/archives").glob("*.deb"):
        path.unlink()
    told = tale.update(vm=vm)
    assert told.status == DONE, told.err
    assert "nothing goes back by the snapshot once mail is taken again" in told.out
    after = tale.world()
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == ATTENTION
    assert "install djigzo, djigzo-web of before by hand" in told.err
    assert tale.world() == after
    assert ("undo", "open") not in tale.recorded
    for path in (stubs(DEBIAN) / "old").glob("djigzo*.deb"):
        shutil.copy(path, tale.host.root / "tmp")
    tale.host.run(("sh", "-c", "dpkg --install /tmp/*.deb; dpkg --purge ciphermail-core-os-no-deps"), check=True)
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    again = tale.world()
    for what in ("packages", "rows", "main.cf", "takes mail"):
        assert again[what] == before[what]


def test_packages_of_the_installed_release_are_held_to_the_same_digests(
    tale: Tale, tmp_path: Path, stubs: Callable[[Kind], Path]
) -> None:
    old, sums = tmp_path / "old", tmp_path / "SHA256SUMS"
    shutil.copytree(stubs(DEBIAN) / "old", old)
    _write_digests(sums, tale.host.new)
    given = ("--old-packages", str(old), "--sha256sums", str(sums))
    told = tale.update(*given)
    assert told.status == REFUSED
    assert f"djigzo_{OLD}_all.deb: not in SHA256SUMS" in told.err
    _write_digests(old / "SHA256SUMS", old)
    assert tale.update(*given).status == DONE


@pytest.mark.skipif(not shutil.which("gpg"), reason="needs gpg")
def test_packages_of_the_installed_release_are_held_to_the_same_key(
    tale: Tale, tmp_path: Path, stubs: Callable[[Kind], Path]
) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    with Publisher(tmp_path, "vendor") as vendor:
        shutil.copytree(stubs(DEBIAN) / "new", new)
        shutil.copytree(stubs(DEBIAN) / "old", old)
        for path in new.glob("*.deb"):
            vendor.sign(path)
        given = ("--old-packages", str(old), "--signed-by", str(vendor.key))
        told = tale.update(*given, packages=new)
        assert told.status == REFUSED
        assert f"package-unsigned: djigzo_{OLD}_all.deb" in told.err
        for path in old.glob("*.deb"):
            vendor.sign(path)
        told = tale.update(*given, packages=new, stop=("SIGKILL", "after", ("done", "keep")))
    assert told.status == KILLED, told.err


def _write_digests(file: Path, folder: Path) -> None:
    file.write_text("".join(f"{sha256_of(path)}  {path.name}\n" for path in folder.glob("*.deb")))


def test_the_snapshot_is_kept_and_named_until_the_old_release_is_back(tale: Tale) -> None:
    vm, before = tale.virtual(), tale.world()
    assert tale.update(stop=("SIGKILL", "before", ("done", "install")), vm=vm).status == KILLED
    tale.host.reboot()
    dump = tale.host.root / f"var/lib/vmmigrate/{tale.run_id}/database.dump"
    dump.rename(dump.with_suffix(".away"))
    fails = tale.host.root / "etc/fails"
    fails.mkdir()
    (fails / "djigzo").touch()  # so nobody takes mail
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == ATTENTION, told.err
    (kept,) = tale.snapshots
    assert f"the snapshot {kept} is kept" in told.err
    assert kept in told.err.partition("if 127.0.0.1 took no mail since its snapshot: ")[2]
    dump.with_suffix(".away").rename(dump)
    (fails / "djigzo").unlink()
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.world() == before
    assert tale.snapshots == []


def test_a_host_that_a_person_has_opened_may_have_taken_mail_and_goes_back_by_packages(tale: Tale) -> None:
    vm, before = tale.virtual(), tale.world()
    assert tale.update(stop=("SIGKILL", "after", ("done", "install")), vm=vm).status == KILLED
    tale.host.run(("sh", "-c", BY_HAND), check=True)
    assert tale.host.takes_mail
    (tale.host.root / "etc/since").write_text("the mail")
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert tale.host.text("/etc/since") == "the mail"
    assert tale.world() == before
    assert tale.snapshots == []


def test_another_machine_than_the_host_is_refused_and_so_is_one_that_can_have_no_snapshot(tale: Tale) -> None:
    vm, before = tale.virtual(), tale.world()
    (tale.host.root / "sys/class/net/eth0/address").write_text("52:54:00:aa:00:99\n")
    with state.edit(tale.host.folder / "hypervisor") as now:
        now["vms"][vm.id]["snapshot_fault"] = "vda is no qcow2"
    told = tale.update(vm=vm)
    assert told.status == REFUSED
    for words in ("another machine answers at 127.0.0.1", "packaged can have no snapshot: vda is no qcow2"):
        assert words in told.err
    assert tale.world() == before


@pytest.mark.skipif(not shutil.which("dpkg-scanpackages"), reason="needs a repository's tools")
def test_dependencies_come_from_the_repositories_of_the_host(tale: Tale, tmp_path: Path) -> None:
    """They are fetched before anything stops: the repository is not there any more when they are installed."""
    new = needing_another(tmp_path / "new", tale.host)
    gone = tale.host.root / "gone"
    told = forth_and_back_with_another(tale, new, lambda: (tale.host.root / "repository").rename(gone))
    assert "another but it is not installable" in told.err


@pytest.mark.skipif(not shutil.which("dpkg-scanpackages"), reason="needs a repository's tools")
def test_what_was_fetched_and_something_else_needs_by_now_stays_and_is_said(tale: Tale, tmp_path: Path) -> None:
    new = needing_another(tmp_path / "new", tale.host)
    assert tale.update("--from-repository", packages=new).status == DONE
    build_deb(Stub("local", "1-1", depends="another"), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --install /root/local_*.deb"), check=True)
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert "what was fetched with the update stays: another" in told.out
    packages = tale.world()["packages"]
    assert any(line.startswith("another ii") for line in packages)
    assert f"djigzo ii {OLD}" in packages


@pytest.mark.skipif(not shutil.which("dpkg-scanpackages"), reason="needs a repository's tools")
def test_what_the_gateway_itself_needs_is_fetched_and_no_package_of_a_person_goes(tale: Tale, tmp_path: Path) -> None:
    """Its provider is there already. The cache is cleaned in between; then a person installs something."""
    new = needing_another(tmp_path / "new", tale.host, "djigzo")
    build_deb(core_os("debian", "5.0"), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --install /root/ciphermail-core-os-*.deb"), check=True)
    told = tale.update("--from-repository", packages=new, stop=("SIGKILL", "after", ("done", "copy")))
    assert told.status == KILLED, told.err
    next((tale.host.root / "var/cache/apt/archives").glob("another_*.deb")).unlink()
    told = tale("resume", tale.run_id, stop=("SIGKILL", "after", ("done", "install")))
    assert told.status == KILLED, told.err
    assert "another ii 1-1" in tale.world()["packages"]
    assert tale("rollback", tale.run_id, "--yes", "--scope", "release").status == DONE
    assert not any(line.startswith("another") for line in tale.world()["packages"])
    build_deb(Stub("local", "1-1", conffile="/etc/local.conf"), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --install /root/local_*.deb"), check=True)
    before = tale.world()
    told = tale("resume", tale.run_id)
    assert told.status == DONE, told.err
    told = tale("rollback", tale.run_id, "--yes")
    assert told.status == DONE, told.err
    assert {**tale.world(), "left": []} == {**before, "left": []}


# ---- a host that is not as it should be ----------------------------------------------------------------------


def test_packages_that_are_half_installed_are_named_and_an_update_follows_their_repair(tale: Tale) -> None:
    """dpkg was interrupted before we came."""
    build_deb(Stub("local", "1-1"), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --unpack /root/local_*.deb"), check=True)
    before = tale.world()
    told = tale.update()
    assert told.status == REFUSED
    assert "package-broken: half installed: local" in told.err
    assert tale.world() == before
    tale.host.run(("dpkg", "--configure", "-a"), check=True)
    assert tale.update().status == DONE
    assert is_new(tale)


def test_of_two_installed_providers_none_is_chosen(tale: Tale) -> None:
    for kind in ("debian", "no-deps"):
        build_deb(replace(core_os(kind, "5.0"), conflicts=""), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --install /root/ciphermail-core-os-*.deb"), check=True)
    before = tale.world()
    told = tale.update()
    assert told.status == REFUSED
    assert "core-os-twice" in told.err
    assert "ciphermail-core-os-debian" in told.err
    assert tale.world() == before


def test_the_installed_provider_stays_and_no_second_one_comes(tale: Tale) -> None:
    build_deb(core_os("debian", "5.0"), tale.host.root / "root")
    tale.host.run(("sh", "-c", "dpkg --install /root/ciphermail-core-os-*.deb"), check=True)
    told = tale.update()
    assert told.status == DONE, told.err
    packages = tale.world()["packages"]
    assert "ciphermail-core-os-debian ii 5.0" in packages
    assert not any("no-deps" in line for line in packages)


# ---- runs that an earlier version began ----------------------------------------------------------------------

STORED = Path(__file__).parents[1] / "journals" / "update-1"


@pytest.mark.parametrize(
    ("name", "record", "verb"),
    [
        ("killed-in-the-installation", ("learnt", "install"), "resume"),
        ("killed-in-the-installation", ("learnt", "install"), "rollback"),
        ("killed-after-the-commit", ("learnt", "open"), "resume"),
    ],
)
def test_a_run_of_an_earlier_version_goes_on(tale: Tale, name: str, record: tuple[str, str], verb: str) -> None:
    before = tale.world()
    assert tale.update(stop=("SIGKILL", "after", record)).status == KILLED
    transplant(STORED / name, tale)
    told = tale(verb, tale.run_id, *(("--yes",) if verb == "rollback" else ()))
    assert told.status == DONE, told.err
    assert tale.world() == before if verb == "rollback" else is_new(tale)
    assert "snapshot" not in [step["name"] for step in tale.journal[0]["steps"]]
