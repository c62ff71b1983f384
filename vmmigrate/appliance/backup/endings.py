"""Decide by an archive's last bytes whether it is complete, for archives that are streamed. Pure functions.

Not for gzip: its checksums are verified while it is streamed. A binary PGP message and an unknown format cannot be
checked in this way.
"""

import struct

TAIL = 66 << 10  # bytes: a zip's last record, with the longest comment, and what is before it
_ZIP_END = struct.Struct("<4s4H2LH")
_ZIP64_PLACE = struct.Struct("<4sLQL")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_BLOCK = 512  # bytes of a tar's
_CIPHER_BLOCK = 8  # bytes of DES's; AES has twice as many
_ARMOUR = (b"-----BEGIN PGP", b"-----END PGP MESSAGE-----")


def why_cut(container: str, head: bytes, tail: bytes, size: int, *, framed: bool) -> str:
    """What is missing at its end; '' if nothing is, or if that is unknown. `tail`: the last TAIL bytes, or all.

    `framed`: the sender gave its length. Else a file of `openssl enc` is assumed to use a block cipher, which is
    true unless somebody chose a mode like CTR.
    """
    if container == "zip" and not _ends_as_zip(tail, size):
        return "the directory at the end of the zip is missing"
    if container == "tar" and (size % _BLOCK or tail[-_BLOCK:].strip(b"\0")):
        return "the empty block at the end of the tar is missing"
    if container == "openssl" and not framed and size % _CIPHER_BLOCK:
        return f"{size} bytes are not a whole number of cipher blocks"
    if container == "pgp" and head.startswith(_ARMOUR[0]) and not tail.rstrip().endswith(_ARMOUR[1]):
        return "the last line of the PGP message is missing"
    return ""


def _ends_as_zip(tail: bytes, size: int) -> bool:
    """Whether a last record says that the directory is just before it, counted from the archive's own start.

    The last record of a zip inside a cut archive counts from elsewhere.
    """
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if len(tail) - at >= _ZIP_END.size:
            *_, length, start, _comment = _ZIP_END.unpack_from(tail, at)
            if start + length == size - len(tail) + at or _is_zip64(tail, at, size):
                return True
        at = tail.rfind(b"PK\5\6", 0, at)
    return False


def _is_zip64(tail: bytes, end: int, size: int) -> bool:
    """Whether the bytes before the last record point to a 64-bit record, and that to the directory."""
    at = end - _ZIP64_PLACE.size
    if at < 0 or tail[at : at + 4] != b"PK\6\7":
        return False
    record = _ZIP64_PLACE.unpack_from(tail, at)[2] - (size - len(tail))
    if not 0 <= record <= at - _ZIP64_END.size or tail[record : record + 4] != b"PK\6\6":
        return False
    *_, length, start = _ZIP64_END.unpack_from(tail, record)
    return bool(start + length == size - len(tail) + record)
