"""Whether a gateway shows what its files hold: a service may not have read them again, or another be in front."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from hypervisors import Dial, Unreachable
from vmmigrate.appliance.tls.bundle import TlsBundle
from vmmigrate.appliance.tls.certificates import from_der
from vmmigrate.appliance.tls.chains import name_of
from vmmigrate.appliance.tls.handshake import STARTTLS_PORTS, TLS_PORTS, Served, served
from vmmigrate.errors import BadKeys
from vmmigrate.findings import Finding, warning
from vmmigrate.limits.seconds import TLS_SEEN

_PATIENCE = TLS_SEEN.most


def otherwise(host: str, bundle: TlsBundle, dial: Dial) -> tuple[Finding, ...]:
    """A warning for each port that shows a leaf which is in none of the pairs. A port that does not answer is none."""
    known = {leaf for leaves in bundle.fingerprints.values() for leaf in leaves}

    def look(port: int) -> Served | None:
        with suppress(Unreachable):
            return served(host, port, starttls=port in STARTTLS_PORTS, timeout=_PATIENCE, dial=dial)
        return None

    with ThreadPoolExecutor(len(TLS_PORTS)) as pool:
        seen = zip(TLS_PORTS, pool.map(look, TLS_PORTS), strict=True)
        return tuple(_other(port, shown) for port, shown in seen if shown and shown.fingerprint not in known)


def _other(port: int, shown: Served) -> Finding:
    return warning(
        "tls-shown-otherwise",
        f"port {port} shows a certificate that is in no file of Postfix's or Tomcat's: {_called(shown)},"
        f" SHA-256 {shown.fingerprint}",
        "where it was renewed, restart the service and plan again: the new appliance gets what the files hold; where"
        " another program ends TLS there, copy its pair manually",
    )


def _called(shown: Served) -> str:
    with suppress(BadKeys):
        return name_of(from_der(shown.chain[0]).subject)
    return "one that cannot be read"
