"""What a Hyper-V host's scripts print, and what an SSH server sends before anybody is logged in."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypervisors import Network, NicSpec, Unreachable, VmRef
from hypervisors.hyperv import answered, carrying, requests
from hypervisors.hyperv.adapter import HypervHypervisor
from hypervisors.wire.ssh import host_key_seen
from tests.fuzz.parser import SECTION, Parser

_EXCHANGES = Path(__file__).parents[1] / "powershell" / "exchanges"
_MARK = "0123456789abcdef"
_VM = VmRef("0a000000-0000-4000-8000-000000000001", "old")
_MAC = "00:15:5d:0a:01:01"
_ANY = "<any>"  # stands in what is written down for what differs each time
_UNPROVED = "Signature verification"
_ORDER = ("host", "machines", "machine", "stores", "switches", "addresses", "digest")


class _Session:
    """Each script prints its own section; what comes later, nothing."""

    target = SimpleNamespace(host="hyperv.example.org")

    def __init__(self, data: bytes) -> None:
        self._said = dict(zip(_ORDER, data.split(SECTION), strict=False))

    def ask(self, script: str, **_asked: Any) -> Any:
        return requests.answer(_MARK, self._said.get(script, b""), b"no such cmdlet")

    def read(self, _path: str, most: int) -> bytes:
        return self._said.get("digest", b"")[:most]


def _hyperv(data: bytes) -> object:
    session: Any = _Session(data)
    adapter = HypervHypervisor("hyperv+ssh://u@hyperv.example.org", session)
    adapter.look()
    seen = adapter.find("saved"), adapter.inventory(_VM), adapter.networks(), adapter.stores(), adapter.holders(_MAC)
    more = adapter.addresses(_VM), adapter.power_state(_VM), adapter.find_tagged("run-1"), adapter.probed()
    facts = session.ask("machine")
    return seen, more, carrying.carried(facts, _SPEC), answered.host_of(session.ask("host"))


_SPEC = SimpleNamespace(
    firmware=None, vcpus=None, memory=None, nics=(NicSpec(Network("lan", "switch"), _MAC, link_up=True),)
)


def _printed() -> Iterator[bytes]:
    """The honest answers as they are written down, one of each script."""
    found = {script: min(_answers(script), key=_worth, default={}) for script in _ORDER}
    said = [json.dumps({"ok": True, "value": found[script]}) for script in _ORDER[:-1]]
    marked = [f"<vmmigrate:{_MARK}>{each}</vmmigrate:{_MARK}>".encode() for each in said]
    probe = {"form": 1, "at": 1, "host": "x", "answers": [{"id": "vlan", "seen": "x", "holds": True}]}
    yield SECTION.join((*marked, json.dumps(probe).encode()))
    yield f'<vmmigrate:{_MARK}>{{"ok": false, "error": {{"codes": ["0x80070070"]}}}}</vmmigrate:{_MARK}>'.encode()


def _worth(said: dict[str, Any]) -> tuple[bool, bool, int]:
    """Whole ones first, of these one with the machine that is looked for, the longest."""
    written = json.dumps(said)
    return _ANY in written, '"saved"' not in written, -len(written)


def _answers(script: str) -> Iterator[dict[str, Any]]:
    for path in sorted(_EXCHANGES.glob("*.json")):
        for one in json.loads(path.read_text()):
            said = one.get("answer", {})
            if one["script"] == script and said.get("found", bool(said)):
                yield said


def _server(data: bytes) -> object:
    """All at once, and then the end. What is read is the greeting, packets in the clear, a key exchange's first."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with suppress(OSError):
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            return host_key_seen("gw.example.org", 22, timeout=2, dial=lambda *_: ours)
        except Unreachable as refused:
            if _UNPROVED not in str(refused):
                raise
            return None  # all of it was read: whoever plays back has no key to sign with


def _greetings() -> Iterator[bytes]:
    hello = b"A notice.\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
    lists = (b"curve25519-sha256@libssh.org", b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2)
    offer = b"\x14" + bytes(16) + b"".join(map(_string, (*lists, b"none", b"none", b"", b""))) + bytes(5)
    key = _string(_string(b"ssh-ed25519") + _string(bytes(32)))
    reply = b"\x1f" + key + _string(bytes(range(32))) + _string(_string(b"ssh-ed25519") + _string(bytes(64)))
    yield hello + _packet(offer) + _packet(reply)
    yield hello + _packet(b"\x01" + bytes(4) + _string(b"Too many connections") + _string(b""))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _packet(payload: bytes) -> bytes:
    padding = 16 - (len(payload) + 5) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


PARSERS = (
    Parser("hyperv", _hyperv, _printed, (requests.Failed,)),
    Parser("ssh-server", _server, _greetings),
)
