"""How much a reader takes of what it is given: bytes, seconds, steps, things, depth. No bound is elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """At most `most` of `unit` of `what`, which may be hostile where `of` is.

    `unit`: "bytes", "seconds", "steps", "things", "times" or "depth". `why`: what is honest has, or the source.
    """

    what: str
    of: str
    most: int
    unit: str
    why: str


def in_module(names: Mapping[str, object]) -> dict[str, Limit]:
    """The limits that a module defines, by their names, in its order."""
    return {name: each for name, each in names.items() if isinstance(each, Limit)}


EXTENTS = Limit(
    "the descriptor of a VMDK in several files, beside an image",
    "the folder of an image",
    1 << 16,
    "bytes",
    "it is a page of text",
)
OVF = Limit(
    "an OVF descriptor",
    "an image",
    4 << 20,
    "bytes",
    "vendors' files have tens of KiB; with every licence in every language, some hundreds",
)
OVF_ITEMS = Limit(
    "the items of an OVF's hardware, and the entries of its disk section",
    "an image",
    1000,
    "things",
    "a machine of vSphere has some 400 devices at most",
)
OVA_MEMBERS = Limit("the members of an OVA", "an image", 1000, "things", "packages have a few")
OVA_HEADERS = Limit(
    "all tar headers of an OVA: names, long names, extended attributes",
    "an image",
    1 << 22,
    "bytes",
    "a header has 512",
)
MANIFEST = Limit(
    "a manifest, or the file of its signature", "an image", 1 << 20, "bytes", "it has a line for each file"
)
SIGNATURE_CHAIN = Limit(
    "the authorities between a signer and the one that is trusted",
    "an image",
    8,
    "things",
    "publishers have one or two",
)
VMDK_TABLE = Limit("the entries of a grain table", "an image", 512, "things", "in every version of the format")
VMDK_DIRECTORY = Limit(
    "the directory of grain tables",
    "an image",
    1 << 25,
    "bytes",
    "that of a disk of 16 TiB with grains of 64 KiB has 2 MiB",
)
VMDK_DESCRIPTOR = Limit("the descriptor in a VMDK", "an image", 1 << 20, "bytes", "the longest known has 20 sectors")
DISK = Limit("the size of a disk that an OVF names", "an image", 64 << 40, "bytes", "vSphere's own limit is 62 TiB")
AGENT_FILE = Limit(
    "a file through the guest agent", "a new guest", 1 << 20, "bytes", "the agent's channel is for small files"
)
AGENT_PIECES = Limit(
    "the answers that one file comes in", "a new guest", 1 << 10, "steps", "a file of /proc comes in pieces of 1 KiB"
)
AGENT = Limit("one answer of the guest agent", "a new guest", 5, "seconds", "it answers from memory")
AGENT_OUTPUT = Limit(
    "what one command through the guest agent prints",
    "a new guest",
    2 << 20,
    "bytes",
    "a few KiB are looked at; libvirt passes on no more than 3 MiB",
)
AGENT_COMMAND = Limit(
    "a command through the guest agent that is given no other time",
    "a new guest",
    60,
    "seconds",
    "an emulated guest takes seconds to start a program",
)
AGENT_TOTAL = Limit(
    "a file through the guest agent, from its opening to its end", "a new guest", 60, "seconds", "a file has a few KiB"
)
LIBVIRT = Limit(
    "one call of libvirt",
    "a hypervisor",
    120,
    "seconds",
    "`deploy` has none: it copies a disk, and the keep-alive watches its connection",
)
SNAPSHOT = Limit(
    "a snapshot made, gone back to or removed",
    "a hypervisor",
    3600,
    "seconds",
    "the whole memory is written or read; vSphere copies back what was written since",
)
LIBVIRT_CONNECTING = Limit(
    "a connection to libvirt",
    "a hypervisor",
    60,
    "seconds",
    "a daemon that was just started learns first what its QEMU can do",
)
HYPERV = Limit(
    "a script on a Hyper-V host, from its request to the end of its answer",
    "a hypervisor",
    120,
    "seconds",
    "PowerShell takes a second and a half to start; the digest of a disk has a second more for each MiB",
)
HYPERV_PROBE = Limit(
    "what a probe recorded on a Hyper-V host", "a hypervisor", 1 << 16, "bytes", "it has some twenty answers"
)
VSPHERE = Limit(
    "a call of vSphere's to the end of its answer, beside what its bytes take at the slowest speed",
    "a hypervisor",
    120,
    "seconds",
    "a vCenter under load takes half a minute",
)
VSPHERE_TASK = Limit(
    "a task of vSphere's, but for snapshots and for a guest that shuts down",
    "a hypervisor",
    300,
    "seconds",
    "a busy vCenter queues what else takes a second",
)
VSPHERE_LEASE = Limit(
    "an upload's lease of vSphere's, until it is ready",
    "a hypervisor",
    300,
    "seconds",
    "it makes the disks first",
)
VSPHERE_HELD = Limit(
    "a virtual machine that vSphere holds while it is to be removed",
    "a hypervisor",
    400,
    "seconds",
    "a lease whose holder died holds its machine for about five minutes",
)
SLOWEST = Limit(
    "each MiB that goes or comes in an exchange: at less speed it is given up",
    "the network",
    60,
    "seconds",
    "a line of 140 kbit/s: ISDN, twice",
)
TAGS_ANSWER = Limit(
    "an answer of vCenter's REST service", "a hypervisor", 60, "seconds", "it asks another service of vCenter's"
)
KNOWN_HOSTS = Limit("a known_hosts file", "the workstation", 1 << 24, "bytes", "one of ten thousand hosts has 5 MiB")
SSH_OUTPUT = Limit(
    "the output of one command over SSH, and a file that is read so",
    "a guest",
    16 << 20,
    "bytes",
    "the longest honest one is the listing of a queue",
)
SFTP_NAMES = Limit(
    "the names in a folder of a Hyper-V host", "a hypervisor", 50_000, "things", "a home folder has some dozen"
)
WORDS = Limit(
    "the characters of what a machine says, in one message", "a hypervisor", 4_000, "things", "the rest is left out"
)
SFTP_LISTING = Limit(
    "the names in a folder of a Hyper-V host, all of them",
    "a hypervisor",
    16 << 20,
    "bytes",
    "as many of the longest that Windows has",
)
SSH_GREETING = Limit(
    "the lines before a server's first packet", "the network", 1 << 16, "bytes", "a legal notice has a page"
)
SSH_PACKET = Limit("a packet of SSH", "the network", 1 << 18, "bytes", "OpenSSH's own limit; we ask for 32 KiB at most")
VSPHERE_PAGES = Limit(
    "pages of one list of vSphere's",
    "a hypervisor",
    200,
    "steps",
    "of 500 things each; a vCenter has 45,000 machines at most",
)
SSH_WINDOW = Limit(
    "what an SSH server sends into one channel before it is read",
    "the network",
    2 << 20,
    "bytes",
    "the window that we give; one that is honest waits there",
)
HTTP_HEAD = Limit("the headers of an HTTP answer", "the network", 1 << 16, "bytes", "Tomcat's own limit is 8 KiB")
SSH = Limit(
    "a connection to an SSH server, its key exchange, and each proof of who we are",
    "the network",
    15,
    "seconds",
    "each; a machine that boots takes five",
)
SSH_TRANSFER = Limit(
    "what one command takes or gives as a stream over SSH, all of it",
    "a guest",
    86_400,
    "seconds",
    "whatever its speed",
)
QEMU_IMG = Limit(
    "qemu-img without progress, beside what a hundredth of the image takes at a MiB a second",
    "the workstation",
    300,
    "seconds",
    "it says each hundredth",
)
QCOW2_TABLES = Limit(
    "the first table of a qcow2",
    "an image",
    32 << 20,
    "bytes",
    "QEMU's own limit; that of a disk of 2 TiB with clusters of 64 KiB has 32 KiB",
)
TAGS = Limit("an answer of vCenter's REST service", "a hypervisor", 1 << 20, "bytes", "the ids of a machine's tags")
SSH_TO_LIBVIRT = Limit(
    "what ssh to a hypervisor says, and is repeated where it fails",
    "a hypervisor",
    1 << 16,
    "bytes",
    "the last lines say why",
)
VSPHERE_ANSWER = Limit(
    "an answer of vSphere", "a hypervisor", 64 << 20, "bytes", "a page of 500 machines with their hardware has some MiB"
)

LIMITS = in_module(globals())
