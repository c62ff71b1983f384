"""An ssh that was waited for is not signalled: its number, and its group's, may belong to another process."""

import os
import socket

import pytest

from hypervisors import NotYet, wait_for
from hypervisors.kvm.tunnel import Tunnel


def begun(tunnel: Tunnel) -> None:
    if tunnel._process is None:
        raise NotYet("it was not begun")


@pytest.mark.parametrize(("command", "signalled"), [(["true"], False), (["sleep", "60"], True)])
def test_only_what_still_runs_is_ended(command: list[str], signalled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, number: (sent.append(number), kill(group, number)))
    tunnel = Tunnel(command)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(tunnel.path))
        if not signalled:
            client.recv(1)  # it has ended
            tunnel.last_words()
        else:
            wait_for("the command", lambda: begun(tunnel), timeout=30, clears="see whether it can run", pause=0.01)
        tunnel.close()
    assert bool(sent) is signalled
