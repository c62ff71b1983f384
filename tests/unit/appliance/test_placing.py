"""Files put in place and put back: byte for byte, after a crash at any place, with modes, owners and contexts."""

import json
import shlex

import pytest
from scripted_gateway import MAIN, Gateway

from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.appliance.tls.placing import RECORD, Change, Edit, forget, is_interrupted, place, resolved
from vmmigrate.appliance.tls.placing import put_back as only_put_back
from vmmigrate.errors import ApplianceError

ROOT = FileMeta("0600", "root", "root")
TOMCAT = FileMeta("0640", "tomcat", "djigzo")
EDIT = Edit(MAIN, ("postconf", "-e", "smtpd_tls_eccert_file=/new"))
CHANGE = Change((NewFile("/a", b"new a", ROOT), NewFile("/b", b"new b", ROOT), NewFile("/new", b"new", ROOT)), (EDIT,))


def put_back(shell: Gateway) -> tuple[str, ...]:
    """As an undo does it, when the services have what is back."""
    paths = only_put_back(shell)
    forget(shell)
    return paths


def gateway(selinux: dict[str, str] | None = None) -> Gateway:
    made = Gateway("mail_name = x\n", files={"/a": b"old a", "/b": b"old b"}, selinux=selinux)
    made.metas["/b"] = TOMCAT
    return made


def state(shell: Gateway) -> dict[str, tuple[bytes, FileMeta | None]]:
    return {path: (data, shell.file_meta(path)) for path, data in shell.files.items()}


def test_what_was_there_is_beside_and_is_put_back() -> None:
    shell = gateway()
    before = state(shell)
    assert place(shell, CHANGE)
    assert (shell.files["/a"], shell.files["/a.before-vmmigrate"]) == (b"new a", b"old a")
    assert state(shell)["/b.before-vmmigrate"] == (b"old b", TOMCAT)
    assert shell.file_meta("/b") == TOMCAT
    assert shell.files[MAIN].endswith(b"smtpd_tls_eccert_file = /new\n")
    assert put_back(shell) == ("/a", "/b", "/new", MAIN)
    assert state(shell) == before


def test_undo_twice_is_undo_once() -> None:
    shell = gateway()
    before = state(shell)
    place(shell, CHANGE)
    assert (put_back(shell) != (), put_back(shell)) == (True, ())
    assert state(shell) == before


def test_undo_may_be_done_again_until_it_is_forgotten() -> None:
    shell = gateway()
    before = state(shell)
    place(shell, CHANGE)
    assert only_put_back(shell) == only_put_back(shell) == ("/a", "/b", "/new", MAIN)
    forget(shell)
    assert state(shell) == before


def test_nothing_to_place_writes_nothing() -> None:
    shell = gateway()
    assert not place(shell, Change())
    assert shell.changes() == []


def test_the_record_holds_no_content_and_is_roots_alone() -> None:
    shell = gateway()
    place(shell, CHANGE)
    assert shell.file_meta(RECORD) == ROOT
    assert not [data for data in (b"old a", b"new a") if data in shell.files[RECORD]]
    assert json.loads(shell.files[RECORD])["done"] is True


def test_a_second_change_is_undone_to_the_first() -> None:
    """The previous pair is the one that worked before this change, not what an image came with."""
    shell = gateway()
    place(shell, CHANGE)
    first = {path: shell.files[path] for path in ("/a", "/b", "/new", MAIN)}
    place(shell, Change((NewFile("/a", b"newer a", ROOT),)))
    assert put_back(shell) == ("/a",)
    assert {path: shell.files[path] for path in first} == first


CRASHES = (RECORD, "cp /a", "cp /b", f"cp {MAIN}", "/a", "/b", "/new")


def crashed(at: str) -> Gateway:
    shell = gateway()
    shell.fails_at = at
    with pytest.raises(ConnectionError):
        place(shell, CHANGE)
    shell.fails_at = ""
    return shell


@pytest.mark.parametrize("at", CRASHES)
def test_after_a_crash_undo_finds_all_as_it_was(at: str) -> None:
    shell = crashed(at)
    assert is_interrupted(shell) is (at != RECORD)
    put_back(shell)
    assert state(shell) == state(gateway())


@pytest.mark.parametrize("at", CRASHES)
def test_after_a_crash_a_second_copy_ends_as_one_and_undo_still_knows_the_first_state(at: str) -> None:
    shell, whole = crashed(at), gateway()
    place(whole, CHANGE)
    present = Change(tuple(file for file in CHANGE.files if shell.files.get(file.path) != file.data), (EDIT,))
    place(shell, present)
    assert not is_interrupted(shell)
    assert state(shell) == state(whole)
    put_back(shell)
    assert state(shell) == state(gateway())


def test_a_crash_before_the_last_record_is_mended_by_a_copy_that_has_nothing_to_do() -> None:
    shell = gateway()
    place(shell, CHANGE)
    shell.files[RECORD] = shell.files[RECORD].replace(b'"done": true', b'"done": false')
    assert place(shell, Change())
    assert not is_interrupted(shell)
    put_back(shell)
    assert state(shell) == state(gateway())


def test_somebody_elses_hand_is_not_undone() -> None:
    shell = gateway()
    place(shell, CHANGE)
    shell.files["/b"] = b"renewed by certbot"
    after = state(shell)
    with pytest.raises(ApplianceError, match="since the copy somebody changed /b"):
        put_back(shell)
    assert state(shell) == after


def test_a_lost_copy_is_told_before_anything_is_touched() -> None:
    shell = gateway()
    place(shell, CHANGE)
    del shell.files["/b.before-vmmigrate"]
    after = state(shell)
    with pytest.raises(ApplianceError, match=r"/b\.before-vmmigrate is gone or damaged"):
        put_back(shell)
    assert state(shell) == after


@pytest.mark.parametrize("text", [b"no json", b"[]", b'{"schema": 2, "done": true, "entries": []}'])
def test_a_record_of_no_use_stops_everything(text: bytes) -> None:
    shell = gateway()
    shell.files[RECORD] = text
    with pytest.raises(ApplianceError, match=RECORD):
        put_back(shell)
    with pytest.raises(ApplianceError, match=RECORD):
        place(shell, CHANGE)
    assert state(shell) == state(gateway()) | {RECORD: (text, shell.file_meta(RECORD))}


def test_selinux_contexts_stay_with_the_files() -> None:
    cert = "system_u:object_r:cert_t:s0"
    shell = gateway(selinux={"/a": cert, "/b": cert})
    place(shell, CHANGE)
    assert shell.selinux is not None
    assert [shell.selinux[path] for path in ("/a", "/b", "/a.before-vmmigrate")] == [cert, cert, cert]
    assert shell.selinux["/new"] == "system_u:object_r:policy_t:s0"  # as the policy says: restorecon
    put_back(shell)
    assert [shell.selinux[path] for path in ("/a", "/b")] == [cert, cert]


def test_without_selinux_nobody_is_asked_for_contexts() -> None:
    shell = gateway()
    place(shell, CHANGE)
    assert not [line for line in shell.ran if line.startswith(("chcon", "restorecon"))]


LOOK = f"sha256sum /a /b /new {MAIN}"
NO_ROOT = Result(1, "", "sudo: PAM account management error")


@pytest.mark.parametrize("failing", [(LOOK,), (LOOK, "stat -c '%a %U %G %n' / /a /b /new " + MAIN)])
def test_a_look_that_fails_is_not_taken_for_files_that_are_not_there(failing: tuple[str, ...]) -> None:
    """Else nothing would be kept beside, and undo would remove what it could not put back."""
    shell = gateway()
    shell.answers |= dict.fromkeys(failing, NO_ROOT)
    with pytest.raises(ApplianceError, match="cannot be looked at as root"):
        place(shell, CHANGE)
    assert shell.changes() == []


def test_a_link_is_followed_as_root_where_the_account_may_not_look() -> None:
    """/etc/letsencrypt/live is root's alone."""
    shell = gateway()
    as_root = iter(["", "/etc/letsencrypt/archive/gw/key1.pem\n"])
    shell.answers["readlink -f /link"] = lambda _shell, _argv: Result(0, next(as_root), "")
    assert resolved(shell, "/link") == "/etc/letsencrypt/archive/gw/key1.pem"
    assert shell.users[-2:] == [None, "root"]


@pytest.mark.parametrize("name", ["/back\\slash", "/two\nlines"])
def test_a_name_that_the_tools_tell_otherwise_is_not_taken_for_absent(name: str) -> None:
    """sha256sum writes `\\` before such a line and doubles what is in the name; stat tells two lines."""
    shell = gateway()
    shell.files[name] = b"old"
    told = Result(0, "\\" + "0" * 64 + "  " + name.replace("\\", "\\\\").replace("\n", "\\n") + "\n", "")
    shell.answers[shlex.join(("sha256sum", name))] = told
    with pytest.raises(ApplianceError, match="cannot be looked at as root"):
        place(shell, Change((NewFile(name, b"new", ROOT),)))
    assert shell.files[name] == b"old"
