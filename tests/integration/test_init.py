"""The conversation of `init` with a lab of processes: each turn it can take, and that it changes nothing."""

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fixtures.appliance import sshd, state
from fixtures.memory import MemoryHypervisor
from fixtures.processlab import OLD_MAC, ProcessLab, free_nets, make, process_lab, start, wait_booted
from hypervisors import Access, Hypervisor, LoginRefused, Store, TrustRefused, Unreachable, VmRef
from hypervisors import LoginRefused as HypervisorRefused
from vmmigrate.errors import PlanRefused, UsageProblem
from vmmigrate.init import Lent, converse
from vmmigrate.settings.load import load

pytestmark = pytest.mark.slow

SECOND_MAC = "52:54:00:0a:00:07"
Script = list[tuple[str, str]]  # the beginning of a question, and the answer


class Unspoken(MemoryHypervisor):
    """The image has no guest agent; the addresses are leases alone."""

    def agent_answers(self, vm: VmRef) -> bool:
        return False


class Forging(MemoryHypervisor):
    """Inside the virtual machine lies another host key than the one shown at the address."""

    def read_guest_file(self, vm: VmRef, path: str) -> bytes:
        return b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUiU9e0xmZKrm0dIfJyB6L8Q8a2Yxw1t1Y8bqfQb8uB other"


class Roomy(MemoryHypervisor):
    """Has other stores: one with more room, and one that is not started."""

    def stores(self) -> tuple[Store, ...]:
        others = (Store("huge", "/huge", 1 << 50, 1 << 50), Store("still", "/still", 1, 1, active=False))
        return (*others, *super().stores())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    with process_lab(tmp_path_factory.mktemp("lab"), boot_delay=0.02) as lab:
        yield lab


@dataclass
class Visit:
    """One conversation, its answers written beforehand."""

    lab: ProcessLab
    folder: Path
    script: Script
    kind: type[MemoryHypervisor] = MemoryHypervisor
    known_hosts: Path | None = None
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "vmmigrate.toml"

    def ask(self, question: str, default: str | None, secret: bool = False) -> str:
        assert self.script, f"not expected: {question!r}, after\n" + "\n".join(self.said)
        expected, answer = self.script.pop(0)
        assert question.startswith(expected), "\n".join([*self.said, f"{question!r} instead of {expected!r}"])
        assert secret == bool(re.search("assword of|assword for|password, or|passphrase", question)), question
        self.said.append(f"? {question}")
        if answer == "^C":
            raise KeyboardInterrupt
        return answer

    def connect(self, url: str, access: Access) -> Hypervisor:
        if url != "memory:///":
            raise Unreachable(f"nobody answers at {url}", hint="start it")
        return self.kind(self.lab.folder)

    def hold(self, old: str = "mailgw", url: str | None = "memory:///") -> bool:
        places = (self.known_hosts, self.folder / "secrets")
        lent = Lent(self.ask, self.said.append, self.connect, *places, lambda: date(2026, 1, 2))
        done = converse(old, self.file, lent, url=url)
        assert self.script == []
        return done

    def wrote(self) -> dict[str, Any]:
        load(self.file, {}, {})
        return tomllib.loads(self.file.read_text())


def visit(lab: ProcessLab, tmp_path: Path, **changes: Any) -> Visit:
    """With the answers that lead straight to the end; `changes` replace those to a question."""
    return Visit(lab, tmp_path, changes.pop("script", None) or straight(lab), **changes)


def straight(lab: ProcessLab) -> Script:
    return [
        ("Address of mailgw", ""),
        ("Its SSH port", str(lab.ssh_port)),
        ("SSH user", ""),
        ("Log in by", ""),
        ("Password of sa", lab.sa_old.password),
        ("Its SMTP port", str(lab.smtp_port)),
        ("Console user", ""),
        ("Console password of admin", lab.admin_old.password),
        ("Staging network", ""),
        ("Storage pool", ""),
        ("SSH user in the new image", ""),
        ("SSH port in the new image", str(lab.ssh_port)),
        ("Console user in the new image", ""),
        ("Passwords", ""),
        ("Write it to", ""),
    ]


def replaced(script: Script, question: str, *instead: tuple[str, str]) -> Script:
    at = [asked for asked, _ in script].index(question)
    return [*script[:at], *instead, *script[at + 1 :]]


def everything(lab: ProcessLab) -> dict[str, bytes]:
    lab.settle()
    own = (state.SETTLED, sshd.LOG)  # the watcher's and the stand-in's
    return {
        str(path): path.read_bytes()
        for path in lab.folder.rglob("*")
        if path.is_file() and path.name not in own and "/log/" not in str(path) and "sessions" not in str(path)
    }


@pytest.fixture
def with_two_ways_out(tmp_path: Path) -> Iterator[ProcessLab]:
    """The old VM is connected to a second network too, and has a default route there."""
    with free_nets() as nets:
        lab = make(tmp_path / "lab", nets)
        with state.edit(lab.folder) as now:
            nics = now["vms"][lab.old_id]["nics"]
            nics.append({**nics[0], "mac": SECOND_MAC, "network": "staging"})
        with lab.root_of(lab.old_id).at("/etc/network/interfaces").open("a") as stanzas:
            address, gateway = f"{lab.staging_net}77/24", f"{lab.staging_net}1"
            stanzas.write(f"\nauto eth1\niface eth1 inet static\n    address {address}\n    gateway {gateway}\n")
        running = start(lab.folder, 0.02)
        try:
            wait_booted(lab, lab.old_id)
            yield lab
        finally:
            running.stop()


@pytest.mark.parametrize(("answer", "mac", "network"), [("2", SECOND_MAC, "staging"), ("1", OLD_MAC, "lan")])
def test_of_several_nics_that_face_the_world_one_is_chosen(
    with_two_ways_out: ProcessLab, tmp_path: Path, answer: str, mac: str, network: str
) -> None:
    lab = with_two_ways_out
    script = straight(lab)
    at = [asked for asked, _ in script].index("Its SMTP port")
    script = [*script[:at], ("The one that receives mail", answer), *script[at:]]
    script = replaced(script, "Address of mailgw", ("Address of mailgw", lab.address))
    if network == "staging":  # what is live is not offered
        script = replaced(script, "Staging network", ("Staging network", "1"))
    conversation = visit(lab, tmp_path, script=script)
    assert conversation.hold()
    assert conversation.wrote()["old"]["live_nic"] == mac
    begin = next(n for n, line in enumerate(conversation.said) if line.startswith("Several of its NICs may face"))
    first, second = conversation.said[begin + 1 : begin + 3]
    assert first == f"     1  eth0 ({OLD_MAC}) with {lab.address}/24"
    assert second == f"     2  eth1 ({SECOND_MAC}) with {lab.staging_net}77/24"
    assert any(f"is on its NIC {mac}, network {network}" in line for line in conversation.said)


# ---- straight through ------------------------------------------------------------------------------------------------


def test_of_several_stores_the_old_vms_is_proposed(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, kind=Roomy)
    assert conversation.hold()
    assert conversation.wrote()["hypervisor"]["store"] == "default"
    begin = conversation.said.index("The storage pool for the new disk:")
    assert conversation.said[begin + 1] == "    not still: it is not active"
    first, second = conversation.said[begin + 2 : begin + 4]
    assert first.startswith("     1  default: ")
    assert first.endswith(", with the old VM's disk")
    assert second == "     2  huge: 1048576.0 GiB free of 1048576.0 GiB"


def test_the_file_says_what_was_learnt_and_nothing_was_changed(lab: ProcessLab, tmp_path: Path) -> None:
    before = everything(lab)
    conversation = visit(lab, tmp_path)
    assert conversation.hold()
    ask = {"prompt": True}
    assert conversation.wrote() == {
        "hypervisor": {"url": "memory:///", "store": "default"},
        "old": {
            "address": lab.address,
            "smtp_port": lab.smtp_port,
            "ssh": {"port": lab.ssh_port, "host_key": lab.host_key, "user": "sa", "password": ask},
            "console": {
                "url": f"https://{lab.address}:{lab.console_port}/ciphermail",
                "user": "admin",
                "password": ask,
            },
        },
        "new": {
            "staging": "staging",
            "ssh": {"user": "sa", "port": lab.ssh_port, "password": ask},
            "console": {"user": "admin", "password": ask},
        },
    }
    assert conversation.file.stat().st_mode & 0o777 == 0o600
    assert everything(lab) == before


def test_each_setting_has_a_remark_and_no_line_a_secret(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path)
    conversation.hold()
    text = conversation.file.read_text()
    settings = [line for line in text.splitlines() if " = " in line]
    assert len(settings) == 17
    assert [line for line in settings if "  # " not in line] == []
    shown = "\n".join([text, *conversation.said])
    assert [name for name, secret in lab.secrets.items() if len(secret) > 5 and secret in shown] == []


def test_it_ends_with_the_next_commands(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path)
    conversation.hold()
    config = f" --config {conversation.file}"
    assert conversation.said[-2:] == [
        f"next: vmmigrate plan mailgw IMAGE{config}    checks everything, changes nothing",
        f"next: vmmigrate mailgw IMAGE{config}         plans again, asks, migrates",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 5, 9, 15])
def test_ctrl_c_at_any_question_writes_nothing(lab: ProcessLab, tmp_path: Path, number: int) -> None:
    script = straight(lab)[:number]
    script[-1] = (script[-1][0], "^C")
    conversation = visit(lab, tmp_path, script=script)
    with pytest.raises(KeyboardInterrupt):
        conversation.hold()
    assert list(tmp_path.iterdir()) == []


def test_no_at_the_end_writes_nothing(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, script=[*straight(lab)[:-1], ("Write it to", "no")])
    assert not conversation.hold()
    assert list(tmp_path.iterdir()) == []


# ---- the file that is there ------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_left_unless_asked(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, script=[(f"{tmp_path}/vmmigrate.toml is there; replace it", "")])
    conversation.file.write_text("mine")
    assert not conversation.hold()
    assert conversation.file.read_text() == "mine"


def test_a_file_that_is_replaced_is_kept_and_so_is_an_earlier_copy(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, script=[(f"{tmp_path}/vmmigrate.toml is there", "yes"), *straight(lab)])
    conversation.file.write_text("mine")
    (tmp_path / "vmmigrate.toml.bak").write_text("earlier")
    (tmp_path / "vmmigrate.toml.bak2").symlink_to(tmp_path / "of-somebody-else")
    assert conversation.hold()
    assert (tmp_path / "vmmigrate.toml.bak").read_text() == "earlier"
    assert (tmp_path / "vmmigrate.toml.bak3").read_text() == "mine"
    assert not (tmp_path / "of-somebody-else").exists()
    assert conversation.wrote()["old"]["address"] == lab.address


def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path / "nowhere", script=[("never", "")])
    with pytest.raises(UsageProblem, match="cannot be written"):
        conversation.hold()
    assert conversation.said == []


# ---- the hypervisor --------------------------------------------------------------------------------------------------


def test_a_hypervisor_that_does_not_answer_is_asked_for_anew(lab: ProcessLab, tmp_path: Path) -> None:
    first = [("Hypervisor URL", "qemu+ssh://nobody/system"), ("Hypervisor URL", "memory:///")]
    conversation = visit(lab, tmp_path, script=[*first, *straight(lab)])
    assert conversation.hold(url=None)
    assert "  ✗ nobody answers at qemu+ssh://nobody/system" in conversation.said


def test_a_vm_that_is_not_there_is_asked_for_anew(lab: ProcessLab, tmp_path: Path) -> None:
    first = [("The old virtual machine", "mailgw"), ("Hypervisor URL", "")]
    conversation = visit(lab, tmp_path, script=[*first, *straight(lab)])
    assert conversation.hold(old="malgw")
    assert conversation.said[-1].startswith("next: vmmigrate mailgw IMAGE")
    assert "    → correct the name, or give its UUID" in conversation.said


def test_an_address_where_nothing_answers_is_asked_for_anew_and_a_jump_host(lab: ProcessLab, tmp_path: Path) -> None:
    first = [("Address of mailgw", "127.0.0.1"), ("Its SSH port", "1")]
    first += [("Is there a jump host", "http://jump"), ("Address of mailgw", "localhost"), ("Its SSH port", "")]
    first += [("Is there a jump host", "")]
    conversation = visit(lab, tmp_path, script=[*first, *straight(lab)])
    assert conversation.hold()
    assert "    'http://jump' is not such a URL: ssh://USER@HOST or ssh://USER@HOST:PORT" in conversation.said
    assert "  ✓ localhost is 127.0.0.1" in conversation.said
    assert "via" not in conversation.wrote()["old"]


@pytest.mark.slow
def test_the_old_one_behind_a_jump_host_that_is_not_there(lab: ProcessLab, tmp_path: Path) -> None:
    """It is used from then on: what is told is of the jump host."""
    first = [("Address of mailgw", ""), ("Its SSH port", "1"), ("Is there a jump host", "ssh://me@127.0.0.1:1")]
    first += [("Address of mailgw", ""), ("Its SSH port", str(lab.ssh_port)), ("Is there a jump host", "")]
    conversation = visit(lab, tmp_path, script=[*first, *straight(lab)])
    assert conversation.hold()
    assert any("127.0.0.1:1" in line for line in conversation.said if line.startswith("  ✗"))
    assert "via" not in conversation.wrote()["old"]


@dataclass
class Guarded(Visit):
    """The hypervisor has a certificate of its own making and wants a password."""

    def connect(self, url: str, access: Access) -> Hypervisor:
        if access.trust.fingerprint != self.lab.web_fingerprint:
            raise TrustRefused(f"the certificate of {url} is not trusted", hint="pin it")
        if access.password().reveal() != "the right one":
            raise HypervisorRefused("vCenter refused 'root'", hint="check the password")
        return MemoryHypervisor(self.lab.folder)


def test_a_hypervisor_with_a_certificate_to_compare_and_a_password(lab: ProcessLab, tmp_path: Path) -> None:
    url = f"vsphere://root@{lab.address}:{lab.console_port}/DC"  # the console's certificate stands in
    first = [("Is it the same there?", "yes")]
    first += [(f"Password for {url}", typed) for typed in ("the wrong one", "the wrong one", "the right one")]
    conversation = Guarded(lab, tmp_path, [*first, *straight(lab)])
    assert conversation.hold(url=url)
    wrote = conversation.wrote()["hypervisor"]
    assert (wrote["fingerprint"], wrote["password"]) == (lab.web_fingerprint, {"prompt": True})
    assert conversation.said.count("  ✗ vCenter refused 'root'") == 1


SEEN = "SHA256:czAIcfRMFo58lJ3ix1DmDCybuP9TABfFomcjTpy0244"


@dataclass
class Unknown(Visit):
    """The hypervisor's host shows an SSH host key that nobody here knows."""

    def connect(self, url: str, access: Access) -> Hypervisor:
        if access.ssh.host_key != SEEN:
            raise TrustRefused(f"the SSH host key of {url}, {SEEN}, is not in known_hosts", hint="pin it", seen=SEEN)
        return MemoryHypervisor(self.lab.folder)


def test_a_hypervisor_with_a_host_key_to_compare(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = Unknown(lab, tmp_path, [("Is it among those?", "yes"), *straight(lab)])
    assert conversation.hold(url="qemu+ssh://root@kvm1/system")
    assert conversation.wrote()["hypervisor"]["host_key"] == SEEN
    assert any(SEEN in line for line in conversation.said)


def test_a_hypervisor_with_another_host_key_is_not_connected_to(lab: ProcessLab, tmp_path: Path) -> None:
    first = [("Is it among those?", "no"), ("Hypervisor URL", "memory:///")]
    conversation = Unknown(lab, tmp_path, [*first, ("Hypervisor URL", "^C")])
    with pytest.raises(KeyboardInterrupt):
        conversation.hold(url="qemu+ssh://root@kvm1/system")


def test_a_hypervisor_whose_certificate_is_another_is_not_given_a_password(lab: ProcessLab, tmp_path: Path) -> None:
    url = f"vsphere://root@{lab.address}:{lab.console_port}/DC"
    conversation = Guarded(lab, tmp_path, [("Is it the same there?", "no"), ("Hypervisor URL", "^C")])
    with pytest.raises(KeyboardInterrupt):
        conversation.hold(url=url)


# ---- the host key ----------------------------------------------------------------------------------------------------


def compared(lab: ProcessLab, answer: str) -> Script:
    port = ("Its SSH port", str(lab.ssh_port))
    return replaced(straight(lab), "Its SSH port", port, ("Is it the same there?", answer))


def test_without_an_agent_the_host_key_is_compared(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, kind=Unspoken, script=compared(lab, "yes"))
    assert conversation.hold()
    assert f"  ✓ SSH answers; it shows the host key ssh-ed25519 {lab.host_key}" in conversation.said
    assert "        ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in conversation.said
    assert "# shown, and compared by you" in conversation.file.read_text()


@pytest.mark.parametrize("answer", ["no", ""])
def test_a_host_key_that_is_not_the_same_ends_it_before_any_password(
    lab: ProcessLab, tmp_path: Path, answer: str
) -> None:
    conversation = visit(lab, tmp_path, kind=Unspoken, script=compared(lab, answer)[:3])
    with pytest.raises(TrustRefused, match="no password is sent there"):
        conversation.hold()


def test_another_host_key_inside_ends_it(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, kind=Forging, script=straight(lab)[:2])
    with pytest.raises(TrustRefused, match=r"inside mailgw the host key is SHA256:\S+, but \S+ shows another"):
        conversation.hold()


def test_a_host_key_in_known_hosts_is_not_asked_about(lab: ProcessLab, tmp_path: Path) -> None:
    line = lab.root_of(lab.old_id).text("/etc/ssh/ssh_host_ed25519_key.pub")
    hosts = tmp_path / "known_hosts"
    hosts.write_text(f"[{lab.address}]:{lab.ssh_port} {line}")
    conversation = visit(lab, tmp_path, kind=Unspoken, known_hosts=hosts)
    assert conversation.hold()
    assert conversation.wrote()["old"]["ssh"]["host_key"] == lab.host_key
    assert f"  ✓ SSH answers; its host key {lab.host_key} is in {hosts}" in conversation.said


def test_another_host_key_in_known_hosts_is_told_with_a_warning(lab: ProcessLab, tmp_path: Path) -> None:
    other = Forging(lab.folder).read_guest_file(VmRef("", ""), "").decode()
    hosts = tmp_path / "known_hosts"
    hosts.write_text(f"[{lab.address}]:{lab.ssh_port} {other}\n")
    conversation = visit(lab, tmp_path, kind=Unspoken, known_hosts=hosts, script=compared(lab, "no")[:3])
    with pytest.raises(TrustRefused):
        conversation.hold()
    assert any(line.startswith(f"    WARNING: {hosts} has another for it: SHA256:") for line in conversation.said)


# ---- log-ins ---------------------------------------------------------------------------------------------------------


def test_a_refused_log_in_is_asked_anew_and_never_tried_twice(lab: ProcessLab, tmp_path: Path) -> None:
    wrong = [("SSH user", ""), ("Log in by", ""), ("Password of sa", "wrong-password")]
    script = replaced(straight(lab), "SSH user", *wrong, *wrong, ("SSH user", ""))
    conversation = visit(lab, tmp_path, script=script)
    assert conversation.hold()
    refusals = [line for line in conversation.said if "refused 'sa'" in line]
    assert len(refusals) == 1
    assert "    this one was refused already and is not tried again; give another" in conversation.said
    assert "    refused log-ins of 'sa': 1; the appliance may block an account after five" in conversation.said


@pytest.mark.slow
def test_after_four_refusals_it_ends_before_the_account_is_blocked(lab: ProcessLab, tmp_path: Path) -> None:
    wrong = [[("Console user", ""), ("Console password of admin", f"wrong-password-{number}")] for number in range(4)]
    script = [*straight(lab)[:6], *(each for one in wrong for each in one)]
    with pytest.raises(LoginRefused, match="refused 'admin' 4 times; the next refusal might block the account"):
        visit(lab, tmp_path, script=script).hold()
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_none_is_told_and_another_way_asked(lab: ProcessLab, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    by_key = [
        ("SSH user", ""),
        ("Log in by", "2"),
        ("Private key file", str(tmp_path / "nokey")),
        ("Private key file", str(tmp_path / "key")),
        ("Its passphrase", ""),
        ("SSH user", ""),
    ]
    conversation = visit(lab, tmp_path, script=replaced(straight(lab), "SSH user", *by_key))
    assert conversation.hold()
    assert f"    there is no file {tmp_path}/nokey" in conversation.said
    assert any(line.startswith(f"  ✗ cannot use the key {tmp_path}/key") for line in conversation.said)
    assert "key_file" not in conversation.wrote()["old"]["ssh"]


@pytest.mark.slow
def test_an_agent_that_is_not_there_is_told_and_another_way_asked(
    lab: ProcessLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    script = replaced(straight(lab), "SSH user", ("SSH user", ""), ("Log in by", "3"), ("SSH user", ""))
    conversation = visit(lab, tmp_path, script=script)
    assert conversation.hold()
    assert any(line.startswith("  ✗ ssh-agent holds no key") for line in conversation.said)
    assert "agent" not in conversation.wrote()["old"]["ssh"]


# ---- the console -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lab_without_backup(tmp_path: Path) -> Iterator[ProcessLab]:
    with process_lab(tmp_path / "lab", old={"backup_feature": False}, boot_delay=0.02) as lab:
        yield lab


@pytest.mark.slow
def test_without_a_backup_page_it_goes_on_with_an_archive(lab_without_backup: ProcessLab, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    conversation = visit(lab_without_backup, tmp_path / "here")
    assert conversation.hold()
    assert any("give it with --backup-file FILE" in line for line in conversation.said)
    assert " --backup-file FILE" in conversation.said[-1]
    assert " --backup-file FILE" in conversation.said[-2]


@pytest.fixture
def lab_without_keystore(tmp_path: Path) -> Iterator[ProcessLab]:
    """Its console runs on what it has read; over SSH there is no key store to be seen."""
    with process_lab(tmp_path / "lab", boot_delay=0.02) as lab:
        lab.root_of(lab.old_id).at("/usr/share/djigzo-web/ssl/sslCertificate.p12").unlink()
        yield lab


def by_url(lab: ProcessLab, *more: tuple[str, str]) -> Script:
    url = f"https://{lab.address}:{lab.console_port}/ciphermail"
    asked = [("The console's URL", url), *more, ("Console user", "")]
    return replaced(straight(lab), "Console user", *asked)


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_is_compared_and_pinned(
    lab_without_keystore: ProcessLab, tmp_path: Path
) -> None:
    lab, here = lab_without_keystore, tmp_path / "here"
    here.mkdir()
    conversation = visit(lab, here, script=by_url(lab, ("Is it the same there?", "yes")))
    assert conversation.hold()
    assert f"    its certificate has the SHA-256 fingerprint {lab.web_fingerprint}" in conversation.said
    assert conversation.wrote()["old"]["console"]["fingerprint"] == lab.web_fingerprint


@pytest.mark.slow
def test_without_a_console_it_goes_on(lab_without_keystore: ProcessLab, tmp_path: Path) -> None:
    lab, here = lab_without_keystore, tmp_path / "here"
    here.mkdir()
    asked = [
        ("The console's URL", "http://here"),
        ("The console's URL", f"https://{lab.address}:1/"),
        ("The console's URL", f"https://{lab.address}:{lab.console_port}/"),
        ("Is it the same there?", "no"),
        ("The console's URL", ""),
    ]
    script = replaced(straight(lab), "Console user", *asked)
    script.remove(("Console password of admin", lab.admin_old.password))
    conversation = visit(lab, here, script=script)
    assert conversation.hold()
    assert "console" not in conversation.wrote()["old"]
    assert any(line.startswith("    'http://here' is not an https URL") for line in conversation.said)
    assert any(line.startswith(f"  ✗ no TLS session with {lab.address}:1: ") for line in conversation.said)
    assert " --backup-file FILE" in conversation.said[-1]


# ---- the new one -----------------------------------------------------------------------------------------------------


def test_the_live_network_is_not_offered_for_staging(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path)
    conversation.hold()
    assert (
        "    not lan: it is the live network; the new VM would answer there for the live address" in conversation.said
    )
    assert "     1  staging" in conversation.said
    assert [line for line in conversation.said if line.endswith("  lan")] == []


def test_a_bridge_is_given_by_name(lab: ProcessLab, tmp_path: Path) -> None:
    script = replaced(straight(lab), "Staging network", ("Staging network", "2"), ("The bridge's name", "br1"))
    conversation = visit(lab, tmp_path, script=script)
    conversation.hold()
    assert conversation.wrote()["new"]["staging"] == "bridge:br1"


def test_where_there_is_one_network_only_an_address_on_it_is_asked_for(lab: ProcessLab, tmp_path: Path) -> None:
    """Refused as the plan would refuse it: the old gateway's own, and one of another network."""
    asked = f"A free address of {lab.lan_net}0/24, outside of DHCP's"
    wrong = [(asked, lab.address), (asked, "198.51.100.9")]
    one = [("Staging network", "3"), *wrong, (asked, f"{lab.lan_net}77")]
    conversation = visit(lab, tmp_path, script=replaced(straight(lab), "Staging network", *one))
    assert conversation.hold()
    assert "     3  none: on lan itself, at an address of its own" in conversation.said
    assert any(f"{lab.address} is the old gateway's own address" in line for line in conversation.said)
    assert any("198.51.100.9 is no address of a machine in" in line for line in conversation.said)
    new = conversation.wrote()["new"]
    assert (new["staging"], new["staging_address"]) == ("same-lan", f"{lab.lan_net}77")


class NoCommands(MemoryHypervisor):
    """Nothing is run in its guests, as on VMware and Hyper-V."""

    run_in_guest = None  # type: ignore[assignment]


def test_where_the_plan_would_refuse_it_one_network_is_not_offered(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, kind=NoCommands)
    assert conversation.hold()
    assert [line for line in conversation.said if "none: on lan itself" in line] == []


# ---- where passwords come from ---------------------------------------------------------------------------------------


def with_sources(lab: ProcessLab, number: str, *more: tuple[str, str]) -> Script:
    return replaced(straight(lab), "Passwords", ("Passwords", number), *more)


def test_from_the_environment(lab: ProcessLab, tmp_path: Path) -> None:
    conversation = visit(lab, tmp_path, script=with_sources(lab, "2"))
    conversation.hold()
    assert conversation.wrote()["old"]["ssh"]["password"] == {"env": "VMMIGRATE_OLD_SSH_PASSWORD"}
    left = "first: read -rs VMMIGRATE_NEW_SSH_PASSWORD; export VMMIGRATE_NEW_SSH_PASSWORD    # new.ssh.password"
    assert left in conversation.said


def test_in_files_that_only_the_owner_can_read(lab: ProcessLab, tmp_path: Path) -> None:
    new = [
        ("SSH password of sa on the new VM (new.ssh.password), or nothing", "typed now"),
        ("console password of admin on the new VM (new.console.password), or nothing", ""),
    ]
    conversation = visit(lab, tmp_path, script=with_sources(lab, "3", *new))
    conversation.hold()
    secrets = tmp_path / "secrets"
    assert conversation.wrote()["new"]["ssh"]["password"] == {"file": str(secrets / "new.ssh.password")}
    assert {path.name: path.read_text() for path in secrets.iterdir()} == {
        "old.ssh.password": lab.sa_old.password + "\n",
        "old.console.password": lab.admin_old.password + "\n",
        "new.ssh.password": "typed now\n",
    }
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    assert secrets.stat().st_mode & 0o777 == 0o700
    place = f"{secrets}/new.console.password"
    left = f"first: (umask 077; read -rs P; printf '%s\\n' \"$P\" > {place})    # new.console.password"
    assert [line for line in conversation.said if line.startswith("first: ")] == [left]


@pytest.fixture
def keyring() -> Iterator[Any]:
    package = pytest.importorskip("keyring")
    before = package.get_keyring()
    yield package
    package.set_keyring(before)


def test_in_the_keyring(lab: ProcessLab, tmp_path: Path, keyring: Any) -> None:
    kept: dict[tuple[str, str], str] = {}

    class InMemory(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
        """Keyring's documented point of extension."""

        priority = 1
        name = "a keyring in memory"

        def get_password(self, service: str, username: str) -> str | None:
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

    keyring.set_keyring(InMemory())
    new = [
        ("SSH password of sa on the new VM (new.ssh.password), or nothing", ""),
        ("console password of admin on the new VM (new.console.password), or nothing", "admin"),
    ]
    conversation = visit(lab, tmp_path, script=with_sources(lab, "4", *new))
    conversation.hold()
    assert "  ✓ there is a keyring: a keyring in memory" in conversation.said
    assert conversation.wrote()["old"]["ssh"]["password"] == {"keyring": "vmmigrate-mailgw/old.ssh.password"}
    assert kept == {
        ("vmmigrate-mailgw", "old.ssh.password"): lab.sa_old.password,
        ("vmmigrate-mailgw", "old.console.password"): lab.admin_old.password,
        ("vmmigrate-mailgw", "new.console.password"): "admin",
    }
    assert "first: keyring set vmmigrate-mailgw new.ssh.password" in conversation.said


def test_without_a_keyring_another_place_is_asked_for(lab: ProcessLab, tmp_path: Path, keyring: Any) -> None:
    from keyring.backends import fail

    keyring.set_keyring(fail.Keyring())
    conversation = visit(lab, tmp_path, script=with_sources(lab, "4", ("Passwords", "1")))
    assert conversation.hold()
    assert "  ✗ keyring: there is no keyring on this machine that can store a secret" in conversation.said


def test_a_vm_that_cannot_be_migrated_ends_it(lab: ProcessLab, tmp_path: Path) -> None:
    class Renumbered(MemoryHypervisor):
        """Another virtual machine: none of its NICs has the guest's MAC."""

        def inventory(self, vm: VmRef) -> Any:
            found = super().inventory(vm)
            nics = tuple(dataclasses.replace(nic, mac="52:54:00:ff:ff:ff") for nic in found.nics)
            return dataclasses.replace(found, nics=nics)

    conversation = visit(lab, tmp_path, kind=Renumbered, script=straight(lab)[:5])
    with pytest.raises(PlanRefused, match=r"the guest's MAC .* is not one of mailgw's"):
        conversation.hold()
