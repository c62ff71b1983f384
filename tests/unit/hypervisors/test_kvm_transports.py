"""libvirt's URLs as the field writes them: taken, or refused with what to give instead."""

import pytest

from hypervisors import NotSupported, SshAccess, Unusable
from hypervisors.kvm import transports


@pytest.mark.parametrize(
    "url",
    [
        "qemu:///system",
        "qemu:///session",
        "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
        "qemu+ssh://kvm1/system",
        "qemu+ssh://root@[2001:db8::1]:2222/session?keyfile=/k&no_tty=1&no_verify=0",
        "qemu+ssh://admin@kvm1/system?netcat=/opt/bin/nc;socket=/s&mode=legacy&proxy=auto",
        "QEMU+SSH://kvm1/system/",
        "qemu+libssh://root@kvm1/system?sshauth=agent&known_hosts=/k",
        "qemu+libssh2://root@kvm1/system?known_hosts_verify=normal",
        "qemu+tls://kvm1.example.org/system?pkipath=/etc/pki/me",
        "qemu://kvm1.example.org/system",
        "qemu+tcp://localhost/system",
        "qemu+tcp://[::1]:16509/system",
        "test:///default",
        "test+unix:///default?socket=/s",
    ],
)
def test_are_taken(url: str) -> None:
    transports.checked(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("qemu+ext:///system?command=/bin/nc", "the transport 'ext'"),
        ("qemu+ssh2://kvm1/system", "the transport 'ssh2'"),
        ("qemu+ssh://kvm1/system?command=/tmp/ssh", "command="),
        ("qemu+ssh://kvm1/system?command=", "command="),
        ("qemu+ssh://kvm1/system?no_verify=1", "no_verify="),
        ("qemu+tls://kvm1/system?no_verify=1", "no_verify="),
        ("qemu+libssh://kvm1/system?known_hosts_verify=ignore", "known_hosts_verify="),
        ("qemu+libssh2://kvm1/system?known_hosts_verify=auto", "known_hosts_verify="),
        ("qemu+ssh://kvm1/system?sshauth=password", "sshauth has no meaning over ssh"),
        ("qemu+ssh://kvm1/system?keyfil=/k", "keyfil has no meaning over ssh"),
        ("qemu+ssh:///system", "it names no host"),
        ("qemu+ssh://root@/system", "it names no host"),
        ("qemu+libssh:///system", "it names no host"),
        ("qemu+tls:///system", "it names no host"),
        ("qemu+ssh://-oProxyCommand=x/system", "its host begins with a dash"),
        ("qemu+ssh://kvm1:99999/system", "Port out of range"),
        ("qemu+ssh://kvm1:ssh/system", "Port could not be cast"),
        ("qemu+tcp://kvm1/system", "tcp is not encrypted"),
        ("qemu+unix://kvm1/system", "a socket of this machine has no host"),
        ("qemu:///embed?root=/tmp/x", "its path is '/embed'"),
        ("qemu:///sytem", "its path is '/sytem'"),
        ("qemu+ssh://kvm1", "its path is '/'"),
    ],
)
def test_are_refused(url: str, why: str) -> None:
    with pytest.raises(NotSupported) as caught:
        transports.checked(url)
    assert str(caught.value).startswith(f"hypervisor URL {url!r}: ")
    assert why in str(caught.value)


def test_a_pin_that_nobody_looks_at_is_refused() -> None:
    for url in ("qemu:///system", "qemu+libssh://kvm1/system", "qemu+tls://kvm1/system"):
        transports.refuse_ssh_settings(url, SshAccess())
        with pytest.raises(Unusable, match=r"hypervisor\.host_key is for qemu\+ssh:// and hyperv\+ssh:// alone"):
            transports.refuse_ssh_settings(url, SshAccess(host_key="SHA256:x"))
