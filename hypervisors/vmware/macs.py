"""Which MAC addresses vSphere lets an administrator give. Pure functions."""

import re

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_OURS = ("00:50:56", "00:0c:29", "00:05:69", "00:1c:14")  # VMware's own prefixes
_BY_HAND, _LAST_BY_HAND = "00:50:56", 0x3F  # of these the rest is for vCenter and the hosts to hand out


def is_manual(mac: str) -> bool:
    """Unicast, and of VMware's own only 00:50:56:00 to 3f."""
    mac = mac.lower()
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1 or not mac.strip("0:"):
        return False
    prefix = mac[:8]
    return prefix not in _OURS or (prefix == _BY_HAND and int(mac[9:11], 16) <= _LAST_BY_HAND)
