"""What a gateway would serve is what is collected, in shapes as real ones have them; what is not carried is named."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scripted_gateway import DEBIAN, MASTER, Gateway, connector
from small_ca import authority, certificate, pair

from fixtures.appliance import ca
from vmmigrate.appliance.tls.bundle import TlsBundle, collect
from vmmigrate.appliance.tls.chains import name_of
from vmmigrate.appliance.tls.keys import Pair, chain_pem, key_pem, to_pem
from vmmigrate.appliance.tls.layout import install
from vmmigrate.appliance.tls.postfix import read_postfix
from vmmigrate.errors import BadKeys, CommandFailed

SHAPES = Path(__file__).parent / "shapes"
CERT, CHAIN = "smtpd_tls_cert_file = /e/tls.pem\n", "smtpd_tls_chain_files = /e/tls.pem\n"
ON = "smtpd_tls_security_level = may\n"


def shape(name: str) -> bytes:
    return (SHAPES / name).read_bytes()


def smtp(main: str, files: Mapping[str, bytes], services: str = "") -> TlsBundle:
    return collect(Gateway(main, services, files=dict(files)), DEBIAN, web=False)


def names(one: Pair) -> list[str]:
    return [name_of(each.subject).strip("'") for each in (one.leaf, *one.chain)]


def ids(bundle: TlsBundle) -> list[str]:
    return [finding.id for finding in bundle.findings]


def commented(pem: bytes, mark: bytes = b"#") -> bytes:
    return b"".join(mark + line for line in pem.splitlines(keepends=True))


def indented(pem: bytes) -> bytes:
    return commented(pem, b"  ")


def leaf_pem(one: Pair) -> bytes:
    return chain_pem([one.leaf])


# ---- PEM as OpenSSL reads it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("main", [CERT, CHAIN])
def test_a_key_that_is_commented_out_is_none(main: str) -> None:
    found = smtp(main, {"/e/tls.pem": shape("commented-pem-tls.pem")})
    assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Test Intermediate"]]
    assert ids(found) == []


@pytest.mark.parametrize("main", [CERT, CHAIN])
@pytest.mark.parametrize(
    "before", [commented(to_pem(pair()), b"# "), indented(to_pem(pair())), b"\xef\xbb\xbf", b"words\n"]
)
def test_what_stands_around_pem_is_not_read(main: str, before: bytes) -> None:
    one = pair()
    assert [to_pem(each) for each in smtp(main, {"/e/tls.pem": before + to_pem(one)}).smtp] == [to_pem(one)]


@pytest.mark.parametrize("main", [CERT, CHAIN])
def test_files_with_byte_order_marks_may_be_joined(main: str) -> None:
    """What `cat key leaf authority` makes of files of Windows: OpenSSL skips a mark at the start of each object."""
    one, mark = pair(), b"\xef\xbb\xbf"
    joined = to_pem(one).replace(b"-----BEGIN", mark + b"-----BEGIN")
    for text in (joined, joined.replace(b"\n", b"\r\n")):
        assert [to_pem(each) for each in smtp(main, {"/e/tls.pem": text}).smtp] == [to_pem(one)]
    behind_words = to_pem(one) + b"words\n" + mark + leaf_pem(pair())  # which OpenSSL does not read
    assert [to_pem(each) for each in smtp(main, {"/e/tls.pem": behind_words}).smtp] == [to_pem(one)]


def test_lines_may_end_as_they_do_on_windows_or_in_blanks() -> None:
    one = pair()
    for text in (to_pem(one).replace(b"\n", b"\r\n"), to_pem(one).replace(b"-----\n", b"-----  \n")):
        assert [to_pem(each) for each in smtp(CERT, {"/e/tls.pem": text}).smtp] == [to_pem(one)]


@pytest.mark.parametrize("main", [CERT, CHAIN])
@pytest.mark.parametrize(("kind", "label"), [("RSA", b"RSA PRIVATE KEY"), ("ECDSA", b"EC PRIVATE KEY")])
def test_pkcs8_under_an_older_label_is_read_as_openssl_reads_it(
    main: str, kind: str, label: bytes, tmp_path: Path
) -> None:
    one = pair(kind=kind)
    text = to_pem(one).replace(b"PRIVATE KEY", label)
    (tmp_path / "tls.pem").write_bytes(text)
    SSLContext(PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.pem")
    assert [to_pem(each) for each in smtp(main, {"/e/tls.pem": text}).smtp] == [to_pem(one)]
    with pytest.raises(BadKeys, match="the private key cannot be read: it is damaged"):
        smtp(main + ON, {"/e/tls.pem": text.replace(b"KEY-----\nMI", b"KEY-----\nAA")})


def test_a_key_in_both_files_is_read_from_its_own() -> None:
    files = {"/e/c": shape("key-in-both-files-combined.pem"), "/e/k": shape("key-in-both-files-key.pem")}
    found = smtp("smtpd_tls_cert_file = /e/c\nsmtpd_tls_key_file = /e/k\n", files)
    assert [(names(each), each.kind) for each in found.smtp] == [(["mailgw.example.test", "Test Intermediate"], "RSA")]
    assert ids(found) == []


def test_a_certificate_in_the_file_of_the_key_is_not_sent() -> None:
    one, other = pair(), pair("other.example.test")
    files = {"/e/c": chain_pem((one.leaf, *one.chain)), "/e/k": key_pem(one) + leaf_pem(other)}
    found = smtp("smtpd_tls_cert_file = /e/c\nsmtpd_tls_key_file = /e/k\n", files)
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]


def test_of_several_keys_in_one_file_the_first_serves_and_that_is_said() -> None:
    """Postfix 3.7: "ignoring 2nd key", and all certificates are sent."""
    one, two = pair(), pair("second.example.test", kind="RSA")
    found = smtp(CERT, {"/e/tls.pem": to_pem(one) + to_pem(two)})
    assert [names(each) for each in found.smtp] == [
        ["mailgw.example.test", "Intermediate", "second.example.test", "Intermediate"]
    ]
    assert ids(found)[0] == "tls-second-key"


def test_a_leaf_as_trusted_certificate_is_read_and_named() -> None:
    found = smtp(CERT, {"/e/tls.pem": shape("trusted-certificate-pem-tls.pem")})
    assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Test Intermediate"]]
    assert ids(found) == ["tls-trusted-certificate"]


@pytest.mark.parametrize("main", [CERT, CHAIN])
def test_a_trusted_certificate_above_the_leaf_is_not_sent_and_is_named(main: str) -> None:
    one = pair()
    trusted = shape("trusted-certificate-pem-tls.pem")
    other = trusted[trusted.index(b"-----BEGIN TRUSTED") : trusted.index(b"-----BEGIN CERT")]
    found = smtp(main, {"/e/tls.pem": to_pem(one) + other})
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]
    assert ids(found) == ["tls-trusted-certificate"]


@pytest.mark.parametrize("main", [CERT, CHAIN])
def test_a_leaf_behind_its_chain_is_put_right_and_that_is_said(main: str) -> None:
    one = pair()
    found = smtp(main, {"/e/tls.pem": key_pem(one) + chain_pem(one.chain) + leaf_pem(one)})
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]
    assert ids(found) == ["tls-leaf-not-first"]


def test_a_certificate_that_is_sent_twice_is_carried_once_and_that_is_said() -> None:
    one = pair()
    found = smtp(CERT, {"/e/tls.pem": key_pem(one) + leaf_pem(one) + leaf_pem(one) + 2 * chain_pem(one.chain)})
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]
    assert ids(found) == ["tls-chain-repeated"]


@pytest.mark.parametrize(
    "main", ["smtpd_tls_cert_file = /e/1\nsmtpd_tls_eccert_file = /e/2\n", "smtpd_tls_chain_files = /e/1, /e/2\n"]
)
def test_two_pairs_of_one_kind_are_one_and_that_is_said(main: str) -> None:
    """Postfix 3.7 switches TLS off for such a service: so would the new one."""
    one, two = pair(), pair()
    found = smtp(main, {"/e/1": to_pem(one), "/e/2": to_pem(two)})
    assert [each.fingerprint for each in found.smtp] == [one.fingerprint]
    assert ids(found) == ["tls-same-kind"]


PSS = shape("rsa-pss.pem")


def test_a_key_for_rsa_pss_stays_one() -> None:
    found = smtp(CERT, {"/e/tls.pem": PSS})
    gateway = Gateway(CERT)
    install(gateway, DEBIAN, found)
    assert gateway.files["/e/tls.pem"].split() == PSS.split()


def test_a_key_for_rsa_pss_goes_into_no_store() -> None:
    with pytest.raises(BadKeys, match="RSA-PSS alone cannot be written into a PKCS#12 store"):
        install(Gateway(), DEBIAN, TlsBundle({"web": smtp(CERT, {"/e/tls.pem": PSS}).smtp}))


@pytest.mark.parametrize("kind", ["RSA-PSS", "Ed25519"])
def test_a_key_that_tomcat_reads_from_no_pem_file_is_refused(kind: str) -> None:
    """Its connector would not start; `tests/integration/test_real_tomcat.py` shows that it does not."""
    ed = Ed25519PrivateKey.generate()
    given = PSS if kind == "RSA-PSS" else to_pem(Pair(ed, ca.issue(ed, "mailgw", []), (ca.authority(),)))
    made = smtp(CERT, {"/e/tls.pem": given})
    gateway = Gateway(server_xml=connector('certificateFile="/e/web.pem"'))
    with pytest.raises(BadKeys, match=f"Tomcat reads no key of the kind {kind} from PEM files"):
        install(gateway, DEBIAN, TlsBundle({"web": made.smtp}))


# ---- authorities that supply the chain -----------------------------------------------------------------------


def test_a_leaf_alone_is_sent_with_what_the_ca_file_has_above_it() -> None:
    middle, root = authority()
    one = dataclasses.replace(pair(issuer=middle), chain=())
    other = certificate("Other", ca=True)[0]
    for authorities in ("smtpd_tls_CAfile = /e/ca\n", "smtpd_tls_CApath = /e/folder\n"):
        gateway = Gateway(CERT + authorities, files={"/e/tls.pem": to_pem(one)})
        held = chain_pem([other, root[0], middle[0]])
        gateway.files["/e/ca"] = held
        gateway.answers["sh -c 'cat /e/folder/*.[0-9]'"] = held.decode()
        found = collect(gateway, DEBIAN, web=False)
        assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Intermediate", "Root"]]
        assert ids(found) == ["tls-chain-of-authorities"]


@pytest.mark.parametrize(
    ("chroot", "level", "looked_in"),
    [("n", "0", "/e/folder"), ("y", "3.6", "/var/spool/postfix/e/folder"), ("-", "2", "/e/folder")]
    + [("-", level, "/var/spool/postfix/e/folder") for level in ("0", "")],
)
def test_in_a_chroot_postfix_looks_for_authorities_inside(chroot: str, level: str, looked_in: str) -> None:
    """What is at the other place was never sent."""
    middle, root = authority()
    one = dataclasses.replace(pair(issuer=middle), chain=())
    main = f"{CERT}smtpd_tls_CApath = /e/folder\ncompatibility_level = {level}\n"
    gateway = Gateway(main, files={"/e/tls.pem": to_pem(one)})
    gateway.files[MASTER] = f"smtp inet n - {chroot} - - smtpd\n".encode()
    for folder in ("/e/folder", "/var/spool/postfix/e/folder"):
        there = chain_pem([middle[0], root[0]]).decode() if folder == looked_in else ""
        gateway.answers[f"sh -c 'cat {folder}/*.[0-9]'"] = there
    found = collect(gateway, DEBIAN, web=False)
    assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Intermediate", "Root"]]


def test_authorities_that_openssl_takes_by_itself() -> None:
    middle, root = authority()
    one = dataclasses.replace(pair(issuer=middle), chain=())
    files = {"/e/tls.pem": to_pem(one), "/e/ca": chain_pem([middle[0]]), "/etc/pki/tls/cert.pem": chain_pem([root[0]])}
    gateway = Gateway(f"{CERT}smtpd_tls_CAfile = /e/ca\ntls_append_default_CA = yes\n", files=files)
    gateway.answers["openssl version -d"] = 'OPENSSLDIR: "/etc/pki/tls"\n'
    gateway.answers["sh -c 'cat /etc/pki/tls/certs/*.[0-9]'"] = ""
    found = collect(gateway, DEBIAN, web=False)
    assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Intermediate", "Root"]]


def test_a_chain_that_is_there_gains_nothing_from_the_ca_file() -> None:
    middle, root = authority()
    one = pair(issuer=middle)
    files = {"/e/tls.pem": to_pem(one), "/e/ca": chain_pem([middle[0], root[0]])}
    found = smtp(CERT + "smtpd_tls_CAfile = /e/ca\n", files)
    assert [names(each) for each in found.smtp] == [["mailgw.example.test", "Intermediate"]]
    assert ids(found) == []


# ---- which service serves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "tls"),
    [
        ("smtpd_tls_security_level = Encrypt", True),
        ("smtpd_tls_security_level = MAY", True),
        ("smtpd_tls_security_level = verify", True),
        ("smtpd_tls_security_level = None", False),
        ("smtpd_use_tls = YES", True),
        ("smtpd_enforce_tls = Yes", True),
        ("smtpd_tls_security_level = none\nsmtpd_use_tls = yes", False),
    ],
)
def test_words_of_postfix_count_in_any_case(level: str, tls: bool) -> None:
    assert read_postfix(Gateway(f"{CERT}{level}\n")).main.tls is tls


@pytest.mark.parametrize("yes", ["yes", "YES", "Yes"])
def test_a_wrapper_is_implicit_tls_whatever_the_level(yes: str) -> None:
    wrapped = f"smtps inet n - n - - smtpd -o smtpd_tls_wrappermode={yes} -o smtpd_tls_security_level=none\n"
    (service,) = read_postfix(Gateway(CERT, wrapped)).services
    assert (service.implicit, service.tls, service.off) == (True, True, False)


@pytest.mark.parametrize("none", ["none", "NONE"])
def test_no_certificate_in_any_case(none: str) -> None:
    one = pair()
    found = smtp(f"{ON}smtpd_tls_cert_file = {none}\nsmtpd_tls_eccert_file = /e/2\n", {"/e/2": to_pem(one)})
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]


@pytest.mark.parametrize("off", ["smtpd_tls_security_level = none\n", "smtpd_use_tls = no\n", ""])
def test_where_tls_is_off_a_file_may_be_gone(off: str) -> None:
    found = smtp("smtpd_tls_cert_file = /e/gone.pem\n" + off, {})
    assert (found.pairs, ids(found)) == ({}, ["tls-off"])
    assert found.findings[0].seen == "smtp: TLS is off, so nothing is copied from /e/gone.pem"


def test_where_tls_is_on_a_file_may_not_be_gone() -> None:
    with pytest.raises(CommandFailed, match=r"/e/gone\.pem"):
        smtp(f"smtpd_tls_cert_file = /e/gone.pem\n{ON}", {})


def test_one_service_s_tls_may_be_off_alone() -> None:
    one = pair()
    off = "submission inet n - n - - smtpd -o smtpd_tls_cert_file=/e/gone -o smtpd_tls_security_level=none\n"
    found = smtp(CERT + ON, {"/e/tls.pem": to_pem(one)}, off)
    assert (list(found.pairs), ids(found)) == (["smtp"], ["tls-off"])


def test_a_pair_that_only_another_port_shows_is_port_25_s() -> None:
    """Its file is main.cf's, so that the new gateway shows it in all the same places."""
    one = pair()
    wrapped = "smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"
    found = smtp(CERT + "smtpd_tls_security_level = none\n", {"/e/tls.pem": to_pem(one)}, wrapped)
    assert [to_pem(each) for each in found.smtp] == [to_pem(one)]


POSTSCREEN = "smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd"


def screened(entry: str, main: str = CERT + ON) -> Gateway:
    files = {"/e/tls.pem": shape("postscreen-pass-main.pem"), "/e/pass.pem": shape("postscreen-pass-pass.pem")}
    gateway = Gateway(main, files=files)
    gateway.files[MASTER] = f"{entry}\n".encode()
    return gateway


@pytest.mark.parametrize("where", ["smtp", "25", "192.0.2.1:25", "[::]:smtp"])
def test_behind_postscreen_the_smtpd_that_it_passes_to_is_port_25_s(where: str) -> None:
    entry = POSTSCREEN.replace("smtp inet", f"{where} inet") + " -o smtpd_tls_cert_file=/e/pass.pem"
    found = collect(screened(entry), DEBIAN, web=False)
    wanted = smtp(CERT, {"/e/tls.pem": shape("postscreen-pass-pass.pem")}).smtp
    assert [each.fingerprint for each in found.smtp] == [each.fingerprint for each in wanted]
    assert ids(found) == ["tls-postscreen"]


@pytest.mark.parametrize("where", ["main.cf", "master.cf"])
def test_what_tlsproxy_shows_for_postscreen_is_said(where: str) -> None:
    """It may have a pair of its own although the smtpd behind it shows main.cf's."""
    line, own = "tlsproxy_tls_chain_files", "/e/pass.pem"
    entry = "tlsproxy unix - - n - 0 tlsproxy" + (f" -o {line}={own}" if where == "master.cf" else "")
    main = CERT + ON + (f"{line} = {own}\n" if where == "main.cf" else "")
    found = collect(screened(f"{POSTSCREEN}\n{entry}", main), DEBIAN, web=False)
    [said] = found.findings
    assert said.id == "tls-postscreen"
    assert own in said.seen
    same = collect(screened(f"{POSTSCREEN} -o smtpd_tls_chain_files={own}\n{entry}", main), DEBIAN, web=False)
    assert ids(same) == []


def test_behind_postscreen_with_main_cf_s_pair_nothing_is_said() -> None:
    found = collect(screened(POSTSCREEN), DEBIAN, web=False)
    assert (list(found.pairs), ids(found)) == (["smtp"], [])


def test_a_pair_is_installed_where_postscreen_passes_to() -> None:
    gateway, both = screened(POSTSCREEN + " -o smtpd_tls_cert_file=/e/pass.pem"), (pair(), pair(kind="RSA"))
    made = install(gateway, DEBIAN, TlsBundle({"smtp": both}))
    assert [(each.name, each.port, each.starttls) for each in made.expected] == [("SMTP", 25, True)]
    assert [to_pem(each) for each in collect(gateway, DEBIAN, web=False).smtp] == [to_pem(each) for each in both]


# ---- what is named, because it is not carried ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("tls_server_sni_maps = hash:/etc/postfix/sni", "tls-sni-map"),
        ("smtp_tls_cert_file = /e/client.pem", "tls-client-pair"),
        ("smtp_tls_chain_files = /e/client.pem", "tls-client-pair"),
        ("lmtp_tls_eccert_file = /e/client.pem", "tls-client-pair"),
        ("smtp_tls_CAfile = /e/own-ca.pem", "tls-authorities"),
        ("smtpd_tls_ask_ccert = YES\nsmtpd_tls_CAfile = /e/own-ca.pem", "tls-authorities"),
        ("relay_clientcerts = hash:/etc/postfix/clients", "tls-authorities"),
        ("multi_instance_directories = /etc/postfix-out", "tls-other-postfix"),
    ],
)
def test_what_stands_beside_the_servers_pairs_is_named(line: str, identity: str) -> None:
    found = smtp(f"{CERT}{ON}{line}\n", {"/e/tls.pem": shape("sni-and-client-pairs-main.pem")})
    assert ids(found) == [identity]
    name, _, value = line.rpartition("\n")[2].partition(" = ")
    assert found.findings[0].seen.startswith(f"{name} = {value}: ")


def test_what_master_cf_has_beside_is_named_too_and_once() -> None:
    services = (
        "submission inet n - n - - smtpd -o tls_server_sni_maps=hash:/e/sni\n"
        "relay unix - - n - - smtp -o smtp_tls_cert_file=/e/client.pem\n"
    )
    found = smtp(f"{CERT}{ON}smtp_tls_cert_file = /e/client.pem\n", {"/e/tls.pem": to_pem(pair())}, services)
    assert sorted(ids(found)) == ["tls-client-pair", "tls-sni-map"]


def test_what_every_debian_has_is_not_named() -> None:
    stock = "smtp_tls_CApath = /etc/ssl/certs\nsmtpd_tls_CAfile = /e/unused.pem\nsmtp_tls_cert_file =\n"
    assert ids(smtp(f"{CERT}{ON}{stock}", {"/e/tls.pem": to_pem(pair())})) == []


def test_the_bundle_keeps_no_remark() -> None:
    found = smtp(CERT, {"/e/tls.pem": shape("trusted-certificate-pem-tls.pem")})
    again = TlsBundle.from_bytes(found.to_bytes())
    assert (again.to_bytes(), again.smtp[0].said) == (found.to_bytes(), ())
    assert b"TRUSTED" not in found.to_bytes()
