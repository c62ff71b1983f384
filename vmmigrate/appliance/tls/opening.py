"""The program that opens one store or key and hands back what is in it without encryption, for `tried`."""

import json
import signal
import sys
from typing import Any

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

REFUSALS = {error.__name__: error for error in (UnsupportedAlgorithm, ValueError)}


def main() -> None:
    """Arguments: what it is, and the seconds in which it ends itself. Input: the password's length, that, the data."""
    signal.alarm(int(sys.argv[2]))  # where whoever started it was ended, a key of hours ends too
    length, _, rest = sys.stdin.buffer.read().partition(b"\n")
    word, data = rest[: int(length)], rest[int(length) :]
    try:
        said = {"opened": (_store if sys.argv[1] == "store" else _key)(data, word)}
    except UnsupportedAlgorithm as error:
        said = {"refused": UnsupportedAlgorithm.__name__, "why": str(error)}
    except (ValueError, TypeError, InternalError) as error:
        said = {"refused": ValueError.__name__, "why": str(error)}
    json.dump(said, sys.stdout)


def _store(data: bytes, word: bytes) -> dict[str, Any]:
    held = pkcs12.load_pkcs12(data, word)
    return {
        "key": None if held.key is None else _plain(held.key),
        "own": None if held.cert is None else _certificate(held.cert),
        "others": [_certificate(each) for each in held.additional_certs],
    }


def _key(data: bytes, word: bytes) -> str:
    return _plain(load_pem_private_key(data, word, unsafe_skip_rsa_key_validation=True))


def _plain(key: PrivateKeyTypes) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _certificate(held: pkcs12.PKCS12Certificate) -> tuple[str, str | None]:
    name = held.friendly_name
    return held.certificate.public_bytes(Encoding.DER).hex(), None if name is None else name.hex()
