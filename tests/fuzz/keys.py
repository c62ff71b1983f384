"""Keys and certificates: PEM, PKCS#12, what a port shows; and the bundle that a run keeps."""

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from hypervisors import Secret
from tests.fuzz.parser import Parser
from tests.unit.appliance.small_ca import NOW, pair
from vmmigrate.alone import tls_show
from vmmigrate.appliance.tls import certificates, chains, keys, pkcs12
from vmmigrate.appliance.tls.bundle import TlsBundle
from vmmigrate.appliance.tls.handshake import Served

_WORD = Secret("djigzo")
_SHAPES = Path(__file__).parents[1] / "unit" / "appliance" / "shapes"


def _pem(data: bytes) -> object:
    keys.holds_key(data)
    made = keys.load_pem(data, _WORD)
    chains.check(made, "gw.example.org", NOW)
    chains.completed(made, made.chain)
    return keys.to_pem(made)


def _chains(data: bytes) -> object:
    return [chains.check(each, "gw.example.org", NOW) for each in keys.load_pem_chains(data)]


def _certificates(data: bytes) -> object:
    found = keys.load_certificates(data)
    return [(chains.names_of(each), chains.is_self_signed(each)) for each in found]


def _store(data: bytes) -> object:
    held = pkcs12.entries(data, _WORD)
    return [chains.check(each.pair, "gw.example.org", NOW) for each in held if each.pair]


def _shown(data: bytes) -> object:
    certificates.from_der(data)
    return tls_show._shown("gw.example.org", Served((data,)), NOW)


def _kept(data: bytes) -> object:
    return TlsBundle.from_bytes(data)


def _pems() -> Iterator[bytes]:
    made = pair("gw.example.org")
    yield keys.to_pem(made)
    yield keys.key_pem(made, _WORD) + keys.certificates_pem(made)
    yield from (path.read_bytes() for path in sorted(_SHAPES.glob("*.pem")))


def _stores() -> Iterator[bytes]:
    yield pkcs12.to_pkcs12(pair("gw.example.org"), _WORD, "tomcat")
    yield from (path.read_bytes() for path in sorted(_SHAPES.glob("*.p12")))
    yield b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1" + bytes(60)  # Java's own


PARSERS = (
    Parser("pem", _pem, _pems),
    Parser("pem-chains", _chains, _pems),
    Parser("certificates", _certificates, _pems),
    Parser("pkcs12", _store, _stores),
    Parser("certificate", _shown, lambda: (pair("gw.example.org").leaf.public_bytes(Encoding.DER),)),
    Parser("bundle", _kept, lambda: (TlsBundle({"web": (pair("gw.example.org"),)}).to_bytes(),)),
)
