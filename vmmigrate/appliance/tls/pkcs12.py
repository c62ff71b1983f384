"""PKCS#12 stores as Tomcat uses them: several keys by alias, old encryption too, written so that Java reads them.

cryptography gives the first key of a store and drops the others (seen with 50.0), and writes stores of one key. So
it checks the password and decrypts; which keys there are, and putting several into one store, is asn1crypto's part.
"""

import hmac
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import new as new_hash
from itertools import count
from typing import Any

from asn1crypto import cms
from asn1crypto import pkcs12 as asn1
from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)

from hypervisors import Secret, unwarned
from vmmigrate.appliance.tls.certificates import unusable
from vmmigrate.appliance.tls.chains import name_of, path_above
from vmmigrate.appliance.tls.derivation import refuse_costly_store
from vmmigrate.appliance.tls.keys import Pair, belongs, is_for_pss, key_of, pair_of, prove
from vmmigrate.appliance.tls.tried import opened_store, word_of
from vmmigrate.errors import BadKeys

_JKS, _JCEKS = b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"
_ROUNDS = 10_000  # as Java itself does since 8u301
_ONLY_MAC = 3  # the KDF's id for a MAC key, RFC 7292 B.3


@dataclass(frozen=True)
class Entry:
    """A key of a store with the name that server.xml may call it by; '' if it has none."""

    alias: str
    pair: Pair


def is_java_store(data: bytes) -> bool:
    """A JKS or JCEKS store, which only Java reads."""
    return data[:4] in (_JKS, _JCEKS)


def is_kept_by_java(data: bytes) -> bool:
    """A JCEKS store: if server.xml says so, Java reads nothing else there. Instead of a JKS it also reads PKCS#12."""
    return data[:4] == _JCEKS


def entries(data: bytes, password: Secret) -> tuple[Entry, ...]:
    """Each key with its chain, in the store's order. Raises BadKeys: no PKCS#12, wrong password, no key."""
    store = _opened(data, password)
    try:
        return _entries(data, password, store)
    except InvalidSignature as error:
        raise _damaged_key() from error
    except (UnsupportedAlgorithm, InternalError, ValueError, TypeError) as error:
        raise unusable(error) from error


def _entries(data: bytes, password: Secret, store: pkcs12.PKCS12KeyAndCertificates) -> tuple[Entry, ...]:
    if store.key is None:
        raise BadKeys("the PKCS#12 store holds no private key", hint="is it the store that Tomcat serves?")
    certificates = [each.certificate for each in _certificates(store)]
    bags = tuple(_key_bags(data))
    if len(bags) > 1:
        keys = [_key(bag, password) for bag in bags]
    else:
        keys = [store.key]
    aliases = _aliases(bags) or [_name(store.cert)]
    named = {
        alias.lower(): (alias, key) for alias, key in zip(aliases, keys, strict=True)
    }  # for Java the last one counts
    return tuple(Entry(alias, _with_path(key, certificates)) for alias, key in named.values())


def others(data: bytes, password: Secret) -> tuple[str, ...]:
    """The names of what is part of no pair: certificates that Java trusts, secret keys. Raises BadKeys."""
    store = _opened(data, password)
    used = {cert for each in entries(data, password) for cert in (each.pair.leaf, *each.pair.chain)}
    rest = [each for each in _certificates(store) if each.certificate not in used]
    secrets = [_alias(bag) or "a secret key" for bag in _bags(data, "secret_bag")]
    return (*(_name(each) or name_of(each.certificate.subject) for each in rest), *secrets)


def chosen(found: Sequence[Entry], alias: str | None) -> Entry:
    """Tomcat's rule: the key that server.xml names, in any case of its letters, else the first. Raises BadKeys."""
    if not alias:
        return found[0]
    for entry in found:
        if entry.alias.lower() == alias.lower():
            return entry
    names = ", ".join(repr(entry.alias) for entry in found)
    raise BadKeys(
        f"server.xml names the alias {alias!r}, the store has {names}",
        hint="Tomcat would not start its connector either: fix the alias in server.xml",
    )


def load_pkcs12(data: bytes, password: Secret, alias: str | None = None) -> Pair:
    """The pair that Tomcat would serve. Raises BadKeys."""
    return chosen(entries(data, password), alias).pair


def to_pkcs12(pair: Pair, password: Secret, alias: str, like: bytes = b"") -> bytes:
    """A store of one key, as `write` makes it."""
    return write((Entry(alias, pair),), password, like)


def write(content: Sequence[Entry], password: Secret, like: bytes = b"") -> bytes:
    """A store of these keys, with the best encryption; with that of the store `like` if that is an old one.

    Java before 8u301 and 11.0.12 reads only 3DES with SHA-1: a store that had it keeps it.
    """
    old_way = is_old_way(like)
    single = [_single(entry, password, old_way) for entry in content]
    return single[0] if len(single) == 1 else _merged(single, password, "sha1" if old_way else "sha256")


def is_old_way(data: bytes) -> bool:
    """Whether a store's own check is SHA-1's, as all were before 2021. False for what is not a store."""
    try:
        algorithm = asn1.Pfx.load(data)["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native
    except (ValueError, TypeError, KeyError):
        return False
    return bool(algorithm == "sha1")


@lru_cache(maxsize=8)  # a run opens the same few again and again, and the check of an RSA key takes 40 ms
@unwarned()
def _opened(data: bytes, password: Secret) -> pkcs12.PKCS12KeyAndCertificates:
    refuse_costly_store(data)
    try:
        return _proved(data, password)
    except InvalidSignature as error:
        raise _damaged_key() from error
    except (UnsupportedAlgorithm, InternalError) as error:
        raise unusable(error) from error
    except ValueError as error:
        if "password" not in str(error):
            raise BadKeys(
                f"the PKCS#12 store is damaged, or holds a certificate or key that cannot be read here: {error}",
                hint="try `openssl pkcs12 -info -in FILE` on the appliance; keep only what Tomcat serves in it",
            ) from error
        raise BadKeys(
            "the PKCS#12 store does not open: it is damaged, or server.xml names another password",
            hint="try `openssl pkcs12 -info -in FILE` on the appliance",
        ) from error


def _proved(data: bytes, password: Secret) -> pkcs12.PKCS12KeyAndCertificates:
    store = opened_store(data, password)
    prove(store.key)
    return store


def _damaged_key() -> BadKeys:
    return BadKeys(
        "a private key in the PKCS#12 store is damaged: its parts do not fit each other",
        hint="try `openssl pkcs12 -info -in FILE` on the appliance, and put the whole key back",
    )


def _certificates(store: pkcs12.PKCS12KeyAndCertificates) -> list[pkcs12.PKCS12Certificate]:
    return [*([store.cert] if store.cert else ()), *store.additional_certs]


def _name(certificate: pkcs12.PKCS12Certificate | None) -> str:
    name = certificate.friendly_name if certificate else None
    return name.decode("utf-8", "replace") if name else ""


def _key_bags(data: bytes) -> Iterator[Any]:
    return _bags(data, "key_bag", "pkcs8_shrouded_key_bag")


def _bags(data: bytes, *kinds: str) -> Iterator[Any]:
    """Those of a part that is encrypted as a whole are not seen."""
    for part in asn1.Pfx.load(data).authenticated_safe:
        if part["content_type"].native == "data":
            safe = asn1.SafeContents.load(part["content"].native)
            yield from (bag for bag in safe if bag["bag_id"].native in kinds)


def _key(bag: Any, password: Secret) -> Any:
    """cryptography opens a key by an empty password only within a store."""
    der = bag["bag_value"].untag().dump()
    if bag["bag_id"].native == "key_bag":
        return key_of(der, None)
    if password.reveal():
        return key_of(der, password)
    part = cms.ContentInfo({"content_type": "data", "content": asn1.SafeContents([bag]).dump()})
    return _proved(_sealed([part], password, "sha256"), password).key


def _aliases(bags: Sequence[Any]) -> list[str]:
    """As Java names its entries: by the key's own name, never the certificate's; one without a name by its number."""
    names = [_alias(bag) for bag in bags]
    number = count(1)
    return [str(next(number)) if name is None else name for name in names]


def _alias(bag: Any) -> str | None:
    for attribute in bag["bag_attributes"] or ():
        if attribute["type"].native == "friendly_name":
            return str(attribute["values"][0].native)
    return None


def _with_path(key: PrivateKeyTypes, certificates: Sequence[x509.Certificate]) -> Pair:
    """Each takes what is above it: so does Java, and what else is in the store it may trust, but does not send."""
    own = next((cert for cert in certificates if belongs(key, cert)), None)
    return pair_of(key, [own, *path_above(own, certificates)] if own else [])


def _single(entry: Entry, password: Secret, old_way: bool) -> bytes:
    word = word_of(password)
    if not word:
        raise BadKeys(
            "a store without a password cannot be written",
            hint="give the store a password, and name that in the new appliance's server.xml",
        )
    if not word.isascii():
        raise BadKeys(
            "a store under a password with other signs than ASCII's cannot be written: Java opens none",
            hint="give the store another password, and name that in the new appliance's server.xml",
        )
    if is_for_pss(entry.pair.leaf):
        raise BadKeys(
            "a key for RSA-PSS alone cannot be written into a PKCS#12 store",
            hint="renew the certificate with a key of RSA or of a common curve (P-256, P-384); Tomcat"
            " reads such a key from no PEM file either",
        )
    shut: KeySerializationEncryption = BestAvailableEncryption(word)
    if old_way:
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS).hmac_hash(hashes.SHA1())  # noqa: S303
        shut = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).build(word)
    pair = entry.pair
    key: Any = pair.key  # DH keys, which no certificate has, are all that differs
    return pkcs12.serialize_key_and_certificates(entry.alias.encode() or None, key, pair.leaf, pair.chain or None, shut)


def _merged(stores: Sequence[bytes], password: Secret, algorithm: str) -> bytes:
    """The parts of all in one store, under one check."""
    return _sealed([part for store in stores for part in asn1.Pfx.load(store).authenticated_safe], password, algorithm)


def _sealed(parts: Sequence[Any], password: Secret, algorithm: str) -> bytes:
    content = asn1.AuthenticatedSafe(parts).dump()
    salt = os.urandom(20)
    digest = hmac.digest(_mac_key(password, salt, algorithm), content, algorithm)
    mac = {"mac": {"digest_algorithm": {"algorithm": algorithm}, "digest": digest}, "mac_salt": salt}
    outer = cms.ContentInfo({"content_type": "data", "content": content})
    merged = asn1.Pfx({"version": "v3", "auth_safe": outer, "mac_data": mac | {"iterations": _ROUNDS}})
    made: bytes = merged.dump()
    return made


def _mac_key(password: Secret, salt: bytes, algorithm: str) -> bytes:
    """RFC 7292 B.2, of which one block is enough for a MAC's key."""

    def hashed(data: bytes) -> bytes:
        return new_hash(algorithm, data).digest()

    def filled(text: bytes) -> bytes:
        length = -(-len(text) // block) * block
        return (text * (length // len(text) + 1))[:length]

    block = new_hash(algorithm).block_size
    word = password.reveal().encode("utf-16-be") + b"\0\0"
    value = bytes([_ONLY_MAC]) * block + filled(salt) + filled(word)
    for _round in range(_ROUNDS):
        value = hashed(value)
    return value
