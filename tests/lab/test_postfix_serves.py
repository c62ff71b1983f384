"""What is read is what a real Postfix sends, and what is written it sends too: each certificate, shape by shape.

Every two values of two factors meet in some row of the table. Each row is an smtpd of one real Postfix, whose own
postconf says how it is set.
"""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from allpairspy import AllPairs
from certified import Authority, Certified
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fixtures import lab as labs
from fixtures.lab import postfix as real
from fixtures.ports import free_port
from hypervisors import NotYet, Unreachable, wait_for
from vmmigrate.appliance.port import FileMeta, Result
from vmmigrate.appliance.tls import postfix_layout
from vmmigrate.appliance.tls.handshake import PortClosed, served
from vmmigrate.appliance.tls.keys import Pair
from vmmigrate.appliance.tls.postfix import Service, read_postfix
from vmmigrate.appliance.tls.postfix_pairs import read_pairs
from vmmigrate.errors import CommandFailed

pytestmark = pytest.mark.lab

AUTHORITY = Authority()
FACTORS: dict[str, list[str]] = {
    "kind": ["RSA", "ECDSA", "Ed25519"],
    "chain": ["beside", "none", "by a CA file", "by a CA folder", "repeated", "with the root"],
    "form": ["combined", "apart", "both have the key", "eccert", "dcert", "one chain file", "two chain files"],
    "text": ["plain", "commented key", "indented key", "CRLF", "byte order mark", "blanks", "words"],
    "on": ["may", "Encrypt", "secure", "use_tls", "wrapper"],
    "value": ["plain", "condition", "comparison", "parameter"],
}


@dataclass(frozen=True)
class Row:
    """One smtpd: how its pair lies there, and what in master.cf names it."""

    number: int
    port: int
    kind: str
    chain: str
    form: str
    text: str
    on: str
    value: str

    @property
    def folder(self) -> str:
        return f"/e/{self.number}"

    @property
    def starttls(self) -> bool:
        return self.on != "wrapper"

    def __str__(self) -> str:
        return f"{self.number:02}-{self.kind}-{self.chain}-{self.form}-{self.text}-{self.on}-{self.value}"

    def files(self, pair: Certified) -> dict[str, bytes]:
        key, certificates = pair.key_pem(), self._certificates(pair)
        held = {"ca.pem": AUTHORITY.root_pem + pair.middle_pem, "pair.pem": key + certificates}
        held |= {"cert.pem": certificates, "key.pem": key}
        if self.form == "both have the key":
            held["cert.pem"] = key + certificates
        return {f"{self.folder}/{name}": self._worded(data) for name, data in held.items()}

    def entry(self) -> str:
        options = {**self._named(), **_SWITCHES[self.on]}
        if self.chain.startswith("by a CA"):
            folder = self.chain.endswith("folder")
            options |= {
                "smtpd_tls_CApath" if folder else "smtpd_tls_CAfile": f"{self.folder}/{'cas' if folder else 'ca.pem'}"
            }
        words = " ".join(f"-o {name}={value}" for name, value in options.items())
        return f"{self.port} inet n - n - - smtpd {words}\n"

    def _certificates(self, pair: Certified) -> bytes:
        match self.chain:
            case "beside":
                return pair.chain_pem
            case "repeated":
                return pair.leaf_pem + pair.chain_pem + pair.middle_pem
            case "with the root":
                return pair.chain_pem + AUTHORITY.root_pem
            case _:
                return pair.leaf_pem

    def _worded(self, pem: bytes) -> bytes:
        lines = OTHER.key_pem().splitlines(keepends=True)
        match self.text:
            case "commented key":
                return b"".join(b"#" + line for line in lines) + pem
            case "indented key":
                return b"".join(b"  " + line for line in lines) + pem
            case "CRLF":
                return pem.replace(b"\n", b"\r\n")
            case "byte order mark":
                return b"\xef\xbb\xbf" + pem
            case "blanks":
                return pem.replace(b"-----\n", b"----- \t\n")
            case "words":
                return b"Bag Attributes\n    friendlyName: gw\n" + pem
            case _:
                return pem

    def _named(self) -> dict[str, str]:
        pair, cert, key = (self._value(f"{self.folder}/{name}.pem") for name in ("pair", "cert", "key"))
        match self.form:
            case "combined":
                return {"smtpd_tls_cert_file": pair}
            case "eccert" | "dcert":
                return {f"smtpd_tls_{self.form}_file": cert, f"smtpd_tls_{self.form.replace('cert', 'key')}_file": key}
            case "one chain file":
                return {"smtpd_tls_chain_files": pair}
            case "two chain files":
                return {"smtpd_tls_chain_files": f"{key},{cert}", "smtpd_tls_cert_file": "/not/read"}
            case _:
                return {"smtpd_tls_cert_file": cert, "smtpd_tls_key_file": key}

    def _value(self, path: str) -> str:
        match self.value:
            case "condition":
                return f"${{myhostname?{{{path}}}:{{/no}}}}"
            case "comparison":
                return f"${{{{$mail_name}}=={{Postfix}}?{{{path}}}:{{/no}}}}"
            case "parameter":
                return path.replace("/e/", "$shapes/")
            case _:
                return path


_SWITCHES = {
    "may": {"smtpd_tls_security_level": "may"},
    "Encrypt": {"smtpd_tls_security_level": "Encrypt"},
    "secure": {"smtpd_tls_security_level": "secure"},
    "use_tls": {"smtpd_use_tls": "YES"},
    "wrapper": {"smtpd_tls_wrappermode": "Yes", "smtpd_tls_security_level": "none"},
}
OTHER = AUTHORITY.issue("ECDSA")
_LINES = [dict(zip(FACTORS, chosen, strict=True)) for chosen in AllPairs(list(FACTORS.values()))]
ROWS = [Row(number, free_port(), **line) for number, line in enumerate(_LINES, 1)]
ONE, TWO = AUTHORITY.issue("ECDSA"), AUTHORITY.issue("ECDSA")
PSS = (Path(__file__).parents[1] / "unit" / "appliance" / "shapes" / "rsa-pss.pem").read_bytes()


def trusted(pem: bytes) -> bytes:
    """As `openssl x509 -trustout` writes it."""
    words = ["openssl", "x509", "-trustout", "-addtrust", "serverAuth"]
    return subprocess.run(words, input=pem, capture_output=True, check=True).stdout


@dataclass(frozen=True)
class Odd:
    """What no server shows as it lies there (`shows` is None), or only in part; `said`: the findings' ids."""

    pem: bytes
    said: tuple[str, ...]
    shows: bytes | None = None
    option: str = "smtpd_tls_cert_file"


ODD = {
    "a second key": Odd(ONE.pem + TWO.pem, ("tls-second-key",), ONE.chain_pem + TWO.chain_pem),
    "a trusted certificate above": Odd(
        ONE.key_pem() + ONE.leaf_pem + trusted(ONE.middle_pem), ("tls-trusted-certificate",), ONE.leaf_pem
    ),
    "a trusted leaf": Odd(ONE.key_pem() + trusted(ONE.leaf_pem) + ONE.middle_pem, ("tls-trusted-certificate",)),
    "a leaf behind its chain": Odd(ONE.key_pem() + ONE.middle_pem + ONE.leaf_pem, ("tls-leaf-not-first",)),
    "two of one kind": Odd(ONE.pem + TWO.pem, ("tls-same-kind",), option="smtpd_tls_chain_files"),
    "a key for RSA-PSS": Odd(PSS, (), PSS),
}
# Behind postscreen smtpd has one pair, and tlsproxy has another for the clients that postscreen keeps to itself.
PASSING, KEEPING = free_port(), free_port()
BEHIND, OWN = AUTHORITY.issue("RSA"), AUTHORITY.issue("ECDSA")
SCREENED = f"""
{PASSING} inet n - n - 1 postscreen -o smtpd_tls_security_level=may
{KEEPING} inet n - n - 1 postscreen -o smtpd_tls_security_level=may -o postscreen_access_list=
  -o postscreen_greet_wait=1s -o postscreen_bare_newline_enable=yes
  -o postscreen_cache_map=btree:$data_directory/keeping
smtpd pass - - n - - smtpd -o smtpd_tls_security_level=may -o smtpd_tls_chain_files=/screen/behind.pem
tlsproxy unix - - n - 0 tlsproxy -o tlsproxy_tls_security_level=may -o tlsproxy_tls_chain_files=/screen/own.pem
dnsblog unix - - n - 0 dnsblog
"""
QUEUES = "/var/spool/postfix"
UNDER = {"root": AUTHORITY.root_pem, "middle": ONE.middle_pem}
LEAF, BOTH = ONE.key_pem() + ONE.leaf_pem, AUTHORITY.root_pem + ONE.middle_pem


@dataclass(frozen=True)
class Placed:
    """Where files lie that a service names, and how many certificates it then finds above the leaf."""

    options: str
    above: int
    files: dict[str, bytes]
    chroot: str = "n"

    def entry(self, port: int) -> str:
        return f"{port} inet n - {self.chroot} - - smtpd -o smtpd_tls_security_level=may -o {self.options}\n"


def by_folder(folder: str) -> dict[str, bytes]:
    return {"/leaf.pem": LEAF, **{f"{folder}/{name}.pem": pem for name, pem in UNDER.items()}}


ALONE = "smtpd_tls_cert_file=/leaf.pem -o smtpd_tls_"
PLACED = {
    "a relative pair": Placed("smtpd_tls_cert_file=own.pem", 1, {f"{QUEUES}/own.pem": ONE.pem}),
    "a relative pair, in a chroot": Placed("smtpd_tls_chain_files=own.pem", 1, {f"{QUEUES}/own.pem": ONE.pem}, "y"),
    "a relative CA file": Placed(f"{ALONE}CAfile=ca.pem", 2, {"/leaf.pem": LEAF, f"{QUEUES}/ca.pem": BOTH}),
    "a CA file, in a chroot": Placed(f"{ALONE}CAfile=/ca.pem", 2, {"/leaf.pem": LEAF, "/ca.pem": BOTH}, "y"),
    "a relative CA folder": Placed(f"{ALONE}CApath=cas", 2, by_folder(f"{QUEUES}/cas")),
    "a relative CA folder, in a chroot": Placed(f"{ALONE}CApath=cas", 2, by_folder(f"{QUEUES}/cas"), "y"),
    "a CA folder inside the chroot": Placed(f"{ALONE}CApath=/inside", 2, by_folder(f"{QUEUES}/inside"), "y"),
    "a CA folder outside the chroot": Placed(f"{ALONE}CApath=/outside", 0, by_folder("/outside"), "y"),
    "half in OpenSSL's own file": Placed(
        f"{ALONE}CAfile=/half.pem -o tls_append_default_CA=yes",
        2,
        {"/half.pem": ONE.middle_pem, "/usr/lib/ssl/cert.pem": AUTHORITY.root_pem},
    ),
    "all in OpenSSL's own folder, which counts beside another": Placed(
        "smtpd_tls_cert_file=/leaf.pem -o tls_append_default_CA=yes", 0, by_folder("/usr/lib/ssl/certs")
    ),
}
FOLDERS = (f"{QUEUES}/cas", f"{QUEUES}/inside", "/outside", "/usr/lib/ssl/certs")
PLACED_PORTS = {place: free_port() for place in PLACED}
ODD_PORTS = {shape: free_port() for shape in ODD}
PAIRS = {kind: AUTHORITY.issue(kind) for kind in FACTORS["kind"]}


@dataclass(frozen=True)
class Chroot:
    """As much of a shell as looking at Postfix and its files needs, in the folder where the real one runs."""

    postfix: real.Postfix
    host: str = "127.0.0.1"

    def read_file(self, path: str) -> bytes:
        try:
            return self.postfix.at(path).read_bytes()
        except OSError as error:
            raise CommandFailed(str(error), hint="a test's shell") from error

    def file_meta(self, path: str) -> FileMeta | None:
        return FileMeta("0600", "root", "root") if self.postfix.at(path).exists() else None

    def run(self, argv: Sequence[str], **_: object) -> Result:
        said = self.postfix.run(argv)
        return Result(said.returncode, said.stdout, said.stderr)


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: pytest.TempPathFactory) -> real.Postfix:
    """It does not run yet."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    made = real.unpack(labs.folders().cache, tmp_path_factory.mktemp("postfix"), print)
    for row in ROWS:
        made.write(row.files(PAIRS[row.kind]))
        held = {"root": AUTHORITY.root_pem, "middle": PAIRS[row.kind].middle_pem}
        made.write({f"{row.folder}/cas/{name}.pem": pem for name, pem in held.items()})
        made.run(("openssl", "rehash", f"{row.folder}/cas"))
    entries = [row.entry() for row in ROWS]
    for name, odd in ODD.items():
        path = f"/odd/{ODD_PORTS[name]}"
        made.write({path: odd.pem})
        entries.append(
            f"{ODD_PORTS[name]} inet n - n - - smtpd -o smtpd_tls_security_level=may -o {odd.option}={path}\n"
        )
    for place, placed in PLACED.items():
        made.write(placed.files)
        entries.append(placed.entry(PLACED_PORTS[place]))
    for folder in FOLDERS:
        made.run(("openssl", "rehash", folder))
    made.write({"/screen/behind.pem": BEHIND.pem, "/screen/own.pem": OWN.pem})
    made.configure("shapes = /e\n", "".join(entries) + SCREENED.lstrip())
    return made


@pytest.fixture(scope="module")
def at_first(postfix: real.Postfix) -> dict[int, list[x509.Certificate] | None]:
    """What each port sends before anything is written; None where it cannot."""
    found: dict[int, list[x509.Certificate] | None] = {}
    with postfix.running():
        for row in ROWS:
            found[row.port] = sent(row.port, starttls=row.starttls)
        for port in ODD_PORTS.values():
            found[port] = None
            with suppress(Unreachable):
                found[port] = sent(port)
        found |= {port: sent(port) for port in (PASSING, KEEPING, *PLACED_PORTS.values())}
    return found


def sent(port: int, *, starttls: bool = True) -> list[x509.Certificate]:
    def look() -> list[x509.Certificate]:
        try:
            chain = served("127.0.0.1", port, starttls=starttls).chain
        except PortClosed as error:
            raise NotYet(str(error)) from error
        return [x509.load_der_x509_certificate(each) for each in chain]

    return wait_for(f"port {port}", look, timeout=180, clears="see var/log/mail.log in its folder", pause=0.1)


@pytest.fixture(scope="module")
def services(postfix: real.Postfix) -> dict[int, Service]:
    """As postconf of that very Postfix says; none of them is port 25's."""
    found = read_postfix(Chroot(postfix)).services  # type: ignore[arg-type]
    return {service.port: service for service in found if service.port}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_read_is_what_is_sent(
    postfix: real.Postfix, services: dict[int, Service], at_first: dict[int, list[x509.Certificate] | None], row: Row
) -> None:
    service = services[row.port]
    assert (service.tls, service.implicit) == (True, not row.starttls)
    shell = Chroot(postfix)
    (pair,) = read_pairs(shell, service.files)  # type: ignore[arg-type]
    assert [pair.leaf, *pair.chain] == at_first[row.port]
    assert [each.id for each in pair.said] == (["tls-chain-of-authorities"] if row.chain.startswith("by a CA") else [])


@pytest.mark.parametrize("name", ODD)
def test_what_is_read_otherwise_than_it_lies_there_is_said(
    postfix: real.Postfix, services: dict[int, Service], at_first: dict[int, list[x509.Certificate] | None], name: str
) -> None:
    """What no server shows is read as it was meant; what one shows in part is read in part."""
    odd, port = ODD[name], ODD_PORTS[name]
    (pair,) = read_pairs(Chroot(postfix), services[port].files)  # type: ignore[arg-type]
    assert tuple(each.id for each in pair.said) == odd.said
    shows = x509.load_pem_x509_certificates(odd.shows) if odd.shows else None
    assert at_first[port] == shows
    assert [pair.leaf, *pair.chain] == (shows or [ONE.leaf, ONE.middle])


@pytest.mark.parametrize("place", PLACED)
def test_where_files_lie(
    postfix: real.Postfix, services: dict[int, Service], at_first: dict[int, list[x509.Certificate] | None], place: str
) -> None:
    port = PLACED_PORTS[place]
    (pair,) = read_pairs(Chroot(postfix), services[port].files)  # type: ignore[arg-type]
    path = [ONE.leaf, ONE.middle, *x509.load_pem_x509_certificates(AUTHORITY.root_pem)]
    assert [pair.leaf, *pair.chain] == at_first[port] == path[: PLACED[place].above + 1]


def test_behind_postscreen_smtpd_s_pair_is_read_and_tlsproxy_s_is_said(
    postfix: real.Postfix, at_first: dict[int, list[x509.Certificate] | None]
) -> None:
    read = read_postfix(Chroot(postfix))  # type: ignore[arg-type]
    [passed] = [service for service in read.services if service.name == "smtpd/pass"]
    (pair,) = read_pairs(Chroot(postfix), passed.files)  # type: ignore[arg-type]
    assert [pair.leaf, *pair.chain] == at_first[PASSING] == [BEHIND.leaf, BEHIND.middle]
    assert at_first[KEEPING] == [OWN.leaf, OWN.middle]
    [said] = [each for each in read.findings if each.id == "tls-postscreen"]
    assert "/screen/own.pem" in said.seen


@pytest.mark.usefixtures("at_first")
def test_what_is_written_is_what_is_sent(postfix: real.Postfix, services: dict[int, Service]) -> None:
    """The next kind of key in each row's place; the files that it names and no others."""
    kinds = FACTORS["kind"]
    wanted: dict[int, Certified] = {}
    shell = Chroot(postfix)
    for row in ROWS:
        new = wanted[row.port] = AUTHORITY.issue(kinds[(kinds.index(row.kind) + 1) % len(kinds)])
        pair = Pair(new.key, new.leaf, (new.middle,))
        made = postfix_layout.layout(shell, services[row.port], (pair,))  # type: ignore[arg-type]
        assert made.parameters == {}
        postfix.write({file.path: file.data for file in postfix_layout.new_files(shell, made)})  # type: ignore[arg-type]
    with postfix.running():
        shown = {
            row.port: [each.public_bytes(Encoding.PEM) for each in sent(row.port, starttls=row.starttls)]
            for row in ROWS
        }
    assert shown == {port: [new.leaf_pem, new.middle_pem] for port, new in wanted.items()}
