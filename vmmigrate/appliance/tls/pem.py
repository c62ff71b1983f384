"""Find keys and certificates in PEM text, as OpenSSL does, in one reading."""

import re
from bisect import bisect_left
from collections import defaultdict

# As OpenSSL reads: a label stands alone on its line, so that what is commented out is no PEM.
_LABEL = rb"(?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY|(?:X509 |TRUSTED )?CERTIFICATE"
_LINE = re.compile(rb"^-----(?:(BEGIN)|END) (" + _LABEL + rb")-----[ \t\r]*$", re.MULTILINE)
# OpenSSL skips one in the first line that it reads for an object: of the file, and behind the last line of another.
_BYTE_ORDER_MARK = re.compile(rb"(\A|^-----END [^\n]*\n)\xef\xbb\xbf", re.MULTILINE)


def blocks(data: bytes) -> list[bytes]:
    """Keys and certificates in their order, each from its first line to the next last line of its kind."""
    data = _BYTE_ORDER_MARK.sub(rb"\1", data)
    begins: list[re.Match[bytes]] = []
    ends: defaultdict[bytes, list[re.Match[bytes]]] = defaultdict(list)
    for line in _LINE.finditer(data):
        (begins if line[1] else ends[line[2]]).append(line)
    found: list[bytes] = []
    read_to = 0
    for begin in begins:
        last = ends[begin[2]]
        at = bisect_left(last, begin.end(), key=re.Match.start)
        if begin.start() >= read_to and at < len(last):
            read_to = last[at].end()
            found.append(data[begin.start() : read_to])
    return found


def key_blocks(data: bytes) -> list[bytes]:
    return [block for block in blocks(data) if is_key(block)]


def is_key(block: bytes) -> bool:
    return b"PRIVATE KEY-----" in block.partition(b"\n")[0]


def is_trusted(block: bytes) -> bool:
    """Whether it is what OpenSSL calls a trusted certificate: with what it is trusted for."""
    return block.startswith(b"-----BEGIN TRUSTED")
