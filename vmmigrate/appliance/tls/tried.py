"""Have what may hide a key that takes hours opened by a process of its own, which can be ended.

Whatever is encrypted is opened there once, and comes back plain: nothing here repeats what took long there.
"""

import json
import os
import subprocess
import sys
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from hypervisors import Secret, without_secrets
from vmmigrate.appliance.tls.magnitude import refuse_large_key
from vmmigrate.appliance.tls.opening import REFUSALS
from vmmigrate.errors import BadKeys
from vmmigrate.limits import KEY_UNSEEN
from vmmigrate.limits.seconds import KEY_OPENING

SHORT = KEY_UNSEEN.most
_SECONDS = KEY_OPENING.most
# Isolated from the variables of Python's own; it finds the libraries where this process did.
_PROGRAM = "import sys; sys.path[:] = sys.argv[3:]; from vmmigrate.appliance.tls.opening import main; main()"


def word_of(password: Secret) -> bytes:
    """Raises BadKeys: an error of the codec would show a sign of the password."""
    try:
        return password.reveal().encode()
    except UnicodeEncodeError:
        raise BadKeys(
            "the password holds a sign that no text in UTF-8 can have (half of a surrogate pair)",
            hint="give the key or store another password, and name that where this one is named",
        ) from None


def opened_store(data: bytes, password: Secret) -> pkcs12.PKCS12KeyAndCertificates:
    """Raises BadKeys, else what the library raises for a store that does not open."""
    held = _opened("store", data, word_of(password))
    own, others = held["own"], held["others"]
    return pkcs12.PKCS12KeyAndCertificates(
        None if held["key"] is None else _key(held["key"].encode()),
        None if own is None else _certificate(*own),
        [_certificate(*each) for each in others],
    )


def opened_key(block: bytes, password: Secret) -> bytes:
    """In PEM without encryption. Raises as `opened_store`."""
    return str(_opened("key", block, word_of(password))).encode()


def _key(block: bytes) -> Any:
    refuse_large_key(block)
    return load_pem_private_key(block, None, unsafe_skip_rsa_key_validation=True)


def _certificate(der: str, name: str | None) -> pkcs12.PKCS12Certificate:
    certificate = x509.load_der_x509_certificate(bytes.fromhex(der))
    return pkcs12.PKCS12Certificate(certificate, None if name is None else bytes.fromhex(name))


def _opened(kind: str, data: bytes, word: bytes) -> Any:
    done = _ran(kind, b"%d\n%b%b" % (len(word), word, data))
    if done.returncode != 0 or not done.stdout:
        raise BadKeys(
            f"the {kind} cannot be tried: the process that opens it ended early (status {done.returncode})",
            hint="is there memory left on this workstation? try again",
        )
    said = json.loads(done.stdout)
    if "refused" in said:
        raise REFUSALS[said["refused"]](said["why"])
    return said["opened"]


def _ran(kind: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    """In a session of its own: a terminal's Ctrl-C is for this process, which ends that one."""
    argv = (sys.executable, "-I", "-c", _PROGRAM, kind, str(round(_SECONDS) + 1), *sys.path)
    try:
        return subprocess.run(
            argv,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=without_secrets(os.environ),
            timeout=_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise BadKeys(
            f"the {kind} does not open within {_SECONDS:g} s: a key in it is no usual one",
            hint="write it again on the appliance, with a key of RSA (8,192 bits at most) or of a common curve",
        ) from None
    except OSError as error:
        raise BadKeys(f"the {kind} cannot be tried: {error.strerror}", hint="make room on this workstation") from error
