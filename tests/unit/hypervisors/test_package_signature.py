"""Signed packages: believed where the signature holds and an authority of the operator's vouches for the signer."""

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from small_ova import members, write_folder, write_ova

from hypervisors import BadImage, Problem, identify_image, no_progress

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Holder = tuple[x509.Certificate, Key]
NOW = datetime.now(UTC)
LEAVE_OUT = "leave image.ca_file out to deploy it unverified"


def holder(
    name: str, issuer: Holder | None = None, *, key: Key | None = None, days: int = 30, **constraints: object
) -> Holder:
    """A certificate and its key, valid since a month; self-signed without an issuer."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    upper, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    given = {"ca": False, "path_length": None, **constraints}
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=upper, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(**given), critical=True)  # type: ignore[arg-type]
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
    )
    return builder.sign(signing, hashes.SHA256()), key


@pytest.fixture(scope="module")
def root() -> Holder:
    return holder("Root", ca=True)


def certificate(signer: Holder, *between: Holder, signed: bytes | None = None, algorithm: str = "SHA256") -> bytes:
    """The .cert: the signature over the manifest, the signer's certificate, those between."""
    text = members()["mailgw.mf"] if signed is None else signed
    key, digest = signer[1], {"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256(), "SHA512": hashes.SHA512()}[algorithm]  # noqa: S303
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text, padding.PKCS1v15(), digest)
    else:
        signature = key.sign(text, ec.ECDSA(digest))
    pem = b"".join(each[0].public_bytes(Encoding.PEM) for each in (signer, *between))
    return f"{algorithm}(mailgw.mf)= {signature.hex()}\n".encode() + pem


def ova(folder: Path, cert: bytes) -> Path:
    return write_ova(folder / "x.ova", {**members(), "mailgw.cert": cert})


def ca_file(folder: Path, *authorities: Holder) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(b"".join(each[0].public_bytes(Encoding.PEM) for each in authorities))
    return path


def trust(path: Path, authorities: Path) -> str:
    return identify_image(path, no_progress, ca_file=authorities).remarks[0]


class TestBelieved:
    @pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
    def test_an_rsa_signer_below_an_intermediate(self, tmp_path: Path, root: Holder, algorithm: str) -> None:
        middle = holder("Middle", root, ca=True, path_length=0)
        signer = holder("Publisher", middle, key=rsa.generate_private_key(65537, 2048))
        path = ova(tmp_path, certificate(signer, middle, algorithm=algorithm))
        assert trust(path, ca_file(tmp_path, root)) == "its manifest is signed by CN=Publisher, and agrees"

    def test_a_signer_beside_its_ovf(self, tmp_path: Path, root: Holder) -> None:
        path = write_folder(tmp_path, {**members(), "mailgw.cert": certificate(holder("Publisher", root))})
        assert trust(path, ca_file(tmp_path, root)) == "its manifest is signed by CN=Publisher, and agrees"

    def test_a_signer_that_is_named_itself(self, tmp_path: Path) -> None:
        signer = holder("Publisher")
        assert "CN=Publisher" in trust(ova(tmp_path, certificate(signer)), ca_file(tmp_path, signer))

    def test_a_serial_number_of_0_is_no_warning_on_the_screen(self, tmp_path: Path, root: Holder) -> None:
        info = asn1_x509.Certificate.load(root[0].public_bytes(Encoding.DER))
        info["tbs_certificate"]["serial_number"] = 0
        authorities = ca_file(tmp_path, root)
        authorities.write_bytes(pem.armor("CERTIFICATE", info.dump(force=True)) + authorities.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert "CN=Publisher" in trust(ova(tmp_path, certificate(holder("Publisher", root))), authorities)

    def test_nobody_asks_without_a_ca_file(self, tmp_path: Path) -> None:
        image = identify_image(ova(tmp_path, b"nonsense"), no_progress)
        assert image.remarks[0] == "its manifest (SHA256) agrees; its signature was not checked"


def _stranger(root: Holder) -> bytes:
    return certificate(holder("Publisher", holder("Root", ca=True)))


def _self_made(root: Holder) -> bytes:
    return certificate(holder("Publisher"))


def _no_authority(root: Holder) -> bytes:
    middle = holder("Middle", root)
    return certificate(holder("Publisher", middle), middle)


def _too_deep(root: Holder) -> bytes:
    upper = holder("Upper", root, ca=True, path_length=0)
    lower = holder("Lower", upper, ca=True)
    return certificate(holder("Publisher", lower), lower, upper)


def _expired(root: Holder) -> bytes:
    return certificate(holder("Publisher", root, days=-1))


def _unsigned_middle(root: Holder) -> bytes:
    middle = holder("Middle", root, ca=True, days=-1)
    return certificate(holder("Publisher", middle), middle)


ISSUED_BY_NOBODY = "the certificate of CN={} was not issued by an authority in image.ca_file"
NOT_BELIEVED = [
    (_stranger, ISSUED_BY_NOBODY.format("Publisher")),
    (_self_made, ISSUED_BY_NOBODY.format("Publisher")),
    (_no_authority, ISSUED_BY_NOBODY.format("Publisher")),
    (_too_deep, ISSUED_BY_NOBODY.format("Lower")),
    (_expired, f"the certificate of CN=Publisher expired on {NOW - timedelta(days=1):%Y-%m-%d}"),
    (_unsigned_middle, f"the certificate of CN=Middle expired on {NOW - timedelta(days=1):%Y-%m-%d}"),
]


@pytest.mark.parametrize(("make", "reason"), NOT_BELIEVED)
def test_signers_that_are_not_believed(
    tmp_path: Path, root: Holder, make: Callable[[Holder], bytes], reason: str
) -> None:
    path = ova(tmp_path, make(root))
    with pytest.raises(BadImage) as caught:
        trust(path, ca_file(tmp_path, root))
    assert str(caught.value) == f"mailgw.cert in {path} is signed, but not trusted: {reason}"
    assert caught.value.hint.endswith(LEAVE_OUT)


def _of_another_manifest(root: Holder) -> bytes:
    return certificate(holder("Publisher", root), signed=b"another")


def _of_another_kind(root: Holder) -> bytes:
    own = ed25519.Ed25519PrivateKey.generate()
    signer = holder("Publisher", root, key=own)  # type: ignore[arg-type]
    pem = signer[0].public_bytes(Encoding.PEM)
    return b"SHA256(mailgw.mf)= " + own.sign(members()["mailgw.mf"]).hex().encode() + b"\n" + pem


NO_SIGNATURE = "is not a valid signature of its manifest: one of the two was changed"
BROKEN = [
    (_of_another_manifest, NO_SIGNATURE),
    (_of_another_kind, NO_SIGNATURE),
    (lambda root: b"SHA256(mailgw.mf)= 00ff\n", "is damaged: it contains no certificate"),
    (lambda root: root[0].public_bytes(Encoding.PEM), "is damaged: it has no line with a supported signature"),
    (
        lambda root: b"MD5(m)= 00\n" + root[0].public_bytes(Encoding.PEM),
        "is damaged: it has no line with a supported signature",
    ),
    (
        lambda root: b"SHA1(m)= 0\n" + root[0].public_bytes(Encoding.PEM),
        "is damaged: it has no line with a supported signature",
    ),
    (lambda root: bytes(2 << 20), "has 2 MiB"),
]


@pytest.mark.parametrize(("make", "message"), BROKEN)
def test_what_is_no_signature(tmp_path: Path, root: Holder, make: Callable[[Holder], bytes], message: str) -> None:
    path = ova(tmp_path, make(root))
    with pytest.raises(BadImage) as caught:
        trust(path, ca_file(tmp_path, root))
    assert str(caught.value).startswith(f"mailgw.cert in {path} {message}")
    assert caught.value.hint


@pytest.mark.parametrize("left_out", ["mailgw.cert", "mailgw.mf"])
def test_what_is_not_signed_where_that_is_asked_for(tmp_path: Path, root: Holder, left_out: str) -> None:
    files = {**members(), "mailgw.cert": certificate(holder("Publisher", root))}
    del files[left_out]
    path = write_ova(tmp_path / "x.ova", files)
    with pytest.raises(BadImage) as caught:
        trust(path, ca_file(tmp_path, root))
    assert str(caught.value) == f"{path} is not signed: it has no manifest with a certificate (.mf, .cert)"


def test_a_disk_alone_is_not_signed(tmp_path: Path, root: Holder) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(510) + b"\x55\xaa")
    with pytest.raises(BadImage, match="is only a disk image, which has no signature"):
        trust(path, ca_file(tmp_path, root))


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_ca_file_that_is_none(tmp_path: Path, root: Holder, content: bytes | None) -> None:
    authorities = tmp_path / "ca.pem"
    if content is not None:
        authorities.write_bytes(content)
    with pytest.raises(Problem) as caught:
        trust(ova(tmp_path, certificate(holder("Publisher", root))), authorities)
    assert str(authorities) in str(caught.value)
    assert caught.value.hint.startswith("image.ca_file names a PEM file")
