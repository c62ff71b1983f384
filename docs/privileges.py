"""Print the page of privileges, made from the tables in the code: python docs/privileges.py > docs/privileges.md."""

import sys
from collections.abc import Iterator

from hypervisors.kvm.privileges import CALLS, rule
from hypervisors.vmware.privileges import METHODS, role
from vmmigrate.appliance.privileges import ACCOUNTS, GOING_BACK, PHASES, PRIVILEGES, READING, SWITCHING, rules
from vmmigrate.appliance.ssh.sudoers import command

_BEFORE = """# What it may do, and no more

Made from the tables in the code by `make docs`. Whole runs by accounts that may do exactly this are tests; what a run
asks for besides fails them.

## The old gateway: sudo

The account may have all rights (`sa ALL=(ALL) ALL`, see [ssh.md](ssh.md#sudo)), or only those below. Then sudo must
ask it for no password: each command gets a sudo of its own, and none of them is a shell. A list *with* a password is
refused in words, because one password would be needed for each command.

The paths are those of releases where `/bin` is a link to `/usr/bin`; on an older one write the path that `which`
shows. A gateway whose `main.cf` or `server.xml` names other files, or that has another version of Tomcat, needs the
four reading lines for those. You need not look for them: a command that sudo refuses ends `vmmigrate plan` with the
very lines that are missing, all of that look at once. `plan` needs the lines under *read* alone; so give these first,
and the rest before `migrate`.

Whoever leaves `carry.accounts` empty leaves out the line of `/etc/shadow`; `plan` asks sudo whether it may be run.
The three lines of SSH host keys may be left out too: then the new gateway keeps its own, and the plan says so.

Each map that `main.cf` names, and the home of each account that people log in to, is one more line (`sha256sum`,
`cat`). What may not be read is not known, and is then yours to decide
([cutover.md](cutover.md#what-is-yours-to-decide)): the run names the line.

**What a list does not give you.** Whoever has the account can do with these lines what the last column says; a key
store in strange hands is the gateway's identity, and whoever stops Postfix or sets the firewall has an outage. None
of them is a shell of root or writes outside `/run/vmmigrate`.

**What it does not do.** Mail that waits at the switch is copied and held by scripts, as root, and whoever may run a
script of this kind as root may run anything. By this list it is therefore not carried: the run sees that before it
touches a message, goes back, and the old gateway serves on; the plan warns of it (`carry-not-permitted`). Give the
account all rights for that, without a password as with the list: rights by password beside a list do not count. Or have
the queue empty first (`mail.queue = "refuse"`), or leave it there (`"leave"`), which needs no more than the list. On a
way back after the commit the mail that the new gateway accepted, and has not delivered, is not carried back either: it
stays on hold in the new VM, which is kept, and the run says so. `vmmigrate tls copy` into such a gateway, and `update`,
need all rights too.

Where the old `master.cf` has a transport that the new one lacks, the files beside `main.cf` are searched for its name,
by a line that has this name in it: the check `transports` names the line.

The **new** VM is made by the run and is isolated by it: firewall, network and keys are written there, so its account
is root's equal, whatever a list says. Remove it or its rights there when the run is finished.
"""
_TITLES = {
    READING: "Read: `plan`, `backup`, `probe`, and until the switch",
    ACCOUNTS: "Accounts: only with `carry.accounts`, besides",
    SWITCHING: "The switch: `migrate`, `cutover`, `rehearse`, besides",
    GOING_BACK: "Going back: `rollback`, and a run that goes back by itself",
}


_VSPHERE = """## vSphere: a role

Each method that is called has its row; what the reference of vSphere's interface requires for it is in the second
column. *Propagate* the role to child objects of the VM folder, the resource pool, the datastore, both networks and
the hosts. The simulator permits everything to everybody: that whole runs call nothing else is a test, that a vCenter
permits these calls by this role is not.
"""
_LIBVIRT = """## libvirt: a rule for polkit

libvirt asks polkit for each call if `libvirtd.conf` has `access_drivers = ["polkit"]`; otherwise whoever may connect
may do all, and who may define a domain is root's equal on that host. It is so with these permissions too: a domain
may be given any file or device of the host. The rule keeps an account from what it needs for no run: stored secrets,
graphics, memory, other objects of the host. It is for `qemu:///system` over ssh too, as that account. The table is
compared with the calls in the code, its permissions with those that libvirt ships. By an account with exactly this
rule, under Debian's polkitd (122) and libvirtd (9.0), every call of a run, of its way back and of an update was made
on a real libvirtd (`tests/lab/test_polkit.py`), and ten others were refused. A whole migration by
that account, of the lab's guests, ended well (`make matrix VARIANT=ordinary-account`, 2026-11-30: 546 s). The guests'
side of a run does not go through polkit.
"""
_LIKE_OLD = "With `like_old` (tags, custom attributes, permissions) the account needs besides:"


def page() -> str:
    old = (_BEFORE, *(line for phase in PHASES for line in _table(phase)), *_file())
    return "\n".join([*old, *_vsphere(), *_libvirt()])


def _libvirt() -> Iterator[str]:
    yield from (_LIBVIRT, "| call | permissions |", "|---|---|")
    for call, needed in CALLS.items():
        yield f"| `{call}` | {', '.join(f'`{each}`' for each in needed) or 'none of its own'} |"
    yield from ("", "```js", *rule("vmmigrate").splitlines(), "```", "")


def _vsphere() -> Iterator[str]:
    yield from (_VSPHERE, "| method | privileges |", "|---|---|")
    for method, needed in METHODS.items():
        yield f"| `{method}` | {', '.join(f'`{each}`' for each in needed) or 'none'} |"
    yield from ("", "```", f"govc role.create vmmigrate {' '.join(role())}", "```", "")
    more = sorted(set(role(like_old=True)) - set(role()))
    yield from (_LIKE_OLD, "", "```", f"govc role.update -a vmmigrate {' '.join(more)}", "```", "")


def _table(phase: str) -> Iterator[str]:
    yield from (f"### {_TITLES[phase]}", "", "| command | why | gives besides |", "|---|---|---|")
    for each in PRIVILEGES:
        if each.phase == phase:
            spelt = command(each.argv).replace("|", "\\|")
            yield f"| `{spelt}`{'' if each.user == 'root' else f' as {each.user}'} | {each.why} | {each.gives} |"
    yield ""


def _file() -> Iterator[str]:
    yield from ("### All of it, for `visudo -f /etc/sudoers.d/vmmigrate`", "", "```")
    for phase in PHASES:
        yield f"# {phase}"
        yield from rules("sa", phase).splitlines()
    yield from ("```", "")


if __name__ == "__main__":
    sys.stdout.write(page())
