"""Pairs in PEM: what is loaded is what was written, in every way that Postfix and Tomcat may have it."""

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from small_ca import pair

from hypervisors import Secret
from vmmigrate.appliance.tls.keys import certificates_pem, holds_key, key_pem, load_pem, load_pem_chains, to_pem
from vmmigrate.errors import BadKeys

WORD = Secret("word")


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


def test_of_several_keys_each_has_the_chain_that_follows_it() -> None:
    one, two = pair(kind="RSA"), pair()
    found = load_pem_chains(to_pem(one) + to_pem(two))
    assert [to_pem(each) for each in found] == [to_pem(one), to_pem(two)]
    assert [each.kind for each in found] == ["RSA", "ECDSA"]


def test_keys_in_one_place_and_chains_in_another_still_find_each_other() -> None:
    one, two = pair(), pair()
    found = load_pem_chains(key_pem(one) + key_pem(two) + certificates_pem(two) + certificates_pem(one))
    assert [each.leaf for each in found] == [one.leaf, two.leaf]


def test_a_key_in_the_last_place_is_borne_with() -> None:
    one = pair()
    assert to_pem(load_pem_chains(certificates_pem(one) + key_pem(one))[0]) == to_pem(one)


def test_no_key_at_all_is_refused_in_chains_too() -> None:
    with pytest.raises(BadKeys, match="no private key"):
        load_pem_chains(certificates_pem(pair()))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_opens_with_its_password_alone(form: PrivateFormat) -> None:
    one = pair()
    locked = one.key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"word")) + certificates_pem(one)
    assert to_pem(load_pem(locked, WORD)) == to_pem(one)
    with pytest.raises(BadKeys, match="is encrypted, and nothing here names its password") as refused:
        load_pem(locked)
    assert refused.value.hint.startswith("Postfix needs its key without a password: `openssl pkey")
    with pytest.raises(BadKeys, match="its password is another one"):
        load_pem(locked, Secret("other"))


def test_a_password_that_is_not_needed_does_no_harm() -> None:
    one = pair()
    assert to_pem(load_pem(to_pem(one), WORD)) == to_pem(one)


def test_a_key_is_written_encrypted_where_a_password_is_given() -> None:
    one = pair()
    shut = key_pem(one, WORD)
    assert b"ENCRYPTED" in shut
    assert to_pem(load_pem(shut + certificates_pem(one), WORD)) == to_pem(one)


def test_what_is_damaged_is_refused() -> None:
    one = pair()
    key, certificate = key_pem(one), certificates_pem(one)
    with pytest.raises(BadKeys, match="private key cannot be read: it is damaged"):
        load_pem(key.replace(key[40:60], b"A" * 20) + certificate)
    with pytest.raises(BadKeys, match="a certificate cannot be read"):
        load_pem(key + certificate.replace(certificate[40:60], b"A" * 20))


def test_a_key_without_a_certificate_is_refused() -> None:
    with pytest.raises(BadKeys, match="no certificate"):
        load_pem(key_pem(pair()))


def test_where_a_key_is() -> None:
    assert [holds_key(key_pem(pair())), holds_key(certificates_pem(pair()))] == [True, False]


def test_a_pair_does_not_print_its_key() -> None:
    assert "key=" not in repr(pair())


# Made by openssl: `ecparam -name prime239v1 -genkey`, a curve that cryptography does not know, and its certificate.
ODD_CURVE = b"""-----BEGIN EC PRIVATE KEY-----
MHECAQEEHni/BSBAwEPx5uWweq0IhyZTYbrD7ZPDGexOX0bujaAKBggqhkjOPQMB
BKFAAz4ABB/m/jqrVytmh3oT562SGdnz6TDhbDhE8zdzDh2GLljRoePubixiKNgk
Zr0R/yd5GxZzf9DNUF2RFMXC5Q==
-----END EC PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBaDCCAROgAwIBAgIURN6gDtZ5cdi/u1U04ihq6sP2604wCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb2RkMB4XDTI2MTEyMjE2MTQ1NFoXDTM2MTExOTE2MTQ1NFow
DjEMMAoGA1UEAwwDb2RkMFUwEwYHKoZIzj0CAQYIKoZIzj0DAQQDPgAEH+b+OqtX
K2aHehPnrZIZ2fPpMOFsOETzN3MOHYYuWNGh4+5uLGIo2CRmvRH/J3kbFnN/0M1Q
XZEUxcLlo1MwUTAdBgNVHQ4EFgQU6kgwHlbjFO0djULON4HrlE9FlpUwHwYDVR0j
BBgwFoAU6kgwHlbjFO0djULON4HrlE9FlpUwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNDADBAAh4rB0FpGInnvSn+CVYdySsMjSDvQNICh//ERYnRsnoCHn2Z
jMDz8nzJFTfgRs3K9QdE0qCeL00VJHUDtqIWcA==
-----END CERTIFICATE-----
"""


def test_a_key_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BadKeys, match=r"cannot be used: .*not supported"):
        load_pem(ODD_CURVE)
    with pytest.raises(BadKeys, match=r"cannot be used: .*not supported"):
        load_pem(key_pem(pair()) + ODD_CURVE[ODD_CURVE.index(b"-----BEGIN CERT") :])
