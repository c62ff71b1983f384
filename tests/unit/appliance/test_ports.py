"""The ports that a gateway serves: those it is set to and that answer; what another one does not answer is named."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from scripted_gateway import DEBIAN, MASTER, Gateway

from hypervisors import REAL_TIME, dial_straight
from vmmigrate.appliance.tls.ports import compared, served
from vmmigrate.findings import Verdict

OLD, NEW = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def listening() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def listen(held: ExitStack, host: str, port: int = 0) -> int:
    made: int = held.enter_context(socket.create_server((host, port))).getsockname()[1]
    return made


def gateway(*mail: int, web: str = "") -> Gateway:
    made = Gateway(server_xml=f"<Server><Service>{web}</Service></Server>")
    made.files[MASTER] = "".join(f"{port} inet n - n - - smtpd\n" for port in mail).encode()
    return made


def test_what_is_set_and_answers_is_served(listening: ExitStack) -> None:
    mail, plain, shown, inside = (listen(listening, OLD) for _ in range(4))
    shut = listen(listening, "127.0.0.9")  # not of this host
    web = f'<Connector port="{plain}"/><Connector port="${{x:-{shown}}}" SSLEnabled="true"/>'
    web += f'<Connector port="{inside}" address="127.0.0.1"/><Connector port="0"/>'
    found = served(gateway(mail, shut, web=web), DEBIAN, OLD, dial_straight)
    assert found == tuple(sorted((mail, plain, shown)))


def test_all_is_asked_in_one_command(listening: ExitStack) -> None:
    shell = gateway(listen(listening, OLD))
    asked: list[tuple[str, ...]] = []
    run = shell.run

    def counted(argv: tuple[str, ...], **more: object) -> object:
        asked.append(tuple(argv))
        return run(argv, **more)  # type: ignore[arg-type]

    shell.run = counted  # type: ignore[method-assign,assignment]
    served(shell, DEBIAN, OLD, dial_straight)
    assert len([argv for argv in asked if argv[:2] == ("sh", "-c")]) == len(asked) == 1


def test_where_tomcat_says_nothing_postfix_is_heard(listening: ExitStack) -> None:
    mail = listen(listening, OLD)
    shell = gateway(mail)
    del shell.files[DEBIAN.server_xml]
    assert served(shell, DEBIAN, OLD, dial_straight) == (mail,)


def test_a_port_that_the_new_one_does_not_serve_fails(listening: ExitStack) -> None:
    both, gone = sorted(listen(listening, OLD) for _ in range(2))
    listen(listening, NEW, both)
    (check,) = compared((both, gone), NEW, dial_straight, 0.0, REAL_TIME)
    assert (check.id, check.verdict, check.expected) == ("ports", Verdict.FAIL, f"{both}, {gone}")
    assert check.seen == f"no connection at {gone}"
    listen(listening, NEW, gone)
    (check,) = compared((both, gone), NEW, dial_straight, 0.0, REAL_TIME)
    assert (check.verdict, check.seen) == (Verdict.PASS, f"{both}, {gone}")


def test_where_nothing_was_seen_nothing_is_compared() -> None:
    assert list(compared((), NEW, dial_straight, 0.0, REAL_TIME)) == []
