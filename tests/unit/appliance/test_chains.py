"""What is said of a pair, and which chains are mended: each defect is one finding."""

import dataclasses
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from small_ca import NOW, authority, certificate, pair

from vmmigrate.appliance.tls.chains import check, completed, names_of
from vmmigrate.appliance.tls.keys import Pair

HOST = "mailgw.example.test"


def findings(subject: Pair, host: str = HOST) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in check(subject, host, NOW)]


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


def test_a_missing_intermediate_comes_from_another_pair() -> None:
    middle = authority()[0]
    whole, lacking = pair(issuer=middle), dataclasses.replace(pair(issuer=middle), chain=())
    better, said = completed(lacking, whole.chain)
    assert better.chain == (middle[0],)
    assert [finding.id for finding in said] == ["tls-chain-completed"]
    assert said[0].seen == "the chain of 'mailgw.example.test' lacks 'Intermediate': taken from another pair's chain"
    assert findings(better) == []


def test_a_misordered_chain_is_put_in_order() -> None:
    middle, root = authority()
    better, said = completed(dataclasses.replace(pair(issuer=middle), chain=(root[0], middle[0])), ())
    assert better.chain == (middle[0], root[0])
    assert [finding.id for finding in said] == ["tls-chain-ordered"]
    assert findings(better) == []


def test_a_root_is_never_added() -> None:
    middle, root = authority()
    whole = pair(issuer=middle)
    assert completed(whole, (root[0],)) == (whole, ())


def test_what_does_not_belong_stays_behind_the_path() -> None:
    middle, stranger = authority()[0], certificate("Stranger", ca=True)[0]
    better, _ = completed(dataclasses.replace(pair(issuer=middle), chain=(stranger, middle[0])), ())
    assert better.chain == (middle[0], stranger)


def test_what_nobody_has_is_not_mended() -> None:
    lacking = dataclasses.replace(pair(), chain=())
    assert completed(lacking, pair().chain) == (lacking, ())
    assert findings(lacking) == [("tls-chain-missing", "warning")]


def test_a_name_that_cannot_be_read_is_no_name() -> None:
    """Some appliance's own certificate has it so; `tls show` is for looking at such."""
    key = ec.generate_private_key(ec.SECP256R1())
    broken = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x05\x00")
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, NOW, NOW + timedelta(days=90))
        .add_extension(broken, critical=False)
        .sign(key, hashes.SHA256())
    )
    assert names_of(made) == ["gw"]
