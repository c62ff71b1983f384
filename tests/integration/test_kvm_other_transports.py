"""libvirt's other transports, for real: TLS, TCP on this machine, and its own SSH by libssh and libssh2."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python")

from daemons import Daemon, daemon
from libvirt_certificates import issue, make_authority
from real_sshd import NEEDS_SSHD

from fixtures.openssh import USER, RealSshd, make_key, public, running
from fixtures.ports import free_port
from hypervisors import LoginRefused, NotYet, Problem, TrustRefused, Unreachable, Unusable, connect, wait_for

pytestmark = [NEEDS_SSHD, pytest.mark.slow]


@dataclass(frozen=True)
class Host:
    """`folder`: certificates and keys, by name."""

    folder: Path
    daemon: Daemon
    tls: int
    tcp: int
    sshd: RealSshd

    def by_tls(self, certificates: str, host: str = "127.0.0.1", port: int = 0) -> str:
        return f"test+tls://{host}:{port or self.tls}/default?pkipath={self.folder / certificates}"

    def inside(self, transport: str, key: str = "id", known: str = "known", more: str = "") -> str:
        place = f"{USER}@{self.sshd.address}:{self.sshd.port}/default?socket={self.daemon.socket}"
        files = f"&keyfile={self.folder / key}&known_hosts={self.folder / known}&sshauth=privkey"
        return f"test+{transport}://{place}{files}{more}"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with TemporaryDirectory(prefix="vmmigrate-") as name, ExitStack() as opened:
        folder = Path(name)
        folder.chmod(0o755)  # the daemon is another user
        ours, others = make_authority(folder / "ca"), make_authority(folder / "other-ca")
        server, tls, tcp = issue(ours, folder / "server", "server"), free_port(), free_port()
        issue(ours, folder / "ours", "client")
        issue(others, folder / "others", "client")
        (issue(others, folder / "mixed", "client") / "cacert.pem").write_bytes((ours / "cacert.pem").read_bytes())
        for path in server.iterdir():
            path.chmod(0o644)
        key, locked = make_key(folder / "id"), make_key(folder / "locked", passphrase="x")
        sshd = opened.enter_context(running(folder / "sshd", authorized=public(key) + public(locked)))
        at = f"[{sshd.address}]:{sshd.port} "
        (folder / "known").write_text(at + sshd.host_key)
        (folder / "changed").write_text(at + public(make_key(folder / "unknown")))
        (folder / "empty").touch()
        listening = (
            'listen_tls=1\nlisten_tcp=1\nlisten_addr="127.0.0.1"\nauth_tcp="none"\nauth_tls="none"\n'
            f'tls_port="{tls}"\ntcp_port="{tcp}"\nca_file="{server}/cacert.pem"\n'
            f'cert_file="{server}/servercert.pem"\nkey_file="{server}/serverkey.pem"\n'
        )
        made = Host(folder, opened.enter_context(daemon(folder / "d", listening)), tls, tcp, sshd)
        wait_for("libvirtd", lambda: _answers(made), timeout=20, clears="", pause=0.05)
        yield made


def _answers(host: Host) -> None:
    try:
        connect(f"test+tcp://127.0.0.1:{host.tcp}/default").close()
    except Unreachable as error:
        raise NotYet(str(error)) from error


def answers(url: str) -> bool:
    hypervisor = connect(url)
    try:
        return hypervisor.find("test").name == "test"
    finally:
        hypervisor.close()


def test_those_that_connect(host: Host) -> None:
    assert answers(host.by_tls("ours"))
    assert answers(f"test+tcp://localhost:{host.tcp}/default")
    assert answers(host.inside("libssh"))
    assert answers(host.inside("libssh2"))


@pytest.mark.parametrize(
    ("certificates", "name", "kind"),
    [
        ("others", "127.0.0.1", TrustRefused),
        ("ours", "localhost", TrustRefused),  # its certificate has the address alone
        ("mixed", "127.0.0.1", Unusable),
        ("none", "127.0.0.1", Unusable),
    ],
)
def test_tls_that_does_not(host: Host, certificates: str, name: str, kind: type[Problem]) -> None:
    with pytest.raises(kind) as caught:
        connect(host.by_tls(certificates, name))
    assert "pkipath=" in caught.value.hint


def test_another_service_than_tls(host: Host) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(host.by_tls("ours", port=host.tcp))
    assert "16514" in caught.value.hint


@pytest.mark.parametrize("transport", ["libssh", "libssh2"])
@pytest.mark.parametrize(
    ("key", "known", "more", "kind"),
    [
        ("id", "empty", "", TrustRefused),
        ("id", "changed", "", TrustRefused),
        ("unknown", "known", "", LoginRefused),
        ("locked", "known", "", LoginRefused),
        ("none", "known", "", LoginRefused),
        ("id", "known", "&netcat=/no/nc", Unreachable),
    ],
)
def test_its_own_ssh_that_does_not(
    host: Host, transport: str, key: str, known: str, more: str, kind: type[Problem]
) -> None:
    with pytest.raises(kind) as caught:
        connect(host.inside(transport, key, known, more))
    assert "qemu+ssh://" in caught.value.hint
