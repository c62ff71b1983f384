"""Which family an appliance is of: packages first, then units, jars, Postfix; the unknown is refused."""

import pytest
from scripted_shell import Answer, ScriptedShell

from vmmigrate.appliance.family import Units, detect
from vmmigrate.appliance.port import Result
from vmmigrate.errors import ApplianceError

DPKG = (
    "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' djigzo djigzo-web djigzo-postgres"
    " ciphermail-core-os-debian ciphermail-core-os-rhel8 ciphermail-core-os-no-deps"
    " ciphermail-gateway-backend ciphermail-admin-ui ciphermail-cli"
)
LIST = "systemctl list-unit-files --no-legend --plain "
FIVE = "djigzo 5.5.3.0g99d2faca installed\ndjigzo-web 5.5.3.0g99d2faca installed\n"


def guest(packages: str = "", *, tomcats: str = "tomcat9.service enabled enabled\n", **more: Answer) -> ScriptedShell:
    units: dict[str, Answer] = {f"{LIST}'tomcat*'": tomcats, f"{LIST}rsyslog.service": Result(1, "", "")}
    return ScriptedShell(units | {DPKG: Result(1, packages, "no packages found matching djigzo-postgres")} | more)


def test_five_by_its_packages() -> None:
    software = detect(guest(FIVE + "ciphermail-core-os-debian 5.5.3 config-files\n"))
    assert software.family == "5.x"
    assert software.version == "5.5.3.0g99d2faca"
    assert software.packages == {"djigzo": "5.5.3.0g99d2faca", "djigzo-web": "5.5.3.0g99d2faca"}
    assert software.units == Units("ciphermail-gateway-backend", "tomcat9", "postfix", "postgresql", None)
    assert software.server_xml == "/etc/tomcat9/server.xml"


def test_the_restart_order_leaves_out_what_is_absent() -> None:
    with_syslog = detect(guest(FIVE, **{f"{LIST}rsyslog.service": "rsyslog.service enabled enabled\n"}))
    assert with_syslog.units.restart_order == ("rsyslog", "tomcat9", "ciphermail-gateway-backend", "postfix")
    assert detect(guest(FIVE)).units.restart_order == ("tomcat9", "ciphermail-gateway-backend", "postfix")


def test_four_has_another_back_end() -> None:
    software = detect(guest("djigzo 4.6.2-0 installed\n"))
    assert (software.family, software.version, software.units.backend) == ("4.x", "4.6.2-0", "djigzo")


def test_rpm_is_asked_where_dpkg_knows_nothing() -> None:
    rpm = DPKG.replace(
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'",
        "rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE} installed\n'",
    )
    software = detect(guest(tomcats="tomcat.service enabled disabled\n", **{rpm: "djigzo 5.1.0-1 installed\n"}))
    assert (software.version, software.server_xml) == ("5.1.0-1", "/etc/tomcat/server.xml")


def test_six_has_no_tomcat() -> None:
    software = detect(guest("ciphermail-gateway-backend 6.3.4 installed\n", tomcats=""))
    assert (software.family, software.units.web, software.version) == ("6.x", None, "6.3.4")
    with pytest.raises(ApplianceError, match="has no Tomcat"):
        _ = software.server_xml


@pytest.mark.parametrize(
    ("answers", "tomcats", "family"),
    [
        ({f"{LIST}ciphermail-gateway-backend.service": "ciphermail-gateway-backend.service enabled\n"}, True, "5.x"),
        ({f"{LIST}ciphermail-gateway-backend.service": "ciphermail-gateway-backend.service enabled\n"}, False, "6.x"),
        ({f"{LIST}djigzo.service": "djigzo.service generated\n"}, True, "4.x"),
        ({"test -e /usr/share/djigzo/lib": ""}, True, "5.x"),
        ({"test -e /usr/share/djigzo/djigzo.jar": ""}, True, "4.x"),
        ({"postconf -n": "ciphermail_x = y\n"}, False, "6.x"),
    ],
)
def test_without_packages_the_later_signs_count(answers: dict[str, Answer], tomcats: bool, family: str) -> None:
    shell = guest(tomcats="tomcat9.service enabled\n" if tomcats else "", **answers)
    software = detect(shell)
    assert (software.family, software.packages, software.version) == (family, {}, "")


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (guest(), "no sign of the gateway"),
        (guest(**{"postconf -n": "djigzo_x = y\n"}), "neither its packages nor its units"),
        (guest("djigzo 7.0 installed\n"), "of no known family"),
        (guest("djigzo 3.2-1 installed\n"), "of no known family"),
        (guest(FIVE, tomcats=""), "no Tomcat unit"),
        (guest(FIVE, tomcats="tomcat8.service enabled\ntomcat9.service enabled\n"), "several: tomcat8, tomcat9"),
        (guest(FIVE, tomcats="tomcat10.service enabled\n"), "Tomcat 10"),
    ],
)
def test_what_is_refused(shell: ScriptedShell, words: str) -> None:
    with pytest.raises(ApplianceError, match=words):
        detect(shell)


def test_of_several_tomcats_the_enabled_one_counts() -> None:
    listed = "tomcat8.service disabled\ntomcat9.service enabled\ntomcat@.service static\ntomcat-jsvc.service enabled\n"
    assert detect(guest(FIVE, tomcats=listed)).units.web == "tomcat9"
