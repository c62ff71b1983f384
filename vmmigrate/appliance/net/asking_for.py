"""Ask a LAN who has an address, from a guest on it that is not altered: by ARP, which a firewall does not silence."""

import json

from hypervisors import in_one_line
from vmmigrate.appliance.asking import ask_all
from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.limits.seconds import PINGED

# Seconds 9: a neighbour that was known before is asked for again after five, three times. Where there is no ping, any
# datagram makes the kernel ask; what becomes of that is seen in its table alone.
_ASKS = """
ping -c 1 -w 9 "$1" >/dev/null 2>&1
asked=$?
test "$asked" -gt 1 || exit "$asked"
bash -c 'exec 3<>"/dev/udp/$0/9" && echo >&3' "$1" || exit 2
sleep 9
exit 1
"""
_NO_ANSWER = 1  # a reply is 0, and any other that it could not ask


def who_has(shell: Shell, address: str) -> str:
    """The MAC that answers for an address of that guest's own subnet; "" where nobody does. As an ordinary account.

    Who answered within the last half minute still counts: a kernel does not ask again so soon. A guest that has the
    asking one's own address as well does not answer it, so that a new gateway prepared there is nobody.

    Raises ApplianceError where it could not be asked.
    """
    asks = ("sh", "-c", _ASKS, "vmmigrate-who-has", address)
    asked, known = ask_all(shell, (asks, ("ip", "-json", "neigh", "show", address)), timeout=PINGED.most)
    if asked.status not in (0, _NO_ANSWER) or known.status != 0:
        said = in_one_line(asked.stderr or known.stderr)
        raise ApplianceError(
            f"whether somebody has the address {address} could not be asked from {shell.host}: {said}",
            hint="does `ping` run there as an ordinary account (iputils-ping), or bash? else make a network without an"
            " uplink on this hypervisor, and name it with new.staging (docs/network.md)",
        )
    return _reachable(shell, known.stdout) or ("an answer to ping" if asked.status == 0 else "")


def _reachable(shell: Shell, said: str) -> str:
    try:
        entries = json.loads(said or "[]")
        macs = [entry["lladdr"] for entry in entries if "lladdr" in entry and "FAILED" not in entry.get("state", ())]
        return ", ".join(map(str, macs))
    except (ValueError, TypeError, AttributeError) as error:
        raise ApplianceError(
            f"on {shell.host}: `ip -json neigh show` printed something else",
            hint="see that machine's `ip`: is it the distribution's?",
        ) from error
