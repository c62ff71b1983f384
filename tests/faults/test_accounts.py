"""Accounts of people are carried as the operator wants it: made, with their keys; what is there keeps its password."""

import pytest

from fixtures.appliance.files import Root
from tests.faults.model import Model
from tests.faults.test_host_keys import remarks
from tests.faults.test_silence import in_a_copy
from vmmigrate.appliance import authorized
from vmmigrate.appliance.privileges import ACCOUNTS, PHASES, READING, rules
from vmmigrate.appliance.ssh.sudoers import rule
from vmmigrate.errors import PlanRefused
from vmmigrate.settings.models import CarrySettings

KEY, OTHER = (f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{letter * 43}" for letter in "AB")
DAEMON = "daemon:x:1004:1004::/home/daemon:/bin/bash"
HASH = "$6$salt$abcdefghijklmnop"


def rooted(model: Model, vm: str) -> Root:
    guest = model.world.guest(vm)
    assert guest is not None
    return guest.root


def with_people(model: Model, wanted: tuple[str, ...]) -> None:
    root = rooted(model, model.world.old.id)

    def more(path: str, text: str) -> None:
        root.write(path, root.text(path).encode() + text.encode())

    more("/etc/passwd", "alice:x:1000:1001:Alice A.:/home/alice:/bin/zsh\ntoor:x:0:0::/root:/bin/sh\n")
    more("/etc/passwd", "bob:x:1002:1002::/srv/bob:/bin/bash\n")
    more("/etc/passwd", "carol:x:1003:4::/home/carol:/bin/bash\n")
    of_a_person = root.text("/etc/passwd").replace("daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin", DAEMON)
    root.write("/etc/passwd", of_a_person.encode())
    more("/etc/shadow", "carol:abJnggxhB/yWI:0:0:90:7:::\n")
    root.write("/home/daemon/.ssh/authorized_keys", f"{KEY}\n".encode())
    more("/etc/shadow", f"alice:{HASH}:19000:0:99999:7::20000:\nbob:!{HASH}:19000::::::\n")
    root.write("/etc/group", b"root:x:0:\nadm:x:4:\nsudo:x:27:sa,alice\noperators:x:900:alice\nalice:x:1001:\n")
    root.write("/home/alice/.ssh/authorized_keys", f'from="192.0.2.7" {KEY} alice\n# {OTHER}\n'.encode())
    root.write("/home/sa/.ssh/authorized_keys", f"{OTHER}\n".encode())
    given = model.desk.settings().model_copy(update={"carry": CarrySettings(accounts=wanted)})
    model.desk.settings = lambda: given  # type: ignore[method-assign]


def rows(root: Root, path: str) -> dict[str, list[str]]:
    return {line.split(":")[0]: line.split(":") for line in root.text(path).splitlines()}


def prepared(wanted: tuple[str, ...]) -> tuple[Model, Root]:
    model = Model()
    with_people(model, wanted)
    ended = model.desk.command("prepare")
    assert ended.error is None, ended.text
    return model, rooted(model, model.moves.new)


@in_a_copy
def test_all_of_them_but_no_second_root() -> None:
    model, root = prepared(("*",))
    there, shadow = rows(root, "/etc/passwd"), rows(root, "/etc/shadow")
    assert there["alice"][4:] == ["Alice A.", "/home/alice", "/bin/bash"]  # zsh is not there
    assert there["alice"][2] != there["sa"][2] == "1000"
    assert (there["bob"][2], there["bob"][5]) == ("1002", "/home/bob")
    assert "toor" not in there
    assert (shadow["alice"][1], shadow["alice"][7]) == (HASH, "2024-10-04")
    assert shadow["bob"][1] == "!"
    assert shadow["sa"][1] != HASH
    assert rows(root, "/etc/group")["sudo"][3] == "sa,alice"
    assert root.text("/home/alice/.ssh/authorized_keys") == f'from="192.0.2.7" {KEY} alice\n'
    assert root.text("/home/sa/.ssh/authorized_keys") == f"{OTHER}\n"
    said = remarks(model)
    alice = "alice, uid 1001 and not 1000, shell /bin/bash and not /bin/zsh, not in operators, which it has not"
    assert f"{alice}; bob, home /home/bob and not /srv/bob, not in 1002, which it has not; carol" in said
    carol = "carol, no password: its hash is of another kind, its password need not be changed at the next log-in"
    assert f"{carol}, its password does not age; keys added: 2; no key could be added for daemon (the new" in said
    assert not root.has("/usr/sbin/.ssh/authorized_keys")
    assert rows(root, "/etc/group")["adm"][3] == "carol"  # its first group there
    assert "seen: daemon: 1 key missing; " in said


@in_a_copy
def test_no_more_than_those_that_are_named_and_what_is_there_already_stays() -> None:
    _, root = prepared(("sa",))
    assert "alice" not in rows(root, "/etc/passwd")
    assert rows(root, "/etc/shadow")["sa"][1].startswith("$y$")
    assert root.text("/home/sa/.ssh/authorized_keys") == f"{OTHER}\n"


LISTED = "/etc/sudoers.d/vmmigrate"


@in_a_copy
def test_by_a_list_of_sudoers_it_takes_the_lines_that_are_documented_for_it() -> None:
    """And what the plan does not find permitted ends there, with the lines, and not after the import."""
    model = Model()
    with_people(model, ("alice",))
    root = rooted(model, model.world.old.id)
    root.write(LISTED, rules("sa", READING).encode())
    ended = model.desk.command("prepare")
    assert isinstance(ended.error, PlanRefused), ended.text
    more = rule("sa", "root", authorized.question("alice", "/home/alice"))
    for line in ("sa ALL=(root) NOPASSWD: /usr/bin/cat /etc/shadow; ", f"{more}; or leave"):
        assert line in ended.text
    root.write(LISTED, f"{rules('sa', READING, ACCOUNTS)}{more}\n".encode())
    assert model.desk.command("prepare").error is None
    assert rows(rooted(model, model.moves.new), "/etc/shadow")["alice"][1] == HASH


@in_a_copy
def test_what_sudo_gives_by_a_password_alone_beside_a_list_is_missing_from_it() -> None:
    """Its list of rights names it all the same, and the run, which gives no password there, would end under way."""
    model = Model()
    with_people(model, ("alice",))
    root = rooted(model, model.world.old.id)
    root.write(LISTED, f"sa ALL=(ALL) ALL\n{rules('sa', READING)}".encode())
    ended = model.desk.command("prepare")
    assert isinstance(ended.error, PlanRefused), ended.text
    more = rule("sa", "root", authorized.question("alice", "/home/alice"))
    for line in ("sa ALL=(root) NOPASSWD: /usr/bin/cat /etc/shadow; ", f"{more}; or leave"):
        assert line in ended.text


@in_a_copy
def test_keys_that_an_account_has_led_to_a_device_are_left_there_and_that_is_said() -> None:
    model = Model()
    with_people(model, ("alice", "sa"))
    endless = "".join(f"{KEY} alice\n" for _ in range(1 + (1 << 18) // len(KEY)))
    rooted(model, model.world.old.id).write("/home/alice/.ssh/authorized_keys", endless.encode())
    ended = model.desk.command("prepare")
    assert ended.error is None, ended.text
    assert "authorized_keys has 256 KiB or more; keys added: 1;" in remarks(model)
    assert not rooted(model, model.moves.new).has("/home/alice/.ssh/authorized_keys")


@in_a_copy
def test_a_list_of_sudoers_without_the_host_keys_leaves_the_new_gateway_its_own() -> None:
    model = Model()
    listed_without_host_keys(model)
    assert model.desk.command("migrate").error is None
    assert "the new gateway keeps its own SSH host keys: sudo on " in remarks(model)
    assert "sa ALL=(root) NOPASSWD: /usr/bin/cat /etc/ssh/ssh_host_ed25519_key" in remarks(model)
    assert not rooted(model, model.moves.new).has("/etc/ssh/ssh_host_ed25519_key.vmmigrate-own")


def listed_without_host_keys(model: Model, besides: str = "") -> None:
    given = "".join(line for line in rules("sa", *PHASES).splitlines(keepends=True) if "ssh_host" not in line)
    rooted(model, model.world.old.id).write(LISTED, f"{besides}{given}".encode())


@in_a_copy
def test_a_plan_says_that_host_keys_which_sudo_gives_by_a_password_alone_stay_there() -> None:
    model = Model()
    listed_without_host_keys(model, "sa ALL=(ALL) ALL\n")
    assert model.desk.command("prepare").error is None
    planned = (model.desk.folder / "runs" / model.desk.run_id / "plan.json").read_text()
    assert "let this account read them: sa ALL=(root) NOPASSWD: /usr/bin/cat /etc/ssh/ssh_host_" in planned


@in_a_copy
def test_none_unless_they_are_wanted() -> None:
    _, root = prepared(())
    assert "alice" not in rows(root, "/etc/passwd")
    assert not root.has("/home/sa/.ssh/authorized_keys")


@pytest.mark.parametrize("name", ["dave", "toor", "postgres"])
@in_a_copy
def test_one_that_is_no_account_of_people_is_refused_by_the_plan(name: str) -> None:
    model = Model()
    with_people(model, (name,))
    ended = model.desk.command("prepare")
    assert f"carry.accounts names {name}: the old gateway has no such account of people" in ended.text
    assert "alice" in ended.text
