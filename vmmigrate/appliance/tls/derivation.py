"""What opening an encrypted key costs, seen before it is paid: its file may come from a hostile machine."""

from collections.abc import Iterator
from typing import Any

from asn1crypto import keys, pem
from asn1crypto import pkcs12 as asn1

from vmmigrate.appliance.tls.magnitude import refuse_large
from vmmigrate.errors import BadKeys
from vmmigrate.limits import KEY_MEMORY, KEY_ROUNDS, PEM_KEY, STORE_KEYS

MOST_ROUNDS = KEY_ROUNDS.most
MOST_MEMORY = KEY_MEMORY.most
LARGEST_KEY = PEM_KEY.most
LARGEST_KEYS = STORE_KEYS.most
_SCRYPT = "1.3.6.1.4.1.11591.4.11"  # RFC 7914
_ODD = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


def refuse_costly_key(block: bytes) -> None:
    """Of one PEM block. Raises BadKeys."""
    if len(block) > LARGEST_KEY:
        raise BadKeys(
            f"the private key has {len(block)} bytes, {LARGEST_KEY} at most are read",
            hint="is it one key, of a usual size?",
        )
    if b"ENCRYPTED" in block and b"Proc-Type" not in block:  # that older form takes one round
        _refuse("the private key", _rounds_of_key(block))


def refuse_costly_store(data: bytes) -> None:
    """Of a PKCS#12 store. Raises BadKeys, also where it is none. What is encrypted twice is seen once."""
    _refuse("the PKCS#12 store", _rounds_of_store(data))


def _refuse(what: str, rounds: Iterator[int]) -> None:
    try:
        needed = sum(rounds)
    except _ODD as error:
        raise BadKeys(
            f"{what} does not open: it is damaged",
            hint="try `openssl pkey -in FILE -noout`, or `openssl pkcs12 -info -in FILE`, on the appliance",
        ) from error
    if needed > MOST_ROUNDS:
        raise BadKeys(
            f"opening {what} would take {needed:,} rounds of key derivation, {MOST_ROUNDS:,} at most are done",
            hint="write it again on the appliance, with an iteration count of 600,000 at most",
        )


def _rounds_of_key(block: bytes) -> Iterator[int]:
    _, _, der = pem.unarmor(block)
    yield from _rounds(keys.EncryptedPrivateKeyInfo.load(der)["encryption_algorithm"])


def _rounds_of_store(data: bytes) -> Iterator[int]:
    store = asn1.Pfx.load(data)
    if store["mac_data"].native:
        yield abs(store["mac_data"]["iterations"].native)
    held = 0
    for part in store.authenticated_safe:
        if part["content_type"].native == "data":
            for bag in asn1.SafeContents.load(part["content"].native):
                yield from _rounds_of_bag(bag)
                held += len(bag.dump()) if "key_bag" in bag["bag_id"].native else 0
        elif part["content_type"].native == "encrypted_data":
            yield from _rounds(part["content"]["encrypted_content_info"]["content_encryption_algorithm"])
    if held > LARGEST_KEYS:
        raise BadKeys(
            f"the private keys of the PKCS#12 store have {held} bytes, {LARGEST_KEYS} at most are read",
            hint="keep those that Tomcat serves in it",
        )


def _rounds_of_bag(bag: Any) -> Iterator[int]:
    if bag["bag_id"].native == "key_bag":
        refuse_large(bag["bag_value"].untag().dump())
    if bag["bag_id"].native == "pkcs8_shrouded_key_bag":
        yield from _rounds(bag["bag_value"]["encryption_algorithm"])


def _rounds(algorithm: Any) -> Iterator[int]:
    """Of PBES2 those of its derivation, of the older ones their own; a negative number is read as a huge one."""
    parameters = algorithm["parameters"]
    if algorithm["algorithm"].native != "pbes2":
        yield from (value for value in _integers(parameters.native))
        return
    derivation = parameters["key_derivation_func"]
    held = derivation["parameters"].native
    if derivation["algorithm"].native == _SCRYPT:
        yield _rounds_of_scrypt(*_integers(held))
    else:
        yield from _integers(held)


def _rounds_of_scrypt(cost: int, block: int, parallel: int = 1, *_length: int) -> int:
    """As many as take about the same time; too many where it needs too much memory."""
    if 128 * cost * block > MOST_MEMORY:
        raise BadKeys(
            f"opening it would take {128 * cost * block >> 20} MiB (scrypt), {MOST_MEMORY >> 20} at most are used",
            hint="write it again on the appliance: `openssl pkey -aes256 -in FILE -out NEW-FILE`",
        )
    return cost * block * parallel


def _integers(held: Any) -> Iterator[int]:
    """All whole numbers of an algorithm's parameters: rounds, and lengths, which are small."""
    values = held.values() if isinstance(held, dict) else ()
    return (value if value >= 0 else MOST_ROUNDS + 1 for value in values if isinstance(value, int))
