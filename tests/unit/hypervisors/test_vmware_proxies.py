"""The environment's HTTPS proxy: honoured for the API and for uploads, never for loopback; its password is its own."""

import hashlib
import socket
from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="needs pyvmomi")

from tls_host import connect_proxy, listening, tls_host

from hypervisors import Access, Secret, TlsTrust, Unreachable, connect
from hypervisors.description import Extent
from hypervisors.vmware import sending, trusting

FAR = "vc.example"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class TestThroughOne:
    """vc.example is found by the proxy alone."""

    def test_api_and_pin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with tls_host(tmp_path, trusted=False) as host, connect_proxy(host.port) as (port, asked):
            monkeypatch.setenv("https_proxy", f"http://me:a-password@127.0.0.1:{port}")
            with pytest.raises(Unreachable):  # it is no vCenter, but it was reached
                connect(
                    f"vsphere://admin@{FAR}",
                    Access(lambda: Secret("a-long-password"), TlsTrust(fingerprint=host.fingerprint)),
                )
            assert {head.split()[1] for head in asked} == {b"vc.example:443"}
            assert all(b"Proxy-Authorization: Basic " in head for head in asked)
            assert b"SOAPAction" in host.heads[0]
            assert b"Proxy-Authorization" not in host.heads[0]

    def test_upload(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        disk = tmp_path / "disk"
        disk.write_bytes(b"x" * 1000)
        digest = hashlib.sha256(disk.read_bytes()).hexdigest()
        with tls_host(tmp_path, trusted=False) as host, connect_proxy(host.port) as (port, asked):
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            context = trusting.context_for(FAR, 443, TlsTrust(fingerprint=host.fingerprint))
            sending.send(f"https://{FAR}/nfc/x", Extent(disk, 0, 1000, digest), context, lambda done: None, stall=5)
            assert len(asked) == 2  # a look at the certificate, and the upload
            assert host.digests == [digest]

    def test_one_that_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(client: socket.socket) -> None:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        with listening(refuse) as port:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            with pytest.raises(Unreachable, match="Tunnel connection failed: 403 Forbidden"):
                connect(f"vsphere://admin@{FAR}", Access(lambda: Secret("a-long-password")))
            with pytest.raises(Unreachable, match="Tunnel connection failed: 403 Forbidden"):
                trusting.context_for(FAR, 443, TlsTrust(fingerprint="0" * 64))
