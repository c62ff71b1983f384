"""What is carried from the old guest besides mail, and what is said of it: host keys, accounts, logs, signatures."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from scripted_shell import ScriptedShell

from tests.fuzz.guest import of_guest
from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.appliance import accounts, authorized, hostkeys, maps
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.net.iptables import Iptables
from vmmigrate.appliance.port import Result, Shell
from vmmigrate.appliance.queues import outcomes
from vmmigrate.errors import ApplianceError
from vmmigrate.updating import debs, logs, repositories, signatures
from vmmigrate.updating.running import Ran

_PASSWD = """root:x:0:0:root:/root:/bin/bash
sa:x:1000:1000:Anna,,,:/home/sa:/bin/bash
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
"""
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3VxQ3mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0m"
_READ = "timeout -k 5 10 /sbin/runuser -u {} -- /usr/bin/env LC_ALL=C /usr/bin/head -c 262144 {}/.ssh/authorized_keys"
_FILES = {
    "cat /etc/passwd": _PASSWD,
    "cat /etc/shadow": "root:*:19000:0:99999:7:::\nsa:$y$j9T$abcdefgh$abcdefghijkl:19000:0:99999:7::20000:\n",
    "cat /etc/group": "sudo:x:27:sa\nsa:x:1000:\n",
    "cat /etc/shells": "/bin/sh\n/bin/bash\n",
    _READ.format("sa", "/home/sa"): f'from="192.0.2.0/24" {_KEY} anna\n# old\n',
    _READ.format("root", "/root"): f"{_KEY} root\n",
}


def _accounts(shell: Shell) -> object:
    """Read in the old guest, and made in a new one that is as odd."""
    look = LookingShell(shell)
    passwd = look.run(authorized.ACCOUNTS, user="root").stdout
    found = accounts.read(look, accounts.of_people(passwd))
    there = accounts.room(shell)
    homes, uids = accounts._homes(there, found), accounts._uids(there, found)
    made = [tuple(accounts._making(there, each, uids.get(each.name), homes.get(each.name))) for each in found]
    assert not any("\n" in word for commands in made for command in commands for word in command)
    keys = authorized.keys(look, authorized.homes(passwd))
    missing = [authorized.missing(each.keys, each.keys) for each in found]
    return made, missing, tuple(authorized.differing(keys, {})), tuple(authorized.differing({}, keys))


def _host_keys(data: bytes) -> object:
    first, second = (text(each) for each in sections(data, 2))
    found = hostkeys.parsed("rsa", first), hostkeys.parsed("ed25519", second)
    lines = {key.kind: key.line for key in found if key}
    assert all("\n" not in line for line in lines.values())
    return hostkeys.lines("gw.example.org", 22, lines, {}), lines


def _private() -> Iterator[bytes]:
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())):
        for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8):
            yield SECTION.join([key.private_bytes(Encoding.PEM, form, NoEncryption())] * 2)


_LOG = b"""\
Nov 30 10:00:00 gw postfix/smtp[12]: 4AbcDe0Fgh: to=<bob@example.net>, relay=mx[203.0.113.9]:25, status=sent (2)
Nov 30 10:00:00 gw postfix/smtp[12]: 5AAAAA: to=<a@x.net>, orig_to=<all@x.net>, relay=127.0.0.1, status=bounced (5)
Nov 30 10:00:00 gw postfix/qmgr[9]: 7AAAAA: from=<s@example.org>, status=expired, returned to sender
"""


def _firewall(shell: Shell) -> object:
    table = Iptables("/sbin/iptables")
    return table.loaded(shell, "vmmigrate_intake"), maps.digests(shell, ("/etc/postfix/x",))


def _coming(data: bytes) -> object:
    """What apt, dnf and zypper say that they would install; limits of a log."""
    said, rates = (text(each) for each in sections(data, 2))
    shell = _Says(said)
    found = [debs.Dpkg().coming(shell, ("/x.deb",)), repositories.Dnf().coming(shell, ("/x.rpm",))]
    with suppress(ApplianceError):  # not all is in its cache
        found.append(repositories.Zypper().coming(shell, ("/x.rpm",)))
    return found, logs.now(said, rates), logs.errors_since(shell, ("x",), 1)


class _Says(ScriptedShell):
    def __init__(self, said: str) -> None:
        super().__init__({}, {})
        self._said = said

    def _answer(self, line: str, argv: tuple[str, ...]) -> object:  # type: ignore[override]
        return Result(0, self._said, "")


_APT = b"Inst libfoo [1.0] (1.1 Debian:12 [amd64])\nInst djigzo (5.5 x [all])\n"
_DNF = b"Installing:\n djigzo  noarch  5.5  @commandline  1 k\nUpgrading:\n x  noarch 1 r 1 k\n\n"
_ZYPPER = (
    b'<install-summary download-size="0"><to-install>\n<solvable type="package" name="a"/>\n</to-install>'
    b"<to-upgrade></to-upgrade>"
)
_RATES = b'$imjournalRatelimitBurst 9\nmodule(load="imjournal" Ratelimit.Burst="9")\n'


def _signature(data: bytes) -> object:
    """What gpg says of a key, what it says of a signature, what rpm says."""
    said = [text(each) for each in sections(data, 4)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.rpm")
        path.write_bytes(b"\xed\xab\xee\xdb")
        path.with_name("x.rpm.asc").write_bytes(b"x") if len(said[0]) % 2 else None
        answers = iter([Ran(0, each, "") for each in said])
        return signatures.verify([path], path, None, lambda argv: next(answers, Ran(0, "", "")))


_SIGNED = SECTION.join((
    b"[GNUPG:] IMPORT_OK 1 " + b"AB" * 20 + b"\n", b"key", b"[GNUPG:] VALIDSIG 00\n",
    b"x.rpm:\n    Header V4 EdDSA/SHA512 Signature, key ID 0123abcd: OK\n",
))  # fmt: skip

_people, _people_honest = of_guest(lambda: ScriptedShell(dict(_FILES)), _accounts)
_table, _table_honest = of_guest(lambda: ScriptedShell({"sha256sum /etc/postfix/x": f"{'0' * 64}  x\n"}), _firewall)

PARSERS = (
    Parser("accounts", _people, _people_honest),
    Parser("host-keys", _host_keys, _private),
    Parser("outcomes", lambda data: outcomes.parsed(text(data)), lambda: (_LOG,)),
    Parser("iptables", _table, _table_honest),
    Parser("coming", _coming, lambda: (SECTION.join((each, _RATES)) for each in (_APT, _DNF, _ZYPPER))),
    Parser("gpg", _signature, lambda: (_SIGNED,)),
)
