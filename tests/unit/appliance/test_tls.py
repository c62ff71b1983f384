"""Collecting and installing TLS pairs over a shell: whose pair goes where, what is kept, what is not done twice."""

import dataclasses

import pytest
from scripted_gateway import DEBIAN, MAIN, MASTER, NEWER, OLDER, RHEL, STORE, Gateway, connector
from small_ca import authority, pair

from hypervisors import Secret, Unreachable
from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.appliance.tls.bundle import TlsBundle, collect, judge, refuse_unusable
from vmmigrate.appliance.tls.keys import Pair, certificates_pem, key_pem, to_pem
from vmmigrate.appliance.tls.layout import apply_installed, install, lay_out
from vmmigrate.appliance.tls.pkcs12 import Entry, entries, to_pkcs12, write
from vmmigrate.appliance.tls.placing import put_back
from vmmigrate.errors import ApplianceError, BadKeys
from vmmigrate.findings import Severity

PASSWORD = Secret("djigzo")
TLS_PEM = "/etc/postfix/tls.pem"
COMBINED = (
    f"smtpd_tls_cert_file = {TLS_PEM}\nsmtpd_tls_key_file = $smtpd_tls_cert_file\nsmtpd_tls_security_level = may\n"
)
SUBMISSION = "submission inet n - n - - smtpd -o smtpd_tls_cert_file=/sub.pem -o smtpd_tls_key_file=/sub.pem\n"


def leaves(*pairs: Pair) -> list[str]:
    return [each.fingerprint for each in pairs]


def smtp_of(gateway: Gateway) -> tuple[Pair, ...]:
    return collect(gateway, DEBIAN, web=False).smtp


def web_of(gateway: Gateway) -> tuple[Pair, ...]:
    return collect(gateway, DEBIAN, smtp=False).web


def text(bundle_or_pairs: tuple[Pair, ...]) -> list[bytes]:
    return [to_pem(each) for each in bundle_or_pairs]


# ---- Tomcat's pairs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("server_xml", [NEWER, OLDER.replace('"gw"', '"tomcat"')])
def test_a_store_is_read_in_both_spellings_of_server_xml(server_xml: str) -> None:
    web = pair()
    gateway = Gateway(server_xml=server_xml, files={STORE: to_pkcs12(web, PASSWORD, "tomcat")})
    assert text(web_of(gateway)) == text((web,))


@pytest.mark.parametrize(
    ("server_xml", "words"),
    [
        ("<Server>", "is not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Server/>', "takes in a part by an entity"),
        ("<Server/>", "no HTTPS connector"),
    ],
)
def test_a_server_xml_that_tells_nothing(server_xml: str, words: str) -> None:
    with pytest.raises(ApplianceError, match=words):
        web_of(Gateway(server_xml=server_xml))


def test_of_several_keys_the_alias_decides() -> None:
    one, two = pair(kind="RSA"), pair()
    store = write([Entry("one", one), Entry("two", two)], PASSWORD)
    named = f'certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo" certificateKeyAlias="TWO"'
    assert leaves(*web_of(Gateway(server_xml=connector(named), files={STORE: store}))) == leaves(two)
    assert leaves(*web_of(Gateway(server_xml=NEWER, files={STORE: store}))) == leaves(one)


def test_pem_files_apart_with_a_chain_of_its_own_and_an_encrypted_key() -> None:
    web = pair()
    bare = dataclasses.replace(web, chain=())
    attributes = (
        'certificateFile="conf/c.pem" certificateKeyFile="${catalina.base}/conf/k.pem" '
        'certificateChainFile="/etc/chain.pem" certificateKeyPassword="word"'
    )
    files = {
        "/var/lib/tomcat9/conf/c.pem": certificates_pem(bare),
        "/var/lib/tomcat9/conf/k.pem": key_pem(web, Secret("word")),
        "/etc/chain.pem": certificates_pem(web).replace(certificates_pem(bare), b""),
    }
    assert text(web_of(Gateway(server_xml=connector(attributes), files=files))) == text((web,))


def test_red_hat_s_paths() -> None:
    web = pair()
    gateway = Gateway(files={"/usr/share/tomcat/conf/gw.pem": to_pem(web)})
    gateway.files["/etc/tomcat/server.xml"] = connector('certificateFile="conf/gw.pem"').encode()
    assert leaves(*collect(gateway, RHEL, smtp=False).web) == leaves(web)


def test_a_password_may_lie_in_a_file() -> None:
    attributes = f'certificateKeystoreFile="{STORE}" certificateKeystorePasswordFile="conf/word"'
    files = {STORE: to_pkcs12(pair(), PASSWORD, "x"), "/var/lib/tomcat9/conf/word": b"djigzo\r\n"}
    assert len(web_of(Gateway(server_xml=connector(attributes), files=files))) == 1


def test_a_store_that_only_java_reads_names_the_command_that_mends_it() -> None:
    with pytest.raises(BadKeys, match=r"guest.example.test: /usr/share/.*: this is a Java key store") as refused:
        web_of(Gateway(files={STORE: bytes.fromhex("feedfeed00000002")}))
    assert f"`keytool -importkeystore -srckeystore {STORE} -destkeystore {STORE}.p12" in refused.value.hint


def test_a_virtual_host_is_not_carried_over_and_a_second_connector_is() -> None:
    other = '<Connector port="443" SSLEnabled="true" keystoreFile="/other.p12" keystorePass="djigzo"/>'
    named = '<SSLHostConfig hostName="a.example"><Certificate certificateFile="/a"/></SSLHostConfig>'
    default = '<SSLHostConfig><Certificate certificateFile="/b"/></SSLHostConfig>'
    live = f'<Connector port="8443" SSLEnabled="true">{named}{default}</Connector>'
    hosts = f"<Server><Service>{live}{other}</Service></Server>"
    first, second = pair(), pair()
    gateway = Gateway(server_xml=hosts, files={"/b": to_pem(first), "/other.p12": to_pkcs12(second, PASSWORD, "x")})
    bundle = collect(gateway, DEBIAN, smtp=False)
    assert bundle.fingerprints == {"web": (first.fingerprint,), "web:443": (second.fingerprint,)}
    assert [finding.id for finding in bundle.findings] == ["tls-virtual-host"]


def test_a_password_file_may_be_in_any_encoding() -> None:
    """Only a password of ASCII opens a store, but the file has more lines."""
    said = 'certificateKeystoreFile="/s" certificateKeystorePasswordFile="/word"'
    one = pair()
    files = {"/s": to_pkcs12(one, PASSWORD, "x"), "/word": b"djigzo\r\nf\xfcr Tomcat\n"}
    assert leaves(*web_of(Gateway(server_xml=connector(said), files=files))) == leaves(one)


def test_a_file_of_macintosh_lines_is_read_as_java_reads_lines() -> None:
    one = pair()
    files = {"/e": to_pem(one).replace(b"\n", b"\r")}
    assert leaves(*web_of(Gateway(server_xml=connector('certificateFile="/e"'), files=files))) == leaves(one)


# ---- Postfix's pairs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["$config_directory/tls.pem", "${config_directory}/tls.pem", "$(config_directory)/tls.pem"]
)
def test_dollars_in_main_cf_are_expanded_in_every_spelling(path: str) -> None:
    smtp = pair()
    assert leaves(*smtp_of(Gateway(f"smtpd_tls_cert_file = {path}\n", files={TLS_PEM: to_pem(smtp)}))) == leaves(smtp)


def test_a_parameter_that_names_itself_ends_with_an_error() -> None:
    with pytest.raises(ApplianceError, match="refer to themselves"):
        smtp_of(Gateway("smtpd_tls_cert_file = $smtpd_tls_key_file\nsmtpd_tls_key_file = $smtpd_tls_cert_file\n"))


def test_rsa_and_ecdsa_in_files_of_their_own_and_in_chain_files() -> None:
    one, two = pair(kind="RSA"), pair()
    apart = Gateway(
        "smtpd_tls_cert_file = /r.c\nsmtpd_tls_key_file = /r.k\nsmtpd_tls_eccert_file = /e.pem\n",
        files={"/r.c": certificates_pem(one), "/r.k": key_pem(one), "/e.pem": to_pem(two)},
    )
    chained = Gateway(
        "smtpd_tls_chain_files = /r.k, /r.c\n  /e.pem\nsmtpd_tls_cert_file = /not-heard-of\n", files=apart.files
    )
    chained.files |= {path: apart.files[path] for path in ("/r.c", "/r.k", "/e.pem")}
    chained.files[MAIN] = b"smtpd_tls_chain_files = /r.k, /r.c\n  /e.pem\nsmtpd_tls_cert_file = /not-heard-of\n"
    assert text(smtp_of(apart)) == text((one, two))
    assert text(smtp_of(chained)) == text((one, two))


def test_a_postfix_without_tls_has_no_pair() -> None:
    assert collect(Gateway(), DEBIAN, web=False).pairs == {}


def test_an_encrypted_key_of_postfix_is_named_with_its_file() -> None:
    smtp = pair()
    files = {TLS_PEM: key_pem(smtp, Secret("w")) + certificates_pem(smtp)}
    with pytest.raises(BadKeys, match=r"guest.example.test: /etc/postfix/tls.pem: the private key is encrypted"):
        smtp_of(Gateway(COMBINED, files=files))


def test_each_overriding_service_has_a_pair_of_its_own() -> None:
    smtp, submission, smtps = pair(), pair(), pair()
    services = (
        SUBMISSION
        + "smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_chain_files=/smtps.pem\n"
        + "2525 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt\n"
        + "127.0.0.1:10026 inet n - n - - smtpd -o smtpd_tls_cert_file=/inside.pem\n"
    )
    files = {TLS_PEM: to_pem(smtp), "/sub.pem": to_pem(submission), "/smtps.pem": to_pem(smtps)}
    bundle = collect(Gateway(COMBINED, services, files=files), DEBIAN, web=False)
    assert bundle.fingerprints == {
        "smtp": (smtp.fingerprint,),
        "submission": (submission.fingerprint,),
        "smtps": (smtps.fingerprint,),
    }


@pytest.mark.parametrize(
    ("main", "path"),
    [
        ("smtpd_tls_cert_file = tls.pem\n", "/var/spool/postfix/tls.pem"),
        ("smtpd_tls_chain_files = a/tls.pem\n", "/var/spool/postfix/a/tls.pem"),
        ("queue_directory = /q\nsmtpd_tls_cert_file = tls.pem\n", "/q/tls.pem"),
    ],
)
def test_a_relative_path_counts_from_the_queue(main: str, path: str) -> None:
    one = pair()
    gateway = Gateway(f"{main}smtpd_tls_security_level = may\n", files={path: to_pem(one)})
    assert leaves(*smtp_of(gateway)) == leaves(one)


@pytest.mark.parametrize(("name", "role"), [("ssmtp", "smtps"), ("urd", "smtps"), ("[2001:db8::1]:587", "submission")])
def test_a_service_is_known_by_each_name_of_its_port(name: str, role: str) -> None:
    one, own = pair(), pair()
    services = f"{name} inet n - n - - smtpd -o smtpd_tls_cert_file=/own.pem\n"
    gateway = Gateway(COMBINED, services, files={TLS_PEM: to_pem(one), "/own.pem": to_pem(own)})
    found = collect(gateway, DEBIAN, web=False).fingerprints
    assert found == {"smtp": (one.fingerprint,), role: (own.fingerprint,)}


def test_an_override_by_the_key_of_main_cf_follows_its_dollar() -> None:
    """`smtpd_tls_key_file = $smtpd_tls_cert_file` means the overriding file in an overriding service."""
    smtp, submission = pair(), pair()
    services = "587 inet n - n - - smtpd -o smtpd_tls_cert_file=/sub.pem\n"
    gateway = Gateway(COMBINED, services, files={TLS_PEM: to_pem(smtp), "/sub.pem": to_pem(submission)})
    assert collect(gateway, DEBIAN, web=False).fingerprints["submission"] == (submission.fingerprint,)


def test_a_postfix_that_cannot_tell_its_master_cf_is_told() -> None:
    gateway = Gateway(COMBINED, files={TLS_PEM: to_pem(pair())})
    gateway.answers["postconf -P"] = Result(1, "", "postconf: invalid option -- 'P'")
    assert [finding.id for finding in collect(gateway, DEBIAN, web=False).findings] == ["tls-master-unknown"]


# ---- the bundle --------------------------------------------------------------------------------------------


def test_a_bundle_survives_its_own_bytes() -> None:
    whole = TlsBundle({"web": (pair(), pair(kind="RSA")), "smtp": (pair(),), "submission": (pair(),)})
    assert TlsBundle.from_bytes(whole.to_bytes()).fingerprints == whole.fingerprints
    with pytest.raises(BadKeys, match="no bundle"):
        TlsBundle.from_bytes(b"something else")


def test_what_earlier_versions_kept_is_still_read() -> None:
    web, smtp = pair(), pair()
    kept = b"# vmmigrate-tls: web\n" + to_pem(web) + b"# vmmigrate-tls: smtp\n" + to_pem(smtp)
    assert TlsBundle.from_bytes(kept).fingerprints == {"web": (web.fingerprint,), "smtp": (smtp.fingerprint,)}
    assert TlsBundle.from_bytes(kept.partition(b"# vmmigrate-tls: smtp")[0]).smtp == ()


def test_a_chain_is_completed_from_another_pair_s() -> None:
    middle = authority()[0]
    web, smtp = pair(issuer=middle), dataclasses.replace(pair(issuer=middle), chain=())
    bundle = collect(Gateway(COMBINED, files={STORE: to_pkcs12(web, PASSWORD, "x"), TLS_PEM: to_pem(smtp)}), DEBIAN)
    assert bundle.smtp[0].chain == (middle[0],)
    assert [finding.id for finding in bundle.findings] == ["tls-chain-completed"]
    assert bundle.findings[0].seen.startswith("smtp: the chain of 'mailgw.example.test' lacks 'Intermediate'")


# ---- installing: the console -------------------------------------------------------------------------------


def test_the_store_gets_the_new_side_s_password_alias_mode_and_owner() -> None:
    wanted, before = pair(), to_pkcs12(pair(), Secret("other"), "stock")
    gateway = Gateway(server_xml=NEWER.replace('Password="djigzo"', 'Password="other"'), files={STORE: before})
    gateway.metas[STORE] = FileMeta("0640", "tomcat", "djigzo")
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    (found,) = entries(gateway.files[STORE], Secret("other"))
    assert (found.alias, to_pem(found.pair)) == ("stock", to_pem(wanted))
    assert gateway.metas[STORE] == FileMeta("0640", "tomcat", "djigzo")
    assert gateway.files[STORE + ".before-vmmigrate"] == before


def test_the_alias_that_server_xml_names_wins() -> None:
    gateway = Gateway(server_xml=OLDER, files={STORE: to_pkcs12(pair(), PASSWORD, "stock")})
    wanted = pair()
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    assert leaves(*web_of(gateway)) == leaves(wanted)


def test_a_store_that_is_not_there_is_made_for_tomcat() -> None:
    gateway = Gateway()
    install(gateway, DEBIAN, TlsBundle({"web": (pair(),)}))
    assert gateway.metas[STORE] == FileMeta("0640", "tomcat", "djigzo")


def test_a_jks_of_the_new_side_is_replaced_and_comes_back() -> None:
    """Java takes PKCS#12 where server.xml says JKS; what was there stays beside."""
    jks, wanted = bytes.fromhex("feedfeed00000002") + b"whatever", pair()
    gateway = Gateway(files={STORE: jks})
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    (found,) = entries(gateway.files[STORE], PASSWORD)
    assert to_pem(found.pair) == to_pem(wanted)
    assert gateway.files[STORE + ".before-vmmigrate"] == jks
    put_back(gateway)
    assert gateway.files[STORE] == jks


def test_a_jceks_of_the_new_side_is_refused_before_anything_is_written() -> None:
    """Where server.xml says JCEKS, Java takes nothing else."""
    gateway = Gateway(files={STORE: bytes.fromhex("cececece00000002")})
    with pytest.raises(BadKeys, match=f"guest.example.test: {STORE}: this is a Java key store") as refused:
        install(gateway, DEBIAN, TlsBundle({"web": (pair(),)}))
    assert f"`keytool -importkeystore -srckeystore {STORE} -destkeystore {STORE}.p12" in refused.value.hint
    assert gateway.changes() == []


def test_the_other_keys_of_a_store_stay() -> None:
    other, wanted = pair(), pair(kind="RSA")
    server_xml = connector(
        f'certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo" certificateKeyAlias="gw"'
    )
    gateway = Gateway(
        server_xml=server_xml, files={STORE: write([Entry("keep", other), Entry("gw", pair())], PASSWORD)}
    )
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    found = [(each.alias, each.pair.fingerprint) for each in entries(gateway.files[STORE], PASSWORD)]
    assert found == [("keep", other.fingerprint), ("gw", wanted.fingerprint)]


def test_rsa_and_ecdsa_go_to_the_certificate_of_their_type_also_within_one_store() -> None:
    store = f'certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo"'
    server_xml = connector(f'{store} certificateKeyAlias="e" type="EC"', f'{store} certificateKeyAlias="r" type="RSA"')
    gateway = Gateway(server_xml=server_xml, files={STORE: write([Entry("r", pair()), Entry("e", pair())], PASSWORD)})
    one, two = pair(kind="RSA"), pair()
    made = install(gateway, DEBIAN, TlsBundle({"web": (one, two)}))
    assert sorted(leaves(*web_of(gateway))) == sorted(leaves(one, two))
    assert [(each.alias, each.pair.kind) for each in entries(gateway.files[STORE], PASSWORD)] == [
        ("r", "RSA"),
        ("e", "ECDSA"),
    ]
    assert made.expected[0].fingerprints == {"RSA": one.fingerprint, "ECDSA": two.fingerprint}
    assert made.findings == ()


def test_pem_files_are_filled_in_their_own_form() -> None:
    wanted = pair()
    attributes = 'certificateFile="/c" certificateKeyFile="/k" certificateChainFile="/n" certificateKeyPassword="word"'
    gateway = Gateway(server_xml=connector(attributes))
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    assert b"ENCRYPTED" in gateway.files["/k"]
    assert text(web_of(gateway)) == text((wanted,))
    assert (gateway.files["/c"].count(b"BEGIN"), gateway.files["/n"].count(b"BEGIN")) == (1, 1)
    before = dict(gateway.files)
    install(gateway, DEBIAN, TlsBundle({"web": (wanted,)}))
    assert gateway.files == before


def test_a_pair_without_a_certificate_element_is_told_and_so_is_one_that_stays() -> None:
    files = {STORE: to_pkcs12(pair(), PASSWORD, "x"), "/b": to_pem(pair())}
    more = lay_out(Gateway(files=files), DEBIAN, TlsBundle({"web": (pair(), pair(kind="RSA"))}))
    assert [finding.id for finding in more.findings] == ["tls-no-place"]
    both = connector(f'certificateKeystoreFile="{STORE}" certificateKeystorePassword="djigzo"', 'certificateFile="/b"')
    less = lay_out(Gateway(server_xml=both, files=files), DEBIAN, TlsBundle({"web": (pair(),)}))
    assert [finding.id for finding in less.findings] == ["tls-stays"]


# ---- installing: Postfix -----------------------------------------------------------------------------------


def test_postfix_gets_one_pair_where_it_looks() -> None:
    wanted = TlsBundle({"smtp": (pair(),)})
    combined, apart = Gateway(COMBINED), Gateway("smtpd_tls_cert_file = /c.pem\nsmtpd_tls_key_file = /k.pem\n")
    chained = Gateway("smtpd_tls_chain_files = /all.pem\n")
    for gateway in (combined, apart, chained):
        main = gateway.files[MAIN]
        install(gateway, DEBIAN, wanted)
        assert text(smtp_of(gateway)) == text(wanted.smtp)
        assert gateway.files[MAIN] == main
    assert combined.metas[TLS_PEM] == FileMeta("0600", "root", "root")
    assert (apart.files["/k.pem"], apart.files["/c.pem"]) == (key_pem(wanted.smtp[0]), certificates_pem(wanted.smtp[0]))


def test_a_postfix_that_names_no_file_is_told_one() -> None:
    gateway, wanted = Gateway(), TlsBundle({"smtp": (pair(),)})
    install(gateway, DEBIAN, wanted)
    assert (
        gateway.files[MAIN]
        == b"smtpd_tls_cert_file = /etc/postfix/tls.pem\nsmtpd_tls_key_file = $smtpd_tls_cert_file\n"
    )
    assert text(smtp_of(gateway)) == text(wanted.smtp)


MORE_PAIRS_THAN_PLACES = {
    "combined": (
        COMBINED,
        {},
        COMBINED
        + "smtpd_tls_eccert_file = /etc/postfix/tls-ecdsa.pem\nsmtpd_tls_eckey_file = $smtpd_tls_eccert_file\n",
    ),
    "chain": ("smtpd_tls_chain_files = /all.pem\n", {}, "smtpd_tls_chain_files = /all.pem\n"),
    "chain of key and certificates": (
        "smtpd_tls_chain_files = /k.pem, /c.pem\n",
        {"/k.pem": "key", "/c.pem": "certificates"},
        "smtpd_tls_chain_files = /k.pem,/c.pem,/k-ecdsa.pem\n",
    ),
}


@pytest.mark.parametrize("shape", MORE_PAIRS_THAN_PLACES)
def test_more_pairs_than_places_make_a_place(shape: str) -> None:
    main, files, then = MORE_PAIRS_THAN_PLACES[shape]
    stock = pair(kind="RSA")
    content = {"key": key_pem(stock), "certificates": certificates_pem(stock)}
    gateway = Gateway(main, files={path: content[what] for path, what in files.items()})
    wanted = TlsBundle({"smtp": (pair(kind="RSA"), pair())})
    for _time in range(2):
        install(gateway, DEBIAN, wanted)
        assert text(smtp_of(gateway)) == text(wanted.smtp)
        assert gateway.files[MAIN].decode() == then


FEWER_PAIRS_THAN_PLACES = {
    "apart": "smtpd_tls_cert_file = /r.pem\nsmtpd_tls_eccert_file = /e.pem\nsmtpd_tls_eckey_file = /e.pem\n",
    "chain": "smtpd_tls_chain_files = /r.pem, /e.pem\n",
}


@pytest.mark.parametrize("shape", FEWER_PAIRS_THAN_PLACES)
def test_fewer_pairs_than_places_leave_no_stock_pair_behind(shape: str) -> None:
    gateway = Gateway(
        FEWER_PAIRS_THAN_PLACES[shape], files={"/r.pem": to_pem(pair(kind="RSA")), "/e.pem": to_pem(pair())}
    )
    wanted = TlsBundle({"smtp": (pair(),)})
    install(gateway, DEBIAN, wanted)
    assert text(smtp_of(gateway)) == text(wanted.smtp)


def test_pairs_go_to_the_place_of_their_kind() -> None:
    main = FEWER_PAIRS_THAN_PLACES["apart"]
    gateway = Gateway(main, files={"/r.pem": to_pem(pair(kind="RSA")), "/e.pem": to_pem(pair())})
    one, two = pair(), pair(kind="RSA")
    install(gateway, DEBIAN, TlsBundle({"smtp": (one, two)}))
    assert (gateway.files["/e.pem"], gateway.files["/r.pem"]) == (to_pem(one), to_pem(two))
    assert gateway.files[MAIN].decode() == main


def test_more_than_three_pairs_need_chain_files() -> None:
    with pytest.raises(BadKeys, match="at most 3"):
        lay_out(Gateway(COMBINED), DEBIAN, TlsBundle({"smtp": (pair(), pair(), pair(), pair())}))


def test_an_overriding_service_gets_its_own_pair_or_port_25_s() -> None:
    smtp, submission = pair(), pair()
    files = {TLS_PEM: to_pem(pair()), "/sub.pem": to_pem(pair())}
    own, other = Gateway(COMBINED, SUBMISSION, files=files), Gateway(COMBINED, SUBMISSION, files=files)
    install(own, DEBIAN, TlsBundle({"smtp": (smtp,), "submission": (submission,)}))
    install(other, DEBIAN, TlsBundle({"smtp": (smtp,)}))
    assert own.files["/sub.pem"] == to_pem(submission)
    assert other.files["/sub.pem"] == to_pem(smtp)


def test_a_service_without_an_override_in_the_new_one_is_told_not_invented() -> None:
    bundle = TlsBundle({"smtp": (pair(),), "submission": (pair(),)})
    gateway = Gateway(COMBINED, "submission inet n - n - - smtpd\n", files={TLS_PEM: to_pem(pair())})
    master = gateway.files[MASTER]
    made = install(gateway, DEBIAN, bundle)
    assert [finding.id for finding in made.findings] == ["tls-no-place"]
    assert gateway.files[MASTER] == master
    assert [(each.name, each.port, each.starttls) for each in made.expected] == [
        ("SMTP", 25, True),
        ("submission", 587, True),
    ]
    same = TlsBundle({"smtp": bundle.smtp, "submission": bundle.smtp})
    assert lay_out(gateway, DEBIAN, same).findings == ()


def test_a_second_pair_of_an_overriding_service_is_named_in_master_cf() -> None:
    gateway = Gateway(COMBINED, SUBMISSION, files={TLS_PEM: to_pem(pair()), "/sub.pem": to_pem(pair())})
    both = (pair(kind="RSA"), pair())
    install(gateway, DEBIAN, TlsBundle({"submission": both}))
    assert leaves(*collect(gateway, DEBIAN, web=False).pairs["submission"]) == leaves(*both)
    assert "-o smtpd_tls_eccert_file=/sub-ecdsa.pem" in gateway.files[MASTER].decode()
    assert gateway.files[MAIN].decode() == COMBINED


def test_one_file_for_two_services_takes_the_pair_of_port_25() -> None:
    services = (
        "submission inet n - n - - smtpd -o smtpd_tls_cert_file=/etc/postfix/tls.pem -o smtpd_tls_key_file=/other\n"
    )
    smtp = pair()
    gateway = Gateway(COMBINED, services, files={TLS_PEM: to_pem(pair())})
    made = install(gateway, DEBIAN, TlsBundle({"smtp": (smtp,), "submission": (pair(),)}))
    assert [finding.id for finding in made.findings] == ["tls-shared-file"]
    assert gateway.files[TLS_PEM] == to_pem(smtp)


def test_a_key_that_everybody_may_read_is_told() -> None:
    gateway = Gateway(COMBINED, files={TLS_PEM: to_pem(pair())})
    gateway.metas[TLS_PEM] = FileMeta("0644", "root", "root")
    assert [finding.id for finding in lay_out(gateway, DEBIAN, TlsBundle({"smtp": (pair(),)})).findings] == [
        "tls-key-readable"
    ]


def test_installing_twice_writes_once() -> None:
    gateway = Gateway(COMBINED, files={STORE: to_pkcs12(pair(), PASSWORD, "x"), TLS_PEM: to_pem(pair())})
    bundle = TlsBundle({"web": (pair(),), "smtp": (pair(), pair(kind="RSA"))})
    install(gateway, DEBIAN, bundle)
    files, ran = dict(gateway.files), len(gateway.ran)
    install(gateway, DEBIAN, bundle)
    assert gateway.files == files
    assert [line for line in gateway.changes() if line in gateway.ran[ran:] and "postconf" not in line] == []


def test_services_take_the_new_pairs_up_in_order() -> None:
    gateway = Gateway()
    apply_installed(gateway, DEBIAN)
    assert gateway.ran == ["postfix check", "postfix reload", "systemctl restart tomcat9"]
    apply_installed(gateway, DEBIAN, web=False, known=True)
    assert gateway.ran[3:] == ["postfix reload"]


def test_a_session_that_breaks_off_is_not_taken_for_an_empty_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the store would be written with the new key alone, and its other keys be gone."""
    gateway = Gateway(files={STORE: write([Entry("gw", pair()), Entry("keep", pair())], PASSWORD)})

    answer = gateway._answer

    def broken(line: str, argv: tuple[str, ...]) -> Result:
        if argv == ("base64", STORE):
            raise Unreachable("the session broke off", hint="")
        return answer(line, argv)

    monkeypatch.setattr(gateway, "_answer", broken)
    with pytest.raises(Unreachable):
        lay_out(gateway, DEBIAN, TlsBundle({"web": (pair(),)}))


def test_two_addresses_of_port_25_do_not_take_each_other_s_pair() -> None:
    first, second = pair(), pair()
    other = "192.0.2.2:25 inet n - n - - smtpd -o smtpd_tls_cert_file=/two.pem -o smtpd_tls_key_file=/two.pem\n"
    gateway = Gateway(COMBINED, other, files={TLS_PEM: to_pem(first), "/two.pem": to_pem(second)})
    found = collect(gateway, DEBIAN, web=False)
    assert found.fingerprints == {"smtp": tuple(leaves(first)), "192.0.2.2:25": tuple(leaves(second))}


def test_all_that_cannot_be_used_is_refused_at_once() -> None:
    wrong = TlsBundle(
        {"web": (dataclasses.replace(pair(), key=pair().key),), "smtp": (dataclasses.replace(pair(), key=pair().key),)}
    )
    mismatches = [each for each in judge(wrong, "mailgw.example.test") if each.severity is Severity.ERROR]
    assert [(each.id, each.seen.partition(": ")[0]) for each in mismatches] == [
        ("tls-key-mismatch", "console certificate"),
        ("tls-key-mismatch", "SMTP certificate"),
    ]
    with pytest.raises(BadKeys) as refused:
        refuse_unusable(wrong, "mailgw.example.test")
    listed = "".join(f"\n  {each.seen}\n    → {each.remedy}" for each in mismatches)
    assert str(refused.value) == f"2 problems with certificates:{listed}"
    assert refused.value.hint == "fix these, then run it again"
    with pytest.raises(BadKeys) as refused:
        refuse_unusable(wrong.only(web=True, smtp=False), "mailgw.example.test")
    assert (str(refused.value), refused.value.hint) == (mismatches[0].seen, mismatches[0].remedy)
    right = TlsBundle({"web": (pair(),)})
    assert refuse_unusable(right, "mailgw.example.test") == judge(right, "mailgw.example.test") == ()
