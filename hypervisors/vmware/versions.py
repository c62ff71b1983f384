"""Which release of the API is spoken: the newest that both the server and pyvmomi know; else types would be lost."""

from pyVmomi.VmomiSupport import versionMap

OLDEST = "vim.version.version10"  # vSphere 6.0's, which every later server speaks too
_PREFIX = "vim25/"


def newest_common(api: str) -> str:
    """pyvmomi's name for the release that a server calls `api`, as '6.7.3' or '8.0.2.0'."""
    server = _numbers(api)
    known = {_numbers(name.removeprefix(_PREFIX)): version for name, version in versionMap.items() if _is_release(name)}
    common = [release for release in known if _numbers("6.0") <= release <= server]
    return str(known[max(common)]) if common else OLDEST


def _is_release(name: str) -> bool:
    return name.startswith(_PREFIX) and name.removeprefix(_PREFIX).replace(".", "").isdigit()


def _numbers(release: str) -> tuple[int, ...]:
    """What is not a number counts as 0: a server of the future may write something else."""
    return tuple(int(part) if part.isdigit() else 0 for part in release.split("."))
