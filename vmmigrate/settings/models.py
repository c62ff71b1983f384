"""All that the operator says: the two sides, the hypervisor, the image, the backup, how long to wait."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from vmmigrate.settings import trial
from vmmigrate.settings.accepting import DECISIONS, MPA_ERROR, known, split
from vmmigrate.settings.carrying import named
from vmmigrate.settings.lengths import A_YEAR, seconds
from vmmigrate.settings.outgoing import servers
from vmmigrate.settings.sides import HostKeyPin, NewSettings, OldSettings
from vmmigrate.settings.sources import FullPath, SecretSource, Strict


class HypervisorSettings(Strict):
    """Where both virtual machines are."""

    url: str = Field(
        default="qemu:///system",
        description="Where the virtual machines run: qemu:///system, qemu+ssh://…, vsphere://…, hyperv+ssh://…",
    )
    store: str | None = Field(
        examples=["default"],
        default=None,
        description="The storage pool or datastore for the new disk. Left out: the only one, else the one with"
        " the old VM's first disk, if it has room.",
    )
    password: SecretSource | None = Field(
        default=None, description="Where the password of the account in a vsphere:// or hyperv+ssh:// URL comes from."
    )
    fingerprint: str | None = Field(
        examples=["0123456789abcdef" * 4],
        default=None,
        description="SHA-256 of the certificate of vCenter or ESXi, trusted instead of an authority's.",
    )
    ca_file: FullPath | None = Field(
        examples=["/etc/ssl/vcenter-ca.pem"],
        default=None,
        description="PEM file of the authority that signed the certificates of vCenter and its hosts.",
    )
    host_key: HostKeyPin | None = Field(
        examples=["SHA256:czAIcfRMFo58lJ3ix1DmDCybuP9TABfFomcjTpy0244"],
        default=None,
        description="The SSH host key of a qemu+ssh:// or hyperv+ssh:// URL's host: SHA256:… as `ssh-keygen -lf` prints"
        " it. Left out: known_hosts decides.",
    )
    known_hosts: FullPath | None = Field(
        examples=["~/.ssh/known_hosts"],
        default=None,
        description="Another known_hosts file for that host. Left out: as ssh is configured.",
    )
    key_file: FullPath | None = Field(
        examples=["~/.ssh/id_ed25519"],
        default=None,
        description="Log in at that host with this private key; of a public key, ssh-agent has the private one."
        " Left out: ssh-agent's and ssh's own.",
    )


class ImageSettings(Strict):
    """What is checked of the new release's image before it is used."""

    sha256: str | None = Field(
        examples=["0123456789abcdef" * 4],
        default=None,
        pattern=r"^[0-9a-fA-F]{64}$",
        description="The SHA-256 from its publisher; any other image is refused.",
    )
    ca_file: FullPath | None = Field(
        examples=["publisher-ca.pem"],
        default=None,
        description="A PEM file of the authority that signs the publisher's OVAs; others are refused.",
    )


class BackupSettings(Strict):
    """`file`: an archive exported by hand. `password`: also makes the console encrypt it, or opens the given one."""

    file: FullPath | None = Field(
        examples=["backup.tar.gz"],
        default=None,
        description="Use this archive, exported by hand, and do not ask the console for one.",
    )
    password: SecretSource | None = Field(
        default=None, description="Where the backup's password comes from. Left out: it is exported without encryption."
    )


class MailSettings(Strict):
    """What becomes of the mail that waits."""

    queue: Literal["carry", "leave", "refuse"] = Field(
        default="carry",
        description="Mail that waits in the old gateway when it is closed: carry it into the new one; leave it there;"
        " or refuse the switch, and go back.",
    )
    test: Annotated[str | None, AfterValidator(trial.known)] = Field(
        examples=["postmaster@example.com"],
        default=None,
        description="Once the new gateway is open it is handed one message, and what became of it is said: ADDRESS,"
        " which is sender and recipient, or FROM,TO. Left out: none.",
    )


class CarrySettings(Strict):
    """What the new gateway's guest gets of the old one's, which no backup has."""

    host_keys: Literal["keep", "new"] = Field(
        default="keep",
        description="SSH host keys: keep the old gateway's, so that nobody who logs in there is warned; or let the new"
        " one have those of its image.",
    )
    accounts: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(named)] = Field(
        examples=[["alice"]],
        default=(),
        description="Accounts that people log in as over SSH: names, or * for all. What the new one lacks is made, with"
        " uid, groups and password; authorized_keys are added to. Others are only listed in the plan.",
    )


class SwitchSettings(Strict):
    """What an operator has decided before the switch."""

    accept: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(known)] = Field(
        examples=[[MPA_ERROR]],
        default=(),
        description=f"What may stay otherwise than it should be: {', '.join(DECISIONS)} (docs/cutover.md).",
    )
    budget: Annotated[float | None, BeforeValidator(seconds)] = Field(
        examples=["60s"],
        default=None,
        gt=0,
        description="Seconds without mail that are permitted: spent before the new gateway is open, the run goes back.",
    )
    outgoing: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(servers)] = Field(
        examples=[["named", "proxy.example.com:3128"]],
        default=(),
        description="Servers that must answer before the switch, asked from the old gateway's place: named stands for"
        " those in the new gateway's settings (resolvers, smart hosts, directories, clocks); others as HOST:PORT.",
    )
    accept_outage: bool = Field(
        default=False,
        description="Where the old gateway changes even while its console is closed: export and import once more with"
        " its intake closed, so that nobody takes mail for minutes. Else the run goes back.",
    )


Wait = Annotated[float, Field(gt=0, le=A_YEAR)]


class Limits(Strict):
    """How long each wait may take, in seconds."""

    boot: Wait = Field(default=300, description="The new VM's first start: its address, SSH, its services.")
    restart: Wait = Field(default=300, description="Its restart after the import, and that of its services.")
    drain: Wait = Field(
        default=10,
        description="Mail under way is delivered, before the switch; what waits longer is carried.",
    )
    shutdown: Wait = Field(default=120, description="A guest's own shutdown.")
    network: Wait = Field(default=60, description="The new gateway's first answer at the live address.")
    answer: Wait = Field(
        default=30,
        description="The new VM's guest agent, once it has booted; and a test message, until it is delivered.",
    )
    reconnect: Wait = Field(default=60, description="The hypervisor, when it stops answering in the middle of a run.")
    stall: Wait = Field(default=120, description="While the hypervisor accepts no byte of the new VM's disk.")
    prepared: Wait = Field(default=604800, description="A prepared run, until `cutover` refuses it as too old.")


class OutageSettings(Strict):
    """How the outage of the switch is measured."""

    watch: bool = Field(
        default=True,
        description="Ask the gateway's services from this workstation during the switch (the SMTP greeting four times a"
        " second), and report when they did not answer.",
    )


class Settings(Strict):
    """All settings except the name of the old VM and the new image. Contains no secrets, only their sources."""

    hypervisor: HypervisorSettings = HypervisorSettings()
    old: OldSettings = OldSettings()
    new: NewSettings = NewSettings()
    image: ImageSettings = ImageSettings()
    backup: BackupSettings = BackupSettings()
    outage: OutageSettings = OutageSettings()
    mail: MailSettings = MailSettings()
    carry: CarrySettings = CarrySettings()
    switch: SwitchSettings = SwitchSettings()
    limits: Limits = Limits()
