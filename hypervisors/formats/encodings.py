"""Text in the encoding that it has: by its byte order mark, else as its XML declaration says, else UTF-8."""

import codecs
import re

_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,39})[\"']")
_IN_TEXT = re.compile(r"\A(<\?xml[^>]*?\sencoding\s*=\s*[\"'])[^\"']*")
_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
_ASCII = (
    bytes(range(0x20, 0x5C)) + bytes(range(0x5D, 0x7F)) + rb"\x41 +AEE- ~{"
)  # some take the last for more than itself


def declared_text(data: bytes) -> str:
    """Raises ValueError for an encoding that is not known, or bytes that are not of it."""
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"its text is not {encoding}: {error.reason} at byte {error.start}") from error


def encoding_of(data: bytes) -> str:
    """Python's name of it. Raises ValueError for one that is not known, or in which ASCII is something else."""
    for begin, name in (*_MARKS, *_UNMARKED):
        if data.startswith(begin):
            return name
    found = _DECLARED.match(data)
    return _usable(found[1].decode()) if found else "utf-8"


def _usable(declared: str) -> str:
    """A wide one cannot be meant: its declaration was read in single bytes. Windows' tools write so."""
    try:
        name = codecs.lookup(declared).name
        if name in _WIDE:
            return "utf-8"
        if _ASCII.decode(name) == _ASCII.decode():
            return name
    except (LookupError, ValueError):
        pass
    raise ValueError(f"unknown encoding {declared!r}")


def undeclared(text: str) -> str:
    """Its XML declaration says UTF-8, in which it goes on."""
    return _IN_TEXT.sub(r"\g<1>UTF-8", text, count=1)
