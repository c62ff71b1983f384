"""The settings of one appliance: its address, its console, its SSH server, its jump host."""

import getpass
import ipaddress
import re
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vmmigrate.settings.sources import FullPath, Property, SecretSource, Strict


def _host_key(text: str) -> str:
    """Raises ValueError for what cannot be the pin of any key."""
    if text.startswith("SHA256:") and not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", text.strip()):
        raise ValueError("this is no fingerprint: give SHA256: and 43 characters, as `ssh-keygen -lf` prints it")
    return text


def _host(text: str) -> str:
    """An IPv6 address as the guest itself writes it; one in brackets, as in a URL, is meant as one."""
    inside = re.fullmatch(r"\[(.*:.*)\]", text.strip())
    try:
        return str(ipaddress.IPv6Address(inside[1] if inside else text))
    except ValueError:
        return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueError("give an IP address, not a name") from None


Host = Annotated[str, AfterValidator(_host)]
PlainAddress = Annotated[str, AfterValidator(_address)]
HostKeyPin = Annotated[str, AfterValidator(_host_key)]


def _words(value: object) -> object:
    """Each once; a variable of the environment has them with commas between. Raises ValueError."""
    listed = value.split(",") if isinstance(value, str) else value
    if value is None or not isinstance(listed, list | tuple):
        raise ValueError(f"give a list of {', '.join(get_args(LikeOld))}; or [] for none")
    words = dict.fromkeys(each.strip() if isinstance(each, str) else str(each) for each in listed)
    if unknown := [word for word in words if word and word not in get_args(LikeOld)]:
        raise ValueError(f"there is no {', no '.join(unknown)}: give a list of {', '.join(get_args(LikeOld))}")
    return tuple(filter(None, words))


LikeOld = Literal["tags", "custom-attributes", "permissions", "shares", "reservations", "limits"]


class ConsoleSettings(Strict):
    """A console and an account on it. Without a url, it is searched for on 443 and 8443."""

    url: str | None = Field(
        examples=["https://192.0.2.10:8443/ciphermail"],
        default=None,
        description="The console's URL. Left out: searched for on ports 443 and 8443.",
    )
    user: str = Field(default="admin", description="An administrator of the console.")
    password: SecretSource | None = Field(default=None, description="Where that account's password comes from.")
    fingerprint: str | None = Field(
        examples=["0123456789abcdef" * 4],
        default=None,
        description="SHA-256 of the console's certificate, which pins it. Left out: compared with the one that the"
        " appliance's own key store shows over SSH.",
    )
    ca_file: FullPath | None = Field(
        examples=["/etc/ssl/internal-ca.pem"],
        default=None,
        description="A PEM file of the authority that signed the console's certificate, instead of a fingerprint.",
    )
    profile: FullPath | None = Field(
        examples=["console.toml"],
        default=None,
        description="A profile, for a console whose forms are not found automatically (`vmmigrate probe`).",
    )


class JumpSettings(Strict):
    """A jump host: an SSH server through which all connections to one side go."""

    url: str = Field(
        pattern=r"^ssh://([^@:/\s]+@)?(\[[0-9a-fA-F:.]+\]|[^@:/\s\[\]]+)(:\d{1,5})?/?$",
        description="ssh://USER@HOST:PORT. Left out: your user name here, port 22.",
    )
    key_file: FullPath | None = Field(default=None, description="Log in with this private key.")
    key_passphrase: SecretSource | None = Field(default=None, description="Where that key's passphrase comes from.")
    agent: bool = Field(default=False, description="Log in with the keys in ssh-agent.")
    password: SecretSource | None = Field(default=None, description="Where the account's password comes from.")
    host_key: HostKeyPin | None = Field(default=None, description="Its SSH host key. Left out: known_hosts decides.")
    known_hosts: FullPath | None = Field(default=None, description="Another known_hosts file.")

    @property
    def user(self) -> str:
        return urlsplit(self.url).username or getpass.getuser()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 22


def _jump(value: object) -> object:
    """The URL is enough if known_hosts and ssh-agent have the rest."""
    return {"url": value, "agent": True} if isinstance(value, str) else value


Via = Annotated[
    JumpSettings | None,
    BeforeValidator(_jump),
    Field(
        examples=["ssh://admin@jump.example.test:22"],
        description="A jump host that the console, the shell and every handshake of this side go through: its URL, for"
        " which ssh-agent has the key; or a table of url, key_file, key_passphrase, agent, password, host_key,"
        " known_hosts. Left out: a direct connection.",
    ),
]


class SshSettings(Strict):
    """An SSH server and an account that may use sudo."""

    port: int = Field(default=22, ge=1, le=65535, description="The port of its SSH service.")
    user: str = Field(default="sa", description="An account that may use sudo.")
    password: SecretSource | None = Field(
        default=None, description="Where that account's password comes from; with key_file it is only for sudo."
    )
    key_file: FullPath | None = Field(
        examples=["~/.ssh/id_ed25519"],
        default=None,
        description="Log in with this private key instead of the password. A certificate beside it (-cert.pub) is"
        " used. With agent: the public key to choose among the agent's.",
    )
    key_passphrase: SecretSource | None = Field(default=None, description="Where that key's passphrase comes from.")
    agent: bool = Field(default=False, description="Log in with the keys in ssh-agent, instead of the password.")
    host_key: HostKeyPin | None = Field(
        examples=["SHA256:czAIcfRMFo58lJ3ix1DmDCybuP9TABfFomcjTpy0244"],
        default=None,
        description="Its SSH host key: SHA256:… as `ssh-keygen -lf` prints it. Left out: known_hosts decides.",
    )
    known_hosts: FullPath | None = Field(
        examples=["~/.ssh/known_hosts"],
        default=None,
        description="Another known_hosts file. Left out: ~/.ssh/known_hosts.",
    )
    insecure_ssh_rsa: bool = Field(
        default=False,
        description="INSECURE: permit the old ssh-rsa (SHA-1) signatures, which some 4.x appliances need.",
    )


class NewSshSettings(SshSettings):
    """An SSH server and an account that may use sudo, in a fresh image."""

    new_password: SecretSource | None = Field(
        default=None,
        description="The new password, if the image demands a change at the first log-in. Left out: such a demand"
        " stops the run.",
    )


class OldSettings(Strict):
    """The appliance to be replaced. `address`: needed if the hypervisor does not report it."""

    address: Host | None = Field(
        examples=["192.0.2.10"], default=None, description="Its address. Left out: as the hypervisor reports it."
    )
    live_nic: str | None = Field(
        examples=["52:54:00:12:34:56"],
        default=None,
        pattern=r"^\S{1,17}$",
        description="Of several connected NICs the one that faces the world: its MAC, or its name in the guest. Left"
        " out: the one with the address.",
    )
    seen_as: PlainAddress | None = Field(
        examples=["192.0.2.7"],
        default=None,
        description="This workstation's address as the live network sees it, where a jump host or NAT is in between:"
        " it passes the new gateway's isolation. Left out: the address of our own connection.",
    )
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Its SMTP port.")
    via: Via = None
    console: ConsoleSettings = ConsoleSettings()
    ssh: SshSettings = SshSettings()

    @model_validator(mode="before")
    @classmethod
    def _unaltered(cls, value: object) -> object:
        ssh = value.get("ssh") if isinstance(value, dict) else None
        if isinstance(ssh, dict) and "new_password" in ssh:
            raise ValueError(
                "ssh.new_password is only for the new VM: the old one is not changed; change its password by hand"
            )
        return value


class NewSettings(Strict):
    """The new appliance. `console` is its account before the import; afterwards the old one's is valid."""

    name: str | None = Field(
        examples=["mailgw-2"], default=None, description="Its name. Left out: the old one's with the run's id."
    )
    folder: str | None = Field(
        examples=["Mail/Gateways"],
        default=None,
        description="On vSphere, its folder: the path from the datacenter. Left out: the old VM's.",
    )
    rename: bool = Field(
        default=False,
        description="At `finish`, give it the old VM's name; the old VM becomes NAME-old-DATE. Nothing undoes that."
        " libvirt renames only what is off, so `finish` then restarts the new VM.",
    )
    staging: str | None = Field(
        examples=["staging"],
        default=None,
        description="A network that only this workstation reaches: the new VM is prepared over it."
        " A host's bridge is bridge:NAME. With same-lan, on KVM: the live network itself, see docs/network.md.",
    )
    staging_first: bool = Field(
        default=False, description="Staging on the first NIC: for images that configure only that one."
    )
    staging_address: Host | None = Field(
        examples=["198.51.100.10"],
        default=None,
        description="Its address on staging. Left out: as the hypervisor reports it. With same-lan: one that is free.",
    )
    trust_staging: bool = Field(
        default=False, description="INSECURE: trust the new VM's SSH host key as seen on the staging network."
    )
    vcpus: int | None = Field(
        examples=[2], default=None, ge=1, description="Virtual CPUs. Left out: as many as the old VM has."
    )
    memory_mib: int | None = Field(
        examples=[4096], default=None, ge=128, description="Memory in MiB. Left out: as much as the old VM has."
    )
    firmware: Literal["bios", "efi"] | None = Field(
        examples=["efi"],
        default=None,
        description="bios or efi. Left out: as in the image's OVF, else as the old VM.",
    )
    disk_bus: Literal["virtio", "scsi", "sata", "ide"] | None = Field(
        examples=["sata"],
        default=None,
        description="The bus of its disk: virtio, scsi, sata or ide. Left out: as the old VM.",
    )
    like_old: Annotated[tuple[LikeOld, ...] | None, BeforeValidator(_words)] = Field(
        examples=[["tags", "custom-attributes", "permissions", "shares"]],
        default=None,
        description="What the new VM gets of the old one beside its hardware: of tags, custom-attributes, permissions,"
        " shares, reservations, limits. Left out: on vSphere the first four, as far as possible; []: none.",
    )
    properties: dict[str, Property] = Field(
        examples=[{"net.address": "192.0.2.20", "sa.password": {"env": "MAILGW_SA"}}],
        default={},
        description="vApp properties of the image's OVF, on vSphere: by key, in quotes, a text or the source of a"
        " secret. Also as a table, [new.properties]. Left out: none.",
    )
    via: Via = None
    console: ConsoleSettings = ConsoleSettings()
    ssh: NewSshSettings = NewSshSettings()
