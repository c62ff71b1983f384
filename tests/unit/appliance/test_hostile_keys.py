"""A key, store, or certificate of a hostile machine costs little, and ends as a plain error."""

import cProfile
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from asn1crypto import algos, cms, core, keys, pem
from asn1crypto import pkcs12 as asn1
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from hypervisors import Secret
from tests.unit.appliance.small_ca import NOW, certificate, pair, rsa_of
from vmmigrate.alone import tls_show
from vmmigrate.appliance.tls.certificates import MOST, from_der
from vmmigrate.appliance.tls.chains import names_of
from vmmigrate.appliance.tls.derivation import LARGEST_KEY, MOST_ROUNDS
from vmmigrate.appliance.tls.handshake import Served
from vmmigrate.appliance.tls.keys import certificates_pem, key_pem, load_certificates, load_pem, load_pem_chains, to_pem
from vmmigrate.appliance.tls.magnitude import refuse_large
from vmmigrate.appliance.tls.pem import blocks
from vmmigrate.appliance.tls.pkcs12 import _sealed, entries, others, to_pkcs12
from vmmigrate.errors import BadKeys

_WORD = Secret("changeit")


def _shut(change: Callable[[Any], None]) -> bytes:
    """A pair whose key's encryption is changed: what it says of itself, not how it is encrypted."""
    made = pair("gw.example.org")
    _, _, der = pem.unarmor(key_pem(made, _WORD))
    info = keys.EncryptedPrivateKeyInfo.load(der)
    change(info["encryption_algorithm"])
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", info.dump(force=True))) + certificates_pem(made)


@pytest.mark.parametrize("rounds", [2**31 - 1, 2**62, MOST_ROUNDS + 1, -5])
def test_a_key_of_too_many_rounds_is_not_opened(rounds: int) -> None:
    def change(algorithm: Any) -> None:
        algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = rounds

    with pytest.raises(BadKeys, match="rounds of key derivation"):
        load_pem(_shut(change), _WORD)


class _Scrypt(algos.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("salt", algos.OctetString),
        ("cost", algos.Integer),
        ("block", algos.Integer),
        ("parallel", algos.Integer),
    ]


@pytest.mark.parametrize(
    ("cost", "block", "parallel", "said"),
    [(2**20, 32, 1, "4096 MiB"), (2**40, 8, 1, "MiB"), (2**14, 8, 2**20, "rounds of key derivation")],
)
def test_a_key_of_too_much_memory_is_not_opened(cost: int, block: int, parallel: int, said: str) -> None:
    def change(algorithm: Any) -> None:
        derivation = algos.KdfAlgorithm({"algorithm": "1.3.6.1.4.1.11591.4.11"})
        derivation["parameters"] = _Scrypt({"salt": b"12345678", "cost": cost, "block": block, "parallel": parallel})
        algorithm["parameters"]["key_derivation_func"] = derivation

    with pytest.raises(BadKeys, match=said):
        load_pem(_shut(change), _WORD)


def test_keys_as_they_are_usually_encrypted_are_opened() -> None:
    made = pair("gw.example.org")
    older = made.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"changeit"))
    for text in (key_pem(made, _WORD), older, _by_scrypt(key_pem(made))):
        assert load_pem(text + certificates_pem(made), _WORD).leaf == made.leaf


def _by_scrypt(key: bytes) -> bytes:
    """As `openssl pkcs8 -topk8 -scrypt` writes it."""
    made = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-scrypt", "-passout", "pass:changeit"],
        input=key,
        capture_output=True,
        check=True,
    )
    return made.stdout


@pytest.mark.parametrize("where", ["mac", "key", "part"])
def test_a_store_of_too_many_rounds_is_not_opened(where: str) -> None:
    store = asn1.Pfx.load(to_pkcs12(pair("gw.example.org"), _WORD, "tomcat"))
    safe = store.authenticated_safe
    if where == "mac":
        store["mac_data"]["iterations"] = 2**31 - 1
    for part in safe:
        if where == "part" and part["content_type"].native == "encrypted_data":
            algorithm = part["content"]["encrypted_content_info"]["content_encryption_algorithm"]
            algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = 2**31 - 1
        if where == "key" and part["content_type"].native == "data":
            bags = asn1.SafeContents.load(part["content"].native)
            algorithm = bags[0]["bag_value"]["encryption_algorithm"]
            algorithm["parameters"]["key_derivation_func"]["parameters"]["iteration_count"] = 2**31 - 1
            part["content"] = bags.dump(force=True)
    store["auth_safe"]["content"] = safe.dump(force=True)
    with pytest.raises(BadKeys, match="rounds of key derivation"):
        entries(store.dump(force=True), _WORD)


@pytest.mark.parametrize("data", [b"\x30\x80" * 5000, b"0", b"\x30\x84\xff\xff\xff\xff", b"\xff" * 99])
def test_what_is_no_store_is_refused(data: bytes) -> None:
    with pytest.raises(BadKeys, match="does not open"):
        entries(data, _WORD)


def test_a_text_of_beginnings_is_read_once() -> None:
    def steps(lines: int) -> int:
        counting = cProfile.Profile()
        counting.runcall(blocks, b"-----BEGIN CERTIFICATE-----\n" * lines + b"-----END PRIVATE KEY-----\n" * lines)
        return sum(entry.callcount for entry in counting.getstats())

    assert steps(400) < 2.2 * steps(200)
    assert blocks(b"-----BEGIN CERTIFICATE-----\n" * 50_000) == []


def test_a_block_ends_at_the_next_end_of_its_kind() -> None:
    text = b"-----BEGIN EC PRIVATE KEY-----\nx\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
    assert blocks(text) == [b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"]
    whole = text + b"-----END EC PRIVATE KEY-----"
    assert blocks(whole) == [whole]


def test_more_certificates_than_a_chain_has_are_not_read() -> None:
    one = certificate("x")[0].public_bytes(Encoding.PEM)
    assert len(load_certificates(one * 400)) == 400
    with pytest.raises(BadKeys, match=f"holds {MOST + 1} certificates"):
        load_certificates(one * (MOST + 1))


def test_more_keys_than_a_server_serves_are_not_read() -> None:
    with pytest.raises(BadKeys, match="holds 21 private keys"):
        load_pem_chains(to_pem(pair("gw.example.org")) * 21)


def test_a_key_of_no_usual_size_is_not_read() -> None:
    """Checking its primes took minutes."""
    text = b"-----BEGIN PRIVATE KEY-----\n" + b"A" * LARGEST_KEY + b"\n-----END PRIVATE KEY-----\n"
    with pytest.raises(BadKeys, match="at most are read"):
        load_pem(text)


def test_a_large_key_is_proved_by_one_signature() -> None:
    """Mersenne primes; the library's own check of such a key takes ten seconds."""
    made = rsa_of(4253, 4423)
    cert = certificate("gw.example.org")[0].public_bytes(Encoding.PEM)
    assert load_pem(made + cert).key.key_size == 8676  # type: ignore[union-attr]


def test_an_rsa_key_whose_parts_do_not_fit_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    broken = keys.RSAPrivateKey.load(der)
    broken["exponent1"] = broken["exponent1"].native ^ 2
    broken["private_exponent"] = broken["private_exponent"].native ^ 2
    cert = certificate("gw.example.org")[0].public_bytes(Encoding.PEM)
    with pytest.raises(BadKeys, match="damaged"):
        load_pem(pem.armor("RSA PRIVATE KEY", broken.dump(force=True)) + cert)


def _broken(key: rsa.RSAPrivateKey) -> bytes:
    """In PKCS#8, with parts that do not fit each other."""
    held = keys.RSAPrivateKey.load(key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    held["exponent1"] = held["exponent1"].native ^ 2
    held["private_exponent"] = held["private_exponent"].native ^ 2
    return bytes(keys.PrivateKeyInfo.wrap(held, "rsa").dump(force=True))


def test_a_second_key_of_a_store_whose_parts_do_not_fit_is_said_to_be_damaged() -> None:
    first, broken = pair("gw.example.org"), _broken(rsa.generate_private_key(65537, 2048))
    whole = first.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    bags = [
        {"bag_id": "key_bag", "bag_value": keys.PrivateKeyInfo.load(each), "bag_attributes": []}
        for each in (whole, broken)
    ]
    part = cms.ContentInfo({"content_type": "data", "content": asn1.SafeContents(bags).dump()})
    with pytest.raises(BadKeys, match="a private key in the PKCS#12 store is damaged: its parts do not fit"):
        entries(_sealed([part], _WORD, "sha256"), _WORD)


HALF = Secret("secret\ud83d")  # of a surrogate pair


@pytest.mark.parametrize(
    "use",
    [
        lambda: entries(to_pkcs12(pair(), _WORD, "x"), HALF),
        lambda: entries(to_pkcs12(replace(pair(kind="RSA"), chain=(pair().leaf,) * 8), _WORD, "x"), HALF),
        lambda: others(to_pkcs12(pair(), _WORD, "x"), HALF),
        lambda: load_pem(key_pem(pair(), _WORD) + certificates_pem(pair()), HALF),
        lambda: to_pkcs12(pair(), HALF, "x"),
        lambda: key_pem(pair(), HALF),
    ],
    ids=["short store", "long store", "others", "key", "store that is written", "key that is written"],
)
def test_a_password_that_is_no_text_opens_nothing(use: Callable[[], object]) -> None:
    with pytest.raises(BadKeys, match="half of a surrogate pair") as refused:
        use()
    assert "d83d" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("level", [17, 18, 19])
def test_a_key_of_ml_dsa_is_not_called_too_large(level: int) -> None:
    """OpenSSL 3.5 writes it with its expanded form, which is read and not computed."""
    algorithm = core.ObjectIdentifier(f"2.16.840.1.101.3.4.3.{level}").dump()
    inside = b"\x02\x01\x00\x30" + bytes([len(algorithm)]) + algorithm + b"\x04\x82\x13\x20" + b"\0" * 0x1320
    der = b"\x30\x82" + len(inside).to_bytes(2, "big") + inside
    refuse_large(der)


def test_a_usual_one_is_read() -> None:
    mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa", reason="cryptography is older")
    der = mldsa.MLDSA65PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cert = certificate("gw.example.org")[0].public_bytes(Encoding.PEM)
    assert isinstance(load_pem(pem.armor("PRIVATE KEY", der) + cert).key, mldsa.MLDSA65PrivateKey)


def test_one_of_an_unknown_kind_is() -> None:
    inside = b"\x02\x01\x00\x30\x05\x06\x03\x2a\x03\x04\x04\x82\x13\x20" + b"\0" * 0x1320
    with pytest.raises(BadKeys, match=r"of the kind 1\.2\.3\.4, 2,200 bytes at most"):
        refuse_large(b"\x30\x82" + len(inside).to_bytes(2, "big") + inside)


def _damaged(change: str) -> bytes:
    der = certificate("gw.example.org", names=("gw.example.org",))[0].public_bytes(Encoding.DER)
    found = asn1_x509.Certificate.load(der)
    inner = found["tbs_certificate"]
    if change == "version":
        return der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")
    when = inner["validity"]["not_after"].chosen.contents
    return {
        "month": der.replace(when, when[:2] + b"13" + when[4:]),
        "key": der.replace(b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x7f"),
        "name": der.replace(b"\x0c\x0egw.example.org", b"\x0c\x0egw.\xff\xfeample.org", 2),
    }[change]


@pytest.mark.parametrize("change", ["version", "month", "key", "name"])
def test_a_damaged_certificate_cannot_be_read(change: str) -> None:
    with pytest.raises(BadKeys):
        from_der(_damaged(change))


def _with_serial(number: int) -> bytes:
    """In PEM."""
    info = asn1_x509.Certificate.load(pair().leaf.public_bytes(Encoding.DER))
    info["tbs_certificate"]["serial_number"] = number
    return bytes(pem.armor("CERTIFICATE", info.dump(force=True)))


def _in_ber(store: bytes) -> bytes:
    """Of a length that is not given."""
    return b"\x30\x80" + store[2 + (store[1] & 0x7F) :] + b"\0\0"


@pytest.mark.parametrize(
    "read",
    [
        lambda: load_certificates(_with_serial(0)),
        lambda: load_certificates(_with_serial(-7)),
        lambda: load_certificates(_with_serial(0).replace(b" CERT", b" TRUSTED CERT")),
        lambda: entries(_in_ber(to_pkcs12(pair(), _WORD, "x")), _WORD),
    ],
)
def test_what_a_library_warns_of_is_not_printed(read: Callable[[], object]) -> None:
    """Python would print it among our own lines, with a line of our source."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read()


def test_names_that_cannot_be_read_are_none() -> None:
    der = certificate("gw.example.org", names=("gw.example.org",))[0].public_bytes(Encoding.DER)
    odd = x509.load_der_x509_certificate(der.replace(b"\x82\x0egw.example.org", b"\x85\x0egw.example.org"))
    assert names_of(odd) == ["gw.example.org"]  # its common name


def test_a_port_that_shows_one_is_shown_with_the_reason() -> None:
    fine = certificate("gw.example.org", names=("gw.example.org",))[0].public_bytes(Encoding.DER)
    for chain in ((_damaged("version"),), (fine, _damaged("month"))):
        seen = tls_show._read("gw.example.org", tls_show.Port(25, True), iter((Served(chain),)), NOW)
        assert seen.closed.startswith("a certificate cannot be read")
