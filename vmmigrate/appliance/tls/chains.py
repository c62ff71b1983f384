"""Certificates above a leaf: what is missing, misplaced, expired or for another name, and its repair."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from vmmigrate.appliance.tls.keys import Pair, belongs
from vmmigrate.findings import Finding, error, warning
from vmmigrate.limits import CHAIN, ISSUERS

_SOON = timedelta(days=30)
_HIGHEST = CHAIN.most
_OF_A_NAME = ISSUERS.most


def check(pair: Pair, host: str, now: datetime) -> tuple[Finding, ...]:
    """Key and leaf, chain, dates, name; `now` with a time zone. () if all is well."""
    return (*_key_findings(pair), *check_public(pair.leaf, pair.chain, host, now))


def check_public(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], host: str, now: datetime
) -> tuple[Finding, ...]:
    """As `check`, but without the private key."""
    shown = (leaf, *chain)
    return (*_chain_findings(leaf, chain), *_date_findings(shown, now), *_name_findings(leaf, host))


def completed(pair: Pair, pool: Iterable[x509.Certificate]) -> tuple[Pair, tuple[Finding, ...]]:
    """The chain from the leaf upwards; a missing intermediate is taken from `pool`, a root never is.

    What does not belong to the path stays behind it, as it was: it does no harm, and may be a cross-signed one.
    """
    known = (*pair.chain, *(cert for cert in pool if not is_self_signed(cert)))
    path = path_above(pair.leaf, known)
    once = tuple(cert for cert in dict.fromkeys(pair.chain) if cert != pair.leaf)
    chain = (*path, *(cert for cert in once if cert not in path))
    added = [name_of(cert.subject) for cert in path if cert not in pair.chain]
    if added:
        text = f"the chain of {name_of(pair.leaf.subject)} lacks {', '.join(added)}: taken from another pair's chain"
        finding = warning("tls-chain-completed", text, "nothing: the new appliance sends it")
    elif once != pair.chain and chain == once:
        text = f"the chain of {name_of(pair.leaf.subject)} has a certificate twice: copied once"
        finding = warning("tls-chain-repeated", text, "nothing: the new appliance sends each once")
    elif chain != pair.chain:
        text = f"the chain of {name_of(pair.leaf.subject)} is out of order: put in order"
        finding = warning("tls-chain-ordered", text, "nothing: the new appliance sends it in order")
    else:
        return pair, ()
    return replace(pair, chain=chain), (finding,)


def path_above(leaf: x509.Certificate, known: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The issuers of `leaf` among `known`, nearest first, each once."""
    path: list[x509.Certificate] = []
    lower = leaf
    while len(path) < _HIGHEST and not is_self_signed(lower):
        upper = _issuer((cert for cert in known if cert not in (leaf, *path)), lower)
        if upper is None:
            break
        path.append(upper)
        lower = upper
    return tuple(path)


def _issuer(known: Iterable[x509.Certificate], lower: x509.Certificate) -> x509.Certificate | None:
    """The first that issued it. Only a few of its issuer's name are tried."""
    named = islice((cert for cert in known if cert.subject == lower.issuer), _OF_A_NAME)
    return next((cert for cert in named if is_issued(cert, lower)), None)


@lru_cache(maxsize=1 << 12)  # the same are asked about for each pair and port
def is_issued(upper: x509.Certificate, lower: x509.Certificate) -> bool:
    """Name and signature; not its dates."""
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_self_signed(cert: x509.Certificate) -> bool:
    return cert.issuer == cert.subject and is_issued(cert, cert)


def names_of(cert: x509.Certificate) -> list[str]:
    """Subject alternative names; if there are none, or none that can be read, the common name, as old clients do."""
    try:
        extension = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return [str(a.value) for a in cert.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    addresses = extension.get_values_for_type(x509.IPAddress)
    return [*extension.get_values_for_type(x509.DNSName), *map(str, addresses)]


def name_of(name: x509.Name) -> str:
    """The common name in quotes, or the whole name if there is none."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else repr(name.rfc4514_string())


def _key_findings(pair: Pair) -> Iterator[Finding]:
    if not belongs(pair.key, pair.leaf):
        yield error(
            "tls-key-mismatch",
            f"the private key does not belong to the certificate {name_of(pair.leaf.subject)}",
            "put the matching key beside the certificate on the old appliance",
        )


def _chain_findings(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> Iterator[Finding]:
    if not chain and not is_issued(leaf, leaf):
        yield warning(
            "tls-chain-missing",
            f"no intermediate certificate is sent with {name_of(leaf.subject)}, issued by {name_of(leaf.issuer)}",
            "append the issuer's certificate if clients do not have it",
        )
    for lower, upper in zip((leaf, *chain), chain, strict=False):
        if not is_issued(upper, lower):
            yield _broken(chain, lower, upper)


def _broken(chain: Sequence[x509.Certificate], lower: x509.Certificate, upper: x509.Certificate) -> Finding:
    if _issuer((other for other in chain if other != lower), lower):
        return warning(
            "tls-chain-order",
            f"the chain is out of order: {name_of(upper.subject)} follows {name_of(lower.subject)}, "
            "which another one issued",
            "order it from the leaf upwards",
        )
    return warning(
        "tls-chain-broken",
        f"the chain is broken: {name_of(lower.subject)} is not issued by {name_of(upper.subject)}",
        "replace the intermediate certificates by the issuer's current ones",
    )


def _date_findings(shown: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for cert in shown:
        begin, end = cert.not_valid_before_utc, cert.not_valid_after_utc
        if now > end:
            yield _date_finding("tls-expired", cert, f"expired on {end:%Y-%m-%d}")
        elif now < begin:
            yield _date_finding("tls-not-yet-valid", cert, f"is valid from {begin:%Y-%m-%d} only")
        elif end - now < _SOON:
            yield _date_finding("tls-expires-soon", cert, f"expires on {end:%Y-%m-%d}")


def _date_finding(identity: str, cert: x509.Certificate, text: str) -> Finding:
    return warning(identity, f"the certificate {name_of(cert.subject)} {text}", "renew it")


def _name_findings(leaf: x509.Certificate, host: str) -> Iterator[Finding]:
    names = names_of(leaf)
    if not any(_matches(name, host) for name in names):
        yield warning(
            "tls-name-mismatch",
            f"the certificate is for {', '.join(names) or 'no name'}, not for {host}",
            "clients that check names refuse it, as they did before: renew it with that name",
        )


def _matches(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and "." in host and name[2:] == host.split(".", 1)[1])
