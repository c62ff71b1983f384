"""An ssh that was waited for is not signalled: its number, and its group's, may belong to another process."""

import os
import socket

import pytest

from hypervisors.kvm.tunnel import Tunnel


@pytest.mark.parametrize(("command", "signalled"), [(["true"], False), (["sleep", "60"], True)])
def test_only_what_still_runs_is_ended(command: list[str], signalled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, number: (sent.append(number), kill(group, number)))
    tunnel = Tunnel(command)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tunnel.path))
        if not signalled:
            client.recv(1)  # it has ended
            tunnel.last_words()
        else:
            client.setblocking(False)
            while tunnel._process is None:
                with pytest.raises(BlockingIOError):
                    client.recv(1)
        tunnel.close()
    assert bool(sent) is signalled
