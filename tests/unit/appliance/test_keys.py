"""Keys and certificates: what is loaded is what was written, and each defect is one finding."""

import dataclasses
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from small_ca import NOW, certificate, pair

from hypervisors import Secret
from vmmigrate.appliance.keys import (
    Pair,
    certificates_pem,
    check,
    key_pem,
    load_pem,
    load_pkcs12,
    pkcs12_alias,
    to_pem,
    to_pkcs12,
)
from vmmigrate.errors import BadKeys

HOST = "mailgw.example.test"
PASSWORD = Secret("djigzo")


def findings(subject: Pair, host: str = HOST) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in check(subject, host, NOW)]


def test_a_store_written_with_another_password_and_alias_holds_the_same_pair() -> None:
    before = pair()
    data = to_pkcs12(before, Secret("another"), "gateway")
    after = load_pkcs12(data, Secret("another"))
    assert to_pem(after) == to_pem(before)
    assert after.fingerprint == before.fingerprint
    assert pkcs12_alias(data, Secret("another")) == "gateway"


@pytest.mark.parametrize("data", [b"", b"no store", to_pkcs12(pair(), Secret("another"), "x")])
def test_what_is_no_store_or_has_another_password_is_refused(data: bytes) -> None:
    with pytest.raises(BadKeys, match="does not open"):
        load_pkcs12(data, PASSWORD)


def test_pem_is_read_in_any_order() -> None:
    before = pair()
    chain, leaf = before.chain[0].public_bytes(Encoding.PEM), before.leaf.public_bytes(Encoding.PEM)
    after = load_pem(b"a comment\n" + chain + key_pem(before) + leaf)
    assert (after.leaf, after.chain) == (before.leaf, before.chain)


def test_key_and_certificates_apart_make_the_same_pair() -> None:
    before = pair()
    assert to_pem(load_pem(key_pem(before) + b"\n" + certificates_pem(before))) == to_pem(before)


def test_pem_without_a_key_or_with_two_is_refused() -> None:
    one = pair()
    with pytest.raises(BadKeys, match="holds 0 private keys"):
        load_pem(certificates_pem(one))
    with pytest.raises(BadKeys, match="holds 2 private keys"):
        load_pem(to_pem(one) + to_pem(pair()))


def test_an_encrypted_pem_key_is_refused_with_what_postfix_needs() -> None:
    one = pair()
    locked = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    with pytest.raises(BadKeys) as refused:
        load_pem(locked + certificates_pem(one))
    assert refused.value.hint == "Postfix needs its key without a password"


def test_a_key_without_a_certificate_is_refused() -> None:
    with pytest.raises(BadKeys, match="no certificate"):
        load_pem(key_pem(pair()))


def test_a_good_pair_has_no_finding() -> None:
    assert findings(pair()) == []


def test_a_foreign_key_is_an_error() -> None:
    assert findings(dataclasses.replace(pair(), key=pair().key)) == [("tls-key-mismatch", "error")]


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [(-400, 365, "tls-expired"), (5, 365, "tls-not-yet-valid"), (-300, 310, "tls-expires-soon")],
)
def test_dates(start: int, days: int, expected: str) -> None:
    assert findings(pair(start=NOW + timedelta(days=start), days=days)) == [(expected, "warning")]


def test_a_name_that_is_not_the_hosts() -> None:
    assert findings(pair(), "other.example.test") == [("tls-name-mismatch", "warning")]


def test_a_wildcard_covers_one_label_alone() -> None:
    root = certificate("Root", ca=True)
    leaf, key = certificate("w", issuer=root, names=("*.example.test",))
    wild = Pair(key, leaf, (root[0],))
    assert findings(wild) == []
    assert findings(wild, "a.b.example.test") == [("tls-name-mismatch", "warning")]


def test_chains_missing_out_of_order_and_broken() -> None:
    root = certificate("Root", ca=True)
    middle = certificate("Intermediate", issuer=root, ca=True)
    leaf, key = certificate(HOST, issuer=middle, names=(HOST,))
    stranger = certificate("Stranger", ca=True)[0]
    assert findings(Pair(key, leaf, ())) == [("tls-chain-missing", "warning")]
    assert findings(Pair(key, leaf, (root[0], middle[0])))[0] == ("tls-chain-order", "warning")
    assert findings(Pair(key, leaf, (stranger,))) == [("tls-chain-broken", "warning")]


def test_a_self_signed_leaf_needs_no_chain() -> None:
    leaf, key = certificate(HOST, names=(HOST,))
    assert findings(Pair(key, leaf, ())) == []


def test_a_pair_does_not_print_its_key() -> None:
    assert "key=" not in repr(pair())
