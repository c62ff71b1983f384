"""Names of files inside a package: plain ones only, whatever path tricks they try."""

from hypervisors.formats.source import Source

_ODD = "a publisher's file does not look like this: fetch it again from its publisher, or give only the disk image"
_FOLDER = "is in a folder of its own"
_ALL_IN_ONE = "unpack the package, put all its files into one folder, and give the .ovf there, or only the disk image"


def plain_name(source: Source, name: str, where: str) -> str:
    """The name, without a leading "./". Raises BadImage for anything but a plain name, found in `where`."""
    plain = name.removeprefix("./")
    if reason := _odd(plain):
        hint = _ALL_IN_ONE if reason == _FOLDER else _ODD
        raise source.refused(f"names a file {name!r} in {where}, which {reason}", hint=hint)
    return plain


def is_plain(name: str) -> bool:
    return _odd(name) is None


def _odd(name: str) -> str | None:
    """What is wrong with the name."""
    if "://" in name:
        return "lies elsewhere"
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        return "is an absolute path"
    if name == ".." or "../" in name or "..\\" in name or name.endswith(("/..", "\\..")):
        return "leads out of its folder"
    if "/" in name or "\\" in name:
        return _FOLDER
    if not name or name == "." or not name.isprintable():
        return "is not a file name"
    return None
