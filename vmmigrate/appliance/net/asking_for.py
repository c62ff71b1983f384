"""Ask a LAN who has an address, from a guest on it that is not altered: by ARP, which a firewall does not silence."""

import json

from hypervisors import in_one_line
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_NO_ANSWER = 1  # ping's status; a reply is 0, and 2 that it could not ask
# Seconds. A neighbour that was known before is asked for again after five, three times; nobody ends it after three.
_PATIENCE = "9"


def who_has(shell: Shell, address: str) -> str:
    """The MAC that answers for an address of that guest's own subnet; "" where nobody does. As an ordinary account.

    Raises ApplianceError where it could not be asked.
    """
    ping = ("ping", "-c", "1", "-w", _PATIENCE, address)
    asked, known = ask_all(shell, (ping, ("ip", "-json", "neigh", "show", address)), timeout=30.0)
    if asked.status not in (0, _NO_ANSWER) or known.status != 0:
        said = in_one_line(asked.stderr or known.stderr)
        raise ApplianceError(
            f"whether somebody has the address {address} could not be asked from {shell.host}: {said}",
            hint="does `ping` run there as an ordinary account (iputils-ping)? else make a network without an uplink on"
            " this hypervisor, and name it with new.staging (docs/network.md)",
        )
    return _reachable(shell, known.stdout) or ("an answer to ping" if asked.status == 0 else "")


def _reachable(shell: Shell, said: str) -> str:
    try:
        entries = json.loads(said or "[]")
        macs = [entry["lladdr"] for entry in entries if "lladdr" in entry and "FAILED" not in entry.get("state", ())]
        return ", ".join(map(str, macs))
    except (ValueError, TypeError, AttributeError) as error:
        raise ApplianceError(
            f"on {shell.host}: `ip -json neigh show` printed something else", hint="is that machine's `ip` its own?"
        ) from error
