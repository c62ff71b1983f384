"""What lies on the workstation: journals, plans, settings, configuration, profiles, known_hosts, ssh's words."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hypervisors import Problem, SshAccess
from hypervisors.kvm import ssh_words, transports
from hypervisors.wire.ssh.known_hosts import known
from hypervisors.wire.ssh.server import fingerprint_of_key
from tests.fuzz.parser import SECTION, Parser, sections, text
from vmmigrate.appliance.profile import read_profile
from vmmigrate.commands.plan_file import read_plan
from vmmigrate.itineraries import ITINERARIES
from vmmigrate.run import recorded
from vmmigrate.run.fold import fold
from vmmigrate.run.record import parse
from vmmigrate.settings import given, load, stored

_JOURNALS = Path(__file__).parents[1] / "journals"


def _as_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def act(data: bytes) -> object:
        with tempfile.NamedTemporaryFile(prefix="fuzz-") as file:
            file.write(data)
            file.flush()
            return read(Path(file.name))

    return act


def _journal(path: Path) -> object:
    """As `status` reads it: records, state, itinerary, what the steps learnt."""
    records, _ = parse(path)
    state = fold(records)
    itinerary = recorded.of_run(state, ITINERARIES)
    return recorded.readable_steps(itinerary, state, records)


def _stored(name: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (path.read_bytes() for path in sorted(_JOURNALS.glob(f"*/*/**/{name}"))[::5])


def _settings(data: bytes) -> object:
    file, environment = sections(data, 2)
    pairs = (line.partition("=")[::2] for line in text(environment).splitlines())
    environ = {name: value.replace("\0", "") for name, value in pairs}
    return _as_file(lambda path: load.load(path, {}, environ))(file)


_CONFIGURATION = b"""[hypervisor]
url = "qemu:///system"
password = { env = "X" }
[old]
address = "192.0.2.10"
[old.ssh]
port = 22
password = { command = ["pass", "x"] }
[new]
properties = { "a.b" = "c" }
[limits]
drain = 60
"""
_PROFILE = b"""family = "6.x"
[rest]
base = "/api"
[rest.login]
path = "/login"
user = "u"
password = "p"
[rest.token]
json = "/token"
send_header = "Authorization"
scheme = "Bearer"
"""
_KNOWN = b"""# comment
gw.example.org,192.0.2.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3VxQ3mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0mQ0m x
@revoked *.example.org ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==
@cert-authority [gw]:2222 ecdsa-sha2-nistp256 AAAA
|1|c2FsdA==|ZGlnZXN0|x ssh-ed25519 AAAA
"""
_SAID = b"""debug1: Server host key: ssh-ed25519 SHA256:abcdef
Host key verification failed.
root@gw: Permission denied (publickey,password).
"""


def _ssh_words(data: bytes) -> object:
    access = SshAccess(host_key="SHA256:x")
    ssh_words.another_key(text(data), access, {})
    return ssh_words.problem(urlsplit("qemu+ssh://root@gw/system"), access, text(data), (), Problem("x", hint="y"))


def _url(data: bytes) -> object:
    return transports.checked(text(data))


PARSERS = (
    Parser("journal", _as_file(_journal), _stored("journal.jsonl")),
    Parser("plan", _as_file(read_plan), _stored("plan.json")),
    Parser("run-settings", _as_file(stored.read_stored), _stored("settings.json")),
    Parser("given", _as_file(given.kept), lambda: (b'{"file": "/x", "data": {"old": {"name": "gw"}}}',)),
    Parser("configuration", _settings, lambda: (SECTION.join((_CONFIGURATION, b"VMMIGRATE_OLD__SSH__PORT=23\n")),)),
    Parser("profile", _as_file(read_profile), lambda: (_PROFILE, b'[console.login]\npage = "/x"\n')),
    Parser("known-hosts", _as_file(lambda path: known(path, "gw.example.org", 22)), lambda: (_KNOWN,)),
    Parser(
        "host-key",
        lambda data: fingerprint_of_key(text(data)),
        lambda: (b"ssh-ed25519 AAAAC3Nz root@gw",),
    ),
    Parser("ssh-words", _ssh_words, lambda: (_SAID,)),
    Parser("libvirt-url", _url, lambda: (b"qemu+ssh://root@kvm1:22/system?keyfile=/k&socket=/s", b"qemu:///system")),
)
