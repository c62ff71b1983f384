"""Tell by an archive's last bytes whether it is whole: for what streams by and is read once. Pure functions.

gzip is not told so: its checksums are followed while it streams. A binary PGP message and what no magic names are told
by nothing.
"""

import struct

TAIL = 66 << 10  # bytes: a zip's last record, with the longest comment, and what stands before it
_ZIP_END = struct.Struct("<4s4H2LH")
_ZIP64_PLACE = struct.Struct("<4sLQL")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_BLOCK = 512  # bytes of a tar's
_CIPHER_BLOCK = 8  # bytes of DES's; AES has twice as many
_ARMOUR = (b"-----BEGIN PGP", b"-----END PGP MESSAGE-----")


def why_cut(container: str, head: bytes, tail: bytes, size: int, *, framed: bool) -> str:
    """What is missing at its end; '' where nothing is, or none can tell. `tail`: the last TAIL bytes, or all.

    `framed`: its length was told by who sent it. Else a file of `openssl enc` is taken for one of a block cipher, as
    it is unless somebody asked for a mode like CTR.
    """
    if container == "zip" and not _ends_as_zip(tail, size):
        return "its directory, which stands at the end of a zip, is not there"
    if container == "tar" and (size % _BLOCK or tail[-_BLOCK:].strip(b"\0")):
        return "the empty block that ends a tar is not there"
    if container == "openssl" and not framed and size % _CIPHER_BLOCK:
        return f"{size} bytes are no whole number of a cipher's blocks"
    if container == "pgp" and head.startswith(_ARMOUR[0]) and not tail.rstrip().endswith(_ARMOUR[1]):
        return "the line that ends a PGP message is not there"
    return ""


def _ends_as_zip(tail: bytes, size: int) -> bool:
    """Whether a last record says that the directory lies just before it, counted from the archive's own beginning.

    That of a zip within it, the last that came of one cut short, counts from elsewhere.
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
    """Whether what stands before the last record leads to one with numbers of 64 bits, and that to the directory."""
    at = end - _ZIP64_PLACE.size
    if at < 0 or tail[at : at + 4] != b"PK\6\7":
        return False
    record = _ZIP64_PLACE.unpack_from(tail, at)[2] - (size - len(tail))
    if not 0 <= record <= at - _ZIP64_END.size or tail[record : record + 4] != b"PK\6\6":
        return False
    *_, length, start = _ZIP64_END.unpack_from(tail, record)
    return bool(start + length == size - len(tail) + record)
