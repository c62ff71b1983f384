"""What Postfix names for TLS beside its servers' own pairs: maps, client pairs, authorities. Reported, not copied."""

from collections.abc import Iterator, Mapping

from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.postconf import expanded, is_yes
from vmmigrate.findings import Finding, warning

_SNI = ("tls_server_sni_maps",)
_CLIENT = tuple(
    f"{program}_tls_{name}"
    for program in ("smtp", "lmtp", "tlsproxy_client")
    for name in ("chain_files", "cert_file", "eccert_file", "dcert_file")
)
_TRUSTED = tuple(f"{program}_tls_{name}" for program in ("smtpd", "smtp", "lmtp") for name in ("CAfile", "CApath"))
_TRUSTED += ("relay_clientcerts", "smtp_tls_trust_anchor_file")
_ASKING = ("smtpd_tls_ask_ccert", "smtpd_tls_req_ccert")
_SYSTEM = ("/etc/ssl/certs", "/etc/pki/tls", "/etc/pki/ca-trust", "/usr/share/ca-certificates")

_REMEDY = "copy the files and the parameter to the new appliance manually if they are still needed"

Overrides = Mapping[str, Mapping[str, str]]


def beside(shell: Shell, main: Mapping[str, str], overrides: Overrides) -> tuple[Finding, ...]:
    """Of main.cf, and of each service of master.cf that says otherwise."""
    found = dict.fromkeys(_instances(main))
    for service, over in {"": {}, **overrides}.items():
        if not service or over.keys() & {*_SNI, *_CLIENT, *_TRUSTED, *_ASKING}:
            found |= dict.fromkeys(_of(shell, {**main, **over}, over or main))
    return tuple(found)


def _instances(main: Mapping[str, str]) -> Iterator[Finding]:
    """Of multi_instance_directories(5): each has a main.cf and a master.cf of its own."""
    if folders := main.get("multi_instance_directories", "").strip():
        yield warning(
            "tls-other-postfix",
            f"multi_instance_directories = {folders}: further instances of Postfix are not looked at, neither their"
            " pairs nor their ports",
            "set them up on the new appliance manually if they are still needed",
        )


def _of(shell: Shell, values: Mapping[str, str], said: Mapping[str, str]) -> Iterator[Finding]:
    asks = any(is_yes(expanded(shell, values, values.get(name, ""))) for name in _ASKING)
    for name in (*_SNI, *_CLIENT, *_TRUSTED):
        value = expanded(shell, values, said.get(name, "")).strip()
        if not value or value.lower() == "none":
            continue
        if name in _SNI:
            yield warning("tls-sni-map", f"{name} = {value}: the pairs for other names are not copied", _REMEDY)
        elif name in _CLIENT:
            yield warning(
                "tls-client-pair", f"{name} = {value}: the pair of Postfix as a client is not copied", _REMEDY
            )
        elif not value.startswith(_SYSTEM) and (asks or not name.startswith("smtpd_")):
            yield warning("tls-authorities", f"{name} = {value}: what Postfix trusts is not copied", _REMEDY)
