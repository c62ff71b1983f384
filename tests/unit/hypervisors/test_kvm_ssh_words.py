"""Why ssh did not lead to libvirt, by words that ssh and the other side were seen to say."""

import pytest

from hypervisors import HypervisorError, LoginRefused, NotSupported, Problem, SshAccess, TrustRefused, Unreachable
from hypervisors.kvm import ssh_words
from hypervisors.kvm.transports import checked

PARTS = checked("qemu+ssh://admin@kvm1:2222/system")
UNPINNED = SshAccess()
LIBVIRTS = Unreachable("connection to URL: End of file while reading data", hint="check")
_DEBUG = "debug1: Server host key: ssh-ed25519 SHA256:AAA\ndebug1: Sending command: sh -c 'echo Permission denied'\n"


def told(said: str, error: Problem = LIBVIRTS, access: SshAccess = UNPINNED, seen: tuple[str, ...] = ()) -> Problem:
    return ssh_words.problem(PARTS, access, _DEBUG + said, seen, error)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("admin@kvm1: Permission denied (publickey,password).\n", LoginRefused, "SSH at kvm1:2222 refused admin"),
        ("Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures\n", LoginRefused, "refused"),
        ("nc: unix connect failed: Permission denied\n", LoginRefused, "libvirt on kvm1:2222 does not accept admin"),
        (
            "virt-ssh-helper: cannot connect to '/run/s': Failed to connect socket to '/run/s': Permission denied\n",
            LoginRefused,
            "does not accept admin",
        ),
        ("vmmigrate: no virt-ssh-helper and no netcat\n", NotSupported, "no virt-ssh-helper, and no netcat"),
        ('command-line: line 0: Bad configuration option: "knownhostscommand"\n', NotSupported, "OpenSSH 8.5"),
        ("Host key verification failed.\n", TrustRefused, "SHA256:AAA, is not in known_hosts"),
        ("ssh: connect to host kvm1 port 2222: No route to host\n", Unreachable, "kvm1:2222: ssh: connect to host"),
        (
            "Warning: Identity file /k not accessible: No such file.\nConnection closed by 192.0.2.1\n",
            Unreachable,
            "closed",
        ),
    ],
)
def test_each_has_its_cause(said: str, kind: type[Problem], words: str) -> None:
    problem = told(said)
    assert type(problem) is kind
    assert words in str(problem)
    assert problem.hint


def test_where_ssh_says_nothing_libvirts_word_stays() -> None:
    assert told("") is LIBVIRTS


def test_text_in_place_of_libvirt() -> None:
    odd = HypervisorError("packet 1466263603 bytes received from server too large, want 33554432", hint="")
    assert "what answers over ssh is not libvirt" in str(told("", odd))


def test_of_a_pin_every_key_that_was_seen_is_named() -> None:
    pinned = SshAccess(host_key="SHA256:PIN")
    assert ssh_words.another_key(_DEBUG + "Host key verification failed.", pinned, {}) == {"ssh-ed25519": "SHA256:AAA"}
    last = told(
        "Unable to negotiate with 192.0.2.1: no matching host key type found.",
        access=pinned,
        seen=("SHA256:AAA", "SHA256:B"),
    )
    assert isinstance(last, TrustRefused)
    assert "SHA256:AAA and SHA256:B, is not the pinned SHA256:PIN" in str(last)


def test_without_a_pin_no_other_key_is_asked_for() -> None:
    assert ssh_words.another_key(_DEBUG + "Host key verification failed.", SshAccess(), {}) is None
