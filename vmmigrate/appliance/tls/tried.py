"""Open what may hide a key that takes hours in a process of its own, which can be ended."""

import os
import subprocess
import sys

from hypervisors import Secret, without_secrets
from vmmigrate.errors import BadKeys
from vmmigrate.limits import KEY_UNSEEN
from vmmigrate.limits.seconds import KEY_OPENING

SHORT = KEY_UNSEEN.most
_SECONDS = KEY_OPENING.most
STORE, KEY = "store", "key"
# What goes wrong there goes wrong here again, and is said here. The word goes first, by its length.
_OPEN = """
import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
length, _, rest = sys.stdin.buffer.read().partition(b"\\n")
word, data = rest[: int(length)], rest[int(length) :]
try:
    if sys.argv[1] == "store":
        pkcs12.load_pkcs12(data, word)
    else:
        load_pem_private_key(data, word, unsafe_skip_rsa_key_validation=True)
except BaseException:
    pass
"""


def refuse_slow(kind: str, data: bytes, password: Secret) -> None:
    """Raises BadKeys for a store, or a key in PEM, that does not open within the limit."""
    word = password.reveal().encode()
    argv = (sys.executable, "-I", "-c", _OPEN, kind)
    try:
        subprocess.run(
            argv,
            input=b"%d\n%b%b" % (len(word), word, data),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=without_secrets(os.environ),
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadKeys(
            f"the {kind} does not open within {_SECONDS:g} s: a key in it is no usual one",
            hint="write it again on the appliance, with a key of RSA (8,192 bits at most) or of a common curve",
        ) from None
    except OSError as error:
        raise BadKeys(f"the {kind} cannot be tried: {error.strerror}", hint="make room on this workstation") from error
