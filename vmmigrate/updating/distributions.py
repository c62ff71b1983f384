"""Which family of distributions a host is of, by its own word."""

from vmmigrate import reading
from vmmigrate.errors import ApplianceError
from vmmigrate.updating.families.debian import DEBIAN
from vmmigrate.updating.families.redhat import REDHAT
from vmmigrate.updating.families.suse import SUSE
from vmmigrate.updating.family import Distribution

DISTRIBUTIONS = (DEBIAN, REDHAT, SUSE)


def distribution_of(os_release: str) -> Distribution:
    """By the text of `/etc/os-release`: its ID, else the first of ID_LIKE that is known. Raises ApplianceError."""
    values = reading.os_release(os_release)
    for word in (values.get("ID", ""), *values.get("ID_LIKE", "").split()):
        for known in DISTRIBUTIONS:
            if _stem(word) in known.ids:
                return known
    named = values.get("PRETTY_NAME") or values.get("ID") or "a system that does not say what it is"
    ids = ", ".join(sorted(name for known in DISTRIBUTIONS for name in known.ids))
    raise ApplianceError(
        f"no update is known for {named}",
        hint=f"/etc/os-release must name one of these in ID or ID_LIKE: {ids}",
    )


def named(name: str) -> Distribution:
    """As a plan names it. Raises ApplianceError."""
    for known in DISTRIBUTIONS:
        if known.name == name:
            return known
    raise ApplianceError(
        f"the plan is for a family of distributions that this version does not know: {name}",
        hint="use the version of vmmigrate that made the plan",
    )


def _stem(word: str) -> str:
    """opensuse-leap, opensuse-tumbleweed and sles_sap are named by what stands before."""
    return word.lower().replace("_", "-").partition("-")[0]
