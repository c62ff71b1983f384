"""A key, store or chain of a hostile machine costs so much and no more, although a library computes with it in C."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import algos, cms, core, keys, pem
from asn1crypto import pkcs12 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from hypervisors import Secret
from tests.limits.twin import most, twin
from tests.unit.appliance.small_ca import NOW, certificate, pair, rsa_of
from vmmigrate.appliance import hostkeys
from vmmigrate.appliance.tls import chains, derivation, pkcs12, tried
from vmmigrate.appliance.tls import keys as tls_keys
from vmmigrate.errors import BadKeys

_WORD = Secret("changeit")
_LEAF = certificate("gw.example.org")[0].public_bytes(Encoding.PEM)


def _dsa(size: int) -> bytes:
    """In PKCS#8, where the public part is computed from a modulus and a private part of so many bytes each."""
    p = int.from_bytes(b"\xff" * size) - 158
    algorithm = {"algorithm": "dsa", "parameters": keys.DSAParams({"p": p, "q": (1 << 255) + 1, "g": 2})}
    private = core.ParsableOctetString(core.Integer(p - 2).dump())
    held = keys.PrivateKeyInfo({"version": 0, "private_key_algorithm": algorithm, "private_key": private})
    return bytes(held.dump())


def _rsa(size: int) -> bytes:
    n = int.from_bytes(b"\xff" * size)
    parts = dict.fromkeys(("exponent1", "exponent2", "coefficient"), 1) | {"prime1": 3, "prime2": 5}
    made = {"version": 0, "modulus": n, "public_exponent": 65537, "private_exponent": n - 2}
    return bytes(keys.RSAPrivateKey(made | parts).dump())


def _shut(plain: bytes, word: Secret = _WORD) -> tuple[Any, bytes]:
    """The algorithm, and what it makes of that: PBES2 of a few rounds."""
    salt, begin = os.urandom(8), os.urandom(16)
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, 100).derive(word.reveal().encode())
    left = 16 - len(plain) % 16
    there = Cipher(AES(key), modes.CBC(begin)).encryptor().update(plain + bytes([left]) * left)
    rounds = {"salt": algos.Pbkdf2Salt("specified", salt), "iteration_count": 100, "prf": {"algorithm": "sha256"}}
    parameters = {
        "key_derivation_func": {"algorithm": "pbkdf2", "parameters": rounds},
        "encryption_scheme": {"algorithm": "aes256_cbc", "parameters": begin},
    }
    return algos.EncryptionAlgorithm({"algorithm": "pbes2", "parameters": parameters}), there


def _shut_key(der: bytes) -> bytes:
    algorithm, data = _shut(der)
    held = keys.EncryptedPrivateKeyInfo({"encryption_algorithm": algorithm, "encrypted_data": data})
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", held.dump()))


def _shrouded(der: bytes, word: Secret = _WORD) -> Any:
    algorithm, data = _shut(der, word)
    held = keys.EncryptedPrivateKeyInfo({"encryption_algorithm": algorithm, "encrypted_data": data})
    return asn1.SafeBag({"bag_id": "pkcs8_shrouded_key_bag", "bag_value": held, "bag_attributes": []})


def _part(*bags: Any) -> Any:
    return cms.ContentInfo({"content_type": "data", "content": asn1.SafeContents(bags).dump()})


def _usual() -> bytes:
    return pair("gw.example.org").key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _store(der: bytes) -> bytes:
    """A usual one, and that key in a part that is encrypted as a whole."""
    return _hiding({"bag_id": "key_bag", "bag_value": keys.PrivateKeyInfo.load(der), "bag_attributes": []})


def _hiding(bag: Any) -> bytes:
    algorithm, data = _shut(asn1.SafeContents([bag]).dump())
    inner = {"content_type": "data", "content_encryption_algorithm": algorithm, "encrypted_content": data}
    hidden = cms.ContentInfo(
        {"content_type": "encrypted_data", "content": {"version": 0, "encrypted_content_info": inner}}
    )
    parts = asn1.Pfx.load(pkcs12.to_pkcs12(pair("gw.example.org"), _WORD, "tomcat")).authenticated_safe
    return pkcs12._sealed([hidden, *parts], _WORD, "sha256")


@twin("KEY_MODULUS")
@pytest.mark.parametrize(
    "block",
    [pem.armor("PRIVATE KEY", _dsa(most("KEY_MODULUS"))), pem.armor("RSA PRIVATE KEY", _rsa(most("KEY_MODULUS") + 1))],
    ids=["DSA", "RSA"],
)
def test_numbers_of_no_usual_size_are_not_computed_with(block: bytes) -> None:
    with pytest.raises(BadKeys, match=r"the private key has .* at most are used"):
        tls_keys.load_pem(block + _LEAF)
    assert hostkeys.parsed("rsa", block.decode()) is None
    assert hostkeys.parsed("rsa", f"# a remark\n{block.decode()}") is None


@twin("KEY_MODULUS")
def test_nor_those_of_a_store() -> None:
    bag = {"bag_id": "key_bag", "bag_value": keys.PrivateKeyInfo.load(_dsa(most("KEY_MODULUS"))), "bag_attributes": []}
    part = cms.ContentInfo({"content_type": "data", "content": asn1.SafeContents([bag]).dump()})
    with pytest.raises(BadKeys, match="of the kind DSA, 2,200 bytes at most are used"):
        derivation.refuse_costly_store(pkcs12._sealed([part], _WORD, "sha256"))


@twin("KEY_UNSEEN", "KEY_OPENING")
def test_what_is_hidden_by_encryption_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would take half a minute here, and an hour with a few bytes more."""
    monkeypatch.setattr(tried, "_SECONDS", 1)
    der = _dsa(2900)
    for read in (lambda: tls_keys.load_pem(_shut_key(der) + _LEAF, _WORD), lambda: pkcs12.entries(_store(der), _WORD)):
        with pytest.raises(BadKeys, match="does not open within 1 s: a key in it is no usual one"):
            read()


@twin("KEY_OPENING")
def test_rounds_within_what_is_encrypted_are_ended_however_short_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees them before; these take a quarter of a minute."""
    monkeypatch.setattr(tried, "_SECONDS", 1)
    bag = _shrouded(_usual())
    bag["bag_value"]["encryption_algorithm"]["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = (
        1 << 27
    )
    store = _hiding(bag)
    assert len(store) < tried.SHORT
    with pytest.raises(BadKeys, match="does not open within 1 s"):
        pkcs12.entries(store, _WORD)


@twin("KEY_OPENING")
def test_so_is_a_second_key_under_an_empty_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried, "_SECONDS", 2)
    none = Secret("")
    store = pkcs12._sealed([_part(_shrouded(_usual(), none), _shrouded(_dsa(2900), none))], none, "sha256")
    with pytest.raises(BadKeys, match="does not open within 2 s"):
        pkcs12.entries(store, none)


@pytest.fixture(params=["long store", "short store", "key"])
def honest(request: pytest.FixtureRequest) -> Any:
    """Opens what is encrypted and usual, in a process of its own."""
    one = pair("gw.example.org", kind="RSA")
    long = tls_keys.Pair(one.key, one.leaf, (certificate("other", kind="RSA")[0],) * 3)
    if request.param == "key":
        large = load_pem_private_key(rsa_of(4253, 4423), None, unsafe_skip_rsa_key_validation=True)
        der = large.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return lambda: tls_keys.load_pem(_shut_key(der) + _LEAF, _WORD)
    store = pkcs12.to_pkcs12(long if request.param == "long store" else pair("gw.example.org"), _WORD, "x")
    return lambda: pkcs12.entries(store, _WORD)


@pytest.mark.parametrize("end", ["exit 0", "exit 1", "kill -9 $$", "echo '{'; exit 1"])
def test_what_a_process_that_ended_early_did_not_open_is_not_opened_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, honest: Any, end: str
) -> None:
    """The kernel ends it where memory is short."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/given\n{end}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(BadKeys, match="cannot be tried"):
        honest()
    assert (tmp_path / "given").stat().st_size


def test_that_process_looks_for_libraries_where_this_one_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, honest: Any
) -> None:
    """PYTHONPATH, or a folder of the user's own, which Python alone would leave out there."""
    (tmp_path / "cryptography.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadKeys, match="cannot be tried"):
        honest()


def test_a_terminal_interrupts_the_one_that_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, honest: Any) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nps -o sid= -p $$ > {tmp_path}/session\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(BadKeys):
        honest()
    assert int((tmp_path / "session").read_text()) != os.getsid(0)


def test_that_process_ends_where_nobody_is_left_to_end_it() -> None:
    word = _WORD.reveal().encode()
    program = [sys.executable, "-I", "-c", tried._PROGRAM, "store", "2", *sys.path]
    done = subprocess.run(program, input=b"%d\n%b%b" % (len(word), word, _store(_dsa(2900))), check=False)
    assert done.returncode == -signal.SIGALRM


def test_nothing_encrypted_is_opened_a_second_time_here(monkeypatch: pytest.MonkeyPatch, honest: Any) -> None:
    """What took a minute there would take another, deaf to signals."""

    def plain(block: bytes, password: bytes | None, **how: bool) -> Any:
        assert (b"ENCRYPTED" in block, password) == (False, None)
        return load_pem_private_key(block, password, **how)

    monkeypatch.delattr(serialization.pkcs12, "load_pkcs12")
    monkeypatch.setattr(tls_keys, "load_pem_private_key", plain)
    assert honest()


def test_what_is_longer_and_honest_is_opened() -> None:
    """In that process, which hands it back."""
    one = pair("gw.example.org", kind="RSA")
    store = pkcs12.to_pkcs12(tls_keys.Pair(one.key, one.leaf, (certificate("other", kind="RSA")[0],) * 3), _WORD, "x")
    assert len(store) > tried.SHORT
    assert [each.alias for each in pkcs12.entries(store, _WORD)] == ["x"]
    with pytest.raises(BadKeys, match="another password"):
        pkcs12.entries(store, Secret("wrong"))


@twin("ISSUERS")
def test_of_a_thousand_authorities_of_one_name_a_few_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of a signature by a key that was made for it takes 30 ms."""
    tried_by: list[x509.Certificate] = []
    monkeypatch.setattr(chains, "is_issued", lambda upper, lower: bool(tried_by.append(upper)))  # type: ignore[func-returns-value]
    leaf, _ = certificate("gw.example.org", issuer=certificate("One name", ca=True))
    same = [certificate("One name", ca=True)[0] for _ in range(40)]
    assert chains.path_above(leaf, same) == ()
    assert len(tried_by) == most("ISSUERS")
    tried_by.clear()
    chains.check_public(leaf, same, "gw.example.org", NOW)
    assert len(tried_by) <= len(same) * (most("ISSUERS") + 2)
