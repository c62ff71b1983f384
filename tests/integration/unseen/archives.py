"""Packs and encrypts the backups of the unseen consoles, in the ways that more than one of them uses."""

import hashlib
import io
import os
import tarfile
import zipfile
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_PGP_AES = {128: 7, 256: 9}  # RFC 4880, 9.2


def tarred(contents: dict[str, bytes]) -> bytes:
    """A gzip tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zipped(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


@dataclass(frozen=True)
class OpenSsl:
    """What `openssl enc -aes-BITS-cbc -md DIGEST -pbkdf2` makes."""

    bits: int
    digest: str

    def encrypted(self, content: bytes, password: str) -> bytes:
        salt = os.urandom(8)
        encryptor, padder = self._cipher(password, salt).encryptor(), padding.PKCS7(128).padder()
        return b"Salted__" + salt + encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()

    def decrypted(self, content: bytes, password: str) -> bytes:
        """The plain bytes; none when the password is wrong."""
        decryptor, unpadder = self._cipher(password, content[8:16]).decryptor(), padding.PKCS7(128).unpadder()
        try:
            return unpadder.update(decryptor.update(content[16:]) + decryptor.finalize()) + unpadder.finalize()
        except ValueError:
            return b""

    def _cipher(self, password: str, salt: bytes) -> Cipher[modes.CBC]:
        size = self.bits // 8
        material = hashlib.pbkdf2_hmac(self.digest, password.encode(), salt, 10000, size + 16)
        return Cipher(algorithms.AES(material[:size]), modes.CBC(material[size:]))


@dataclass(frozen=True)
class Pgp:
    """What `gpg --symmetric --cipher-algo AESBITS` makes, with the digest against tampering."""

    bits: int

    def encrypted(self, content: bytes, password: str) -> bytes:
        salt, prefix = os.urandom(8), os.urandom(16)
        text = prefix + prefix[-2:] + _packet(11, b"b\x00\x00\x00\x00\x00" + content) + b"\xd3\x14"
        encryptor = self._cipher(password, salt).encryptor()
        secret = encryptor.update(text + _sha1(text)) + encryptor.finalize()
        return b"\x8c\x0d\x04%c\x03\x08" % _PGP_AES[self.bits] + salt + b"\x60" + _packet(18, b"\x01" + secret)

    def decrypted(self, content: bytes, password: str) -> bytes:
        """The plain bytes of `encrypted`; none when the password is wrong."""
        decryptor = self._cipher(password, content[6:14]).decryptor()
        text = decryptor.update(content[22:]) + decryptor.finalize()
        return text[30:-22] if text[-20:] == _sha1(text[:-20]) else b""

    def _cipher(self, password: str, salt: bytes) -> Cipher[CFB]:
        """RFC 4880, iterated and salted: 65,536 bytes through SHA-256, of which the key takes what it needs."""
        text = salt + password.encode()
        material = hashlib.sha256((text * (65536 // len(text) + 1))[:65536]).digest()
        return Cipher(algorithms.AES(material[: self.bits // 8]), CFB(bytes(16)))


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def _sha1(text: bytes) -> bytes:
    return hashlib.sha1(text, usedforsecurity=False).digest()
