"""TLS to vSphere is verified whatever pyvmomi and the environment would do, and so are the hosts behind it."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from tls_host import Host, listening, tls_host

from fixtures.appliance import ca, keys
from hypervisors import Access, LoginRefused, Problem, Secret, TlsTrust, TrustRefused, Unreachable, Unusable, connect
from hypervisors.vmware import trusting
from hypervisors.vmware.target import Target

VCENTER = Target("vc.example", 443, "admin", "", "", "")
WRONG = "0" * 64


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[Host]:
    with tls_host(tmp_path, trusted=False) as host:
        yield host


def refusal(host: Host, trust: TlsTrust) -> Problem:
    with pytest.raises(Problem) as caught:
        connect(f"vsphere://admin@127.0.0.1:{host.port}", Access(lambda: Secret("a-long-password"), trust))
    return caught.value


class TestAServer:
    def test_loopback_is_verified_too(self, untrusted: Host) -> None:
        """The first trap: pyvmomi verifies nothing there unless it is given a context."""
        problem = refusal(untrusted, TlsTrust(ca_file=untrusted.ca_file))
        assert isinstance(problem, TrustRefused)
        assert problem.seen == untrusted.fingerprint
        assert untrusted.fingerprint in problem.hint
        assert untrusted.heads == []

    def test_a_wrong_pin_is_refused(self, untrusted: Host) -> None:
        """The second trap: pyvmomi's own `thumbprint=` takes a wrong one."""
        problem = refusal(untrusted, TlsTrust(fingerprint=WRONG))
        assert isinstance(problem, TrustRefused)
        assert problem.seen == untrusted.fingerprint
        assert untrusted.heads == []

    def test_the_right_pin_is_believed_and_no_other_certificate_with_it(self, untrusted: Host, tmp_path: Path) -> None:
        context = trusting.context_for("127.0.0.1", untrusted.port, TlsTrust(fingerprint=untrusted.fingerprint))
        assert seen_by(context, untrusted) == untrusted.certificate
        with (
            tls_host(tmp_path, "other.example", trusted=False) as other,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            seen_by(context, other)

    def test_a_pin_speaks_after_the_handshake_alone(self, untrusted: Host) -> None:
        problem = refusal(untrusted, TlsTrust(fingerprint=untrusted.fingerprint))
        assert isinstance(problem, Unreachable)  # it is no vCenter, but it was spoken to
        assert untrusted.heads

    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_the_environments_authorities_do_not_replace_ours(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """The third trap: where requests is used, these override what the program says."""
        with tls_host(tmp_path) as host:
            monkeypatch.setenv(name, str(host.ca_file))
            other = tmp_path / "other.pem"
            other.write_bytes(ca.pem(ca.self_signed(keys.ec_key("other"), "another authority")))
            assert isinstance(refusal(host, TlsTrust(ca_file=other)), TrustRefused)
            assert host.heads == []

    def test_a_file_that_holds_no_certificate(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty.pem"
        empty.touch()
        with pytest.raises(Unusable, match=r"the authority's file .*empty\.pem cannot be used"):
            trusting.context_for("127.0.0.1", 443, TlsTrust(ca_file=empty))

    def test_a_port_that_speaks_no_tls(self) -> None:
        with listening(lambda client: client.sendall(b"220 mail\r\n")) as port, pytest.raises(Unreachable):
            trusting.context_for("127.0.0.1", port, TlsTrust(fingerprint=WRONG))


def seen_by(context: ssl.SSLContext, host: Host, name: str = "127.0.0.1") -> bytes | None:
    with (
        socket.create_connection(("127.0.0.1", host.port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return tls.getpeercert(binary_form=True)


class TestAHostBehind:
    """What a lease's deviceUrl points to."""

    def context(self, host: Host, thumbprint: str, trust: TlsTrust) -> ssl.SSLContext:
        return trusting.context_behind(VCENTER, host.url, thumbprint, trust, ssl.create_default_context())

    def test_by_the_thumbprint_that_vcenter_told(self, untrusted: Host) -> None:
        for told in (untrusted.thumbprint, untrusted.fingerprint):
            context = self.context(untrusted, told, TlsTrust(fingerprint=WRONG))
            assert seen_by(context, untrusted) == untrusted.certificate

    @pytest.mark.parametrize("told", ["", "00:11", hashlib.sha1(b"other", usedforsecurity=False).hexdigest()])
    def test_another_one_is_refused_where_vcenter_is_pinned(self, untrusted: Host, told: str) -> None:
        with pytest.raises(TrustRefused, match=r"is not the one that vc\.example named") as caught:
            self.context(untrusted, told, TlsTrust(fingerprint=WRONG))
        assert caught.value.seen == untrusted.fingerprint
        assert "hypervisor.ca_file" in caught.value.hint
        assert "fingerprint" not in caught.value.hint

    def test_by_the_authority_where_none_was_told(self, tmp_path: Path) -> None:
        with tls_host(tmp_path) as host:
            context = self.context(host, "", TlsTrust(ca_file=host.ca_file))
            assert seen_by(context, host) == host.certificate

    @pytest.mark.parametrize("trust", ["pin", "authority"])
    def test_the_server_under_another_name_with_the_same_certificate(self, tmp_path: Path, trust: str) -> None:
        """A lease names a host as that knows itself; the URL as people do."""
        with tls_host(tmp_path) as host:
            kept = TlsTrust(fingerprint=host.fingerprint) if trust == "pin" else TlsTrust(ca_file=host.ca_file)
            server = Target("127.0.0.1", host.port, "admin", "", "", "")
            context = trusting.context_for(server.host, server.port, kept)
            renamed = f"https://localhost:{host.port}/nfc/lease-1/disk-0.vmdk"  # its certificate has no such name
            found = trusting.context_behind(server, renamed, "", kept, context)
            assert seen_by(found, host, "localhost") == host.certificate

    def test_another_machine_under_another_name_is_not_trusted_with_it(self, tmp_path: Path) -> None:
        with tls_host(tmp_path) as host, tls_host(tmp_path, "other.example", trusted=False) as other:
            kept = TlsTrust(fingerprint=host.fingerprint)
            server = Target("127.0.0.1", host.port, "admin", "", "", "")
            with pytest.raises(TrustRefused):
                trusting.context_behind(server, other.url, "", kept, trusting.context_for("127.0.0.1", host.port, kept))

    def test_neither(self, untrusted: Host) -> None:
        context = self.context(untrusted, "", TlsTrust(ca_file=untrusted.ca_file))
        with pytest.raises(ssl.SSLCertVerificationError):
            seen_by(context, untrusted)

    def test_the_server_itself_is_believed_as_it_is(self, untrusted: Host) -> None:
        server = Target("127.0.0.1", untrusted.port, "admin", "", "", "")
        context = ssl.create_default_context()
        assert trusting.context_behind(server, untrusted.url, "", TlsTrust(), context) is context


def test_a_password_in_the_url_is_refused() -> None:
    with pytest.raises(Problem, match="contains a password") as caught:
        connect("vsphere://admin:secret@127.0.0.1")
    assert "secret" not in str(caught.value)
    assert not isinstance(caught.value, LoginRefused)
