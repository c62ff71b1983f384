"""Open a file of `openssl enc` (`Salted__`) with one of the well-known combinations of cipher and key derivation.

Which of them a release uses is unknown [F-CONSOLE-10], so a combination counts only if the result is an archive.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from hypervisors import Secret

MAGIC = b"Salted__"
_HEADER = 16  # the magic and eight bytes of salt
_PIECE = 1 << 18

Derive = Callable[[bytes, bytes, int], bytes]


@dataclass(frozen=True)
class Scheme:
    """One way to run `openssl enc`, named as its options are. `key` in bytes; `derive(password, salt, length)`."""

    name: str
    block: int
    key: int
    derive: Derive
    cipher: Callable[[bytes], algorithms.AES | TripleDES]

    def decryptor(self, derived: bytes, before: bytes | None) -> CipherContext:
        """From the start, or from the block after `before`."""
        start = before or derived[self.key :]
        return Cipher(self.cipher(derived[: self.key]), modes.CBC(start)).decryptor()


def _pbkdf2(name: str) -> Derive:
    return lambda password, salt, length: hashlib.pbkdf2_hmac(name, password, salt, 10_000, length)


def _evp(name: str) -> Derive:
    """EVP_BytesToKey with one round, as `openssl enc` does without -pbkdf2."""

    def derive(password: bytes, salt: bytes, length: int) -> bytes:
        made = piece = b""
        while len(made) < length:
            piece = hashlib.new(name, piece + password + salt, usedforsecurity=False).digest()
            made += piece
        return made[:length]

    return derive


def _schemes() -> Iterator[Scheme]:
    """The likelier first: the defaults of OpenSSL 1.1 and later, then those of 1.0 (md5)."""
    aes, des = algorithms.AES, TripleDES
    ciphers = (("aes-256-cbc", 16, 32, aes), ("aes-128-cbc", 16, 16, aes), ("des-ede3-cbc", 8, 24, des))
    for cipher, block, key, make in ciphers:
        for digest in ("sha256", "sha512", "sha1"):
            yield Scheme(f"{cipher} pbkdf2-{digest}/10000", block, key, _pbkdf2(digest), make)
        for digest in ("sha256", "md5", "sha1"):
            yield Scheme(f"{cipher} evp-{digest}", block, key, _evp(digest), make)


SCHEMES = tuple(_schemes())


class Opened(io.RawIOBase):
    """The plaintext of one file with one scheme and password: random access, constant memory, never on a disk."""

    def __init__(self, source: BinaryIO, scheme: Scheme, password: Secret) -> None:
        """Raises ValueError if the file cannot be of this scheme, or its padding is wrong."""
        self._source, self._scheme = source, scheme
        length = source.seek(0, io.SEEK_END) - _HEADER
        source.seek(len(MAGIC))
        salt = source.read(_HEADER - len(MAGIC))
        if length <= 0 or length % scheme.block:
            raise ValueError(f"its length is not a multiple of {scheme.block}")
        self._derived = scheme.derive(password.reveal().encode(), salt, scheme.key + scheme.block)
        self._position, self.size = 0, length
        self.size -= self._padding(self._plain(length - scheme.block, scheme.block))
        self._stream: CipherContext | None = None
        self._pending = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        wanted = max(0, base + offset)
        if wanted != self._position:
            self._position, self._stream = wanted, None
        return wanted

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._next(min(len(buffer), _PIECE, max(0, self.size - self._position)))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _next(self, count: int) -> bytes:
        if self._stream is None:
            block = self._position - self._position % self._scheme.block
            self._stream, self._pending = self._from(block), b""
            self._more(self._position - block)
            self._pending = self._pending[self._position - block :]
        self._more(count)
        piece, self._pending = self._pending[:count], self._pending[count:]
        return piece

    def _more(self, count: int) -> None:
        assert self._stream is not None
        while len(self._pending) < count and (piece := self._source.read(_PIECE)):
            self._pending += self._stream.update(piece)

    def _from(self, block: int) -> CipherContext:
        """Set the source to that offset of the plaintext; CBC needs only the encrypted block before it."""
        before = None
        if block:
            self._source.seek(_HEADER + block - self._scheme.block)
            before = self._source.read(self._scheme.block)
        else:
            self._source.seek(_HEADER)
        return self._scheme.decryptor(self._derived, before)

    def _plain(self, block: int, count: int) -> bytes:
        return self._from(block).update(self._source.read(count))

    def _padding(self, last: bytes) -> int:
        count = last[-1]
        if not 1 <= count <= self._scheme.block or last[-count:] != bytes([count]) * count:
            raise ValueError("its padding is wrong")
        return count
