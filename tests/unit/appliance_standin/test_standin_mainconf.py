"""The stand-in's main.cf: read, asked and regenerated as Postfix and a restore do."""

import pytest

from fixtures.appliance import mainconf, seed


def test_continuation_lines_are_joined_and_comments_dropped() -> None:
    text = "# a comment\nmynetworks = 127.0.0.0/8\n  192.0.2.0/24\n\nrelayhost =\n"
    assert mainconf.parse(text) == {"mynetworks": "127.0.0.0/8 192.0.2.0/24", "relayhost": ""}


def test_a_line_that_sets_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="missing '='"):
        mainconf.parse("relayhost\n")


def test_regeneration_keeps_the_gateways_parameters_and_loses_hand_edits() -> None:
    old = seed.old_main_cf().replace("/etc/postfix/tls.pem", "/etc/postfix/mine.pem")
    new = mainconf.parse(mainconf.regenerate(old))
    assert {name: new[name] for name in seed.OLD_PARAMETERS} == seed.OLD_PARAMETERS
    assert not seed.HAND_EDITS.keys() & new.keys()
    assert new["smtpd_tls_cert_file"] == "/etc/postfix/tls.pem"


def test_values_are_expanded_only_on_demand() -> None:
    parameters = mainconf.parse(seed.old_main_cf())
    assert mainconf.value(parameters, "smtpd_tls_key_file") == "$smtpd_tls_cert_file"
    assert mainconf.expanded(parameters, "smtpd_tls_key_file") == "/etc/postfix/tls.pem"
    assert mainconf.expanded(parameters, "smtpd_banner") == "mailgw.example.test ESMTP CipherMail"
    assert mainconf.value({}, "smtpd_tls_key_file") == "$smtpd_tls_cert_file"
    assert mainconf.value({}, "no_such_parameter") is None


def test_a_setting_is_replaced_where_it_stands_or_appended() -> None:
    text = "a = 1\n  2\nb = 3\n"
    assert mainconf.changed(text, ["a=$b", "c = 4"]) == "a = $b\nb = 3\nc = 4\n"
