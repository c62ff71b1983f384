"""What the operator says: vmmigrate.toml, environment and flags, checked all at once."""

import getpass
import shlex
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from vmmigrate.errors import UsageProblem

ENV_PREFIX = "VMMIGRATE_"


# A run may be resumed from another folder: `~` and relative paths mean what they meant when it began.
FullPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Strict):
    """Where a secret comes from. Exactly one; none of them is the secret itself."""

    env: str | None = Field(examples=["MAILGW_SA"], default=None, description="The environment variable that holds it.")
    file: FullPath | None = Field(
        examples=["/root/mailgw.sa"],
        default=None,
        description="A file that holds it, readable by you alone (chmod 600).",
    )
    command: tuple[str, ...] | None = Field(
        examples=[["pass", "mailgw/sa"]],
        default=None,
        min_length=1,
        description="A program and its arguments; the first line it prints is the secret.",
    )
    keyring: str | None = Field(
        examples=["vmmigrate/mailgw-sa"],
        default=None,
        pattern="^.+/[^/]+$",
        description="SERVICE/USER: the desktop's keyring, as `keyring set SERVICE USER`.",
    )
    prompt: bool = Field(examples=[True], default=False, description="Ask at the terminal, each time.")

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secret(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 -- what pydantic reports as a problem
                'a password does not belong here: use { env = "NAME" }, { file = "PATH" }, { command = […] }, '
                '{ keyring = "SERVICE/USER" } or { prompt = true }'
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretSource":
        named = (self.env, self.file, self.command, self.keyring)
        if sum(each is not None for each in named) + self.prompt != 1:
            raise ValueError("give exactly one of env, file, command, keyring, prompt")
        return self


_TEXT, _SOURCE = "<text>", "<source>"  # which of two forms it is; pydantic puts that into the path of a problem


def _form(value: object) -> str | None:
    return _TEXT if isinstance(value, str) else _SOURCE if isinstance(value, dict | SecretSource) else None


Property = Annotated[
    Annotated[str, Tag(_TEXT)] | Annotated[SecretSource, Tag(_SOURCE)],
    Discriminator(
        _form,
        custom_error_type="property",
        custom_error_message='give text in quotes, or where a secret comes from, as { env = "NAME" }',
    ),
]


class ConsoleSettings(_Strict):
    """A console and an account on it. Without a url, it is looked for on 443 and 8443."""

    url: str | None = Field(
        examples=["https://192.0.2.10:8443/ciphermail"],
        default=None,
        description="The console. Left out: looked for on ports 443 and 8443.",
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
        description="A profile, for a console whose forms are not found by themselves (`vmmigrate probe`).",
    )


class JumpSettings(_Strict):
    """A jump host: an SSH server that everything of one side goes through."""

    url: str = Field(
        pattern=r"^ssh://([^@:/\s]+@)?(\[[0-9a-fA-F:.]+\]|[^@:/\s\[\]]+)(:\d{1,5})?/?$",
        description="ssh://USER@HOST:PORT. Left out: your own name here, port 22.",
    )
    key_file: FullPath | None = Field(default=None, description="Log in with this private key.")
    key_passphrase: SecretSource | None = Field(default=None, description="Where that key's passphrase comes from.")
    agent: bool = Field(default=False, description="Log in with the keys that ssh-agent holds.")
    password: SecretSource | None = Field(default=None, description="Where the account's password comes from.")
    host_key: str | None = Field(default=None, description="Its SSH host key. Left out: known_hosts decides.")
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
    """The URL alone is enough where known_hosts and ssh-agent know the rest."""
    return {"url": value, "agent": True} if isinstance(value, str) else value


Via = Annotated[
    JumpSettings | None,
    BeforeValidator(_jump),
    Field(
        examples=["ssh://admin@jump.example.test:22"],
        description="A jump host that the console, the shell and every handshake of this side go through: its URL, for"
        " which ssh-agent holds the key; or a table of url, key_file, key_passphrase, agent, password, host_key,"
        " known_hosts. Left out: reached straight.",
    ),
]


class SshSettings(_Strict):
    """An SSH server and an account that may use sudo."""

    port: int = Field(default=22, ge=1, le=65535, description="The port of its SSH service.")
    user: str = Field(default="sa", description="An account that may use sudo.")
    password: SecretSource | None = Field(
        default=None, description="Where that account's password comes from; with key_file it serves sudo alone."
    )
    key_file: FullPath | None = Field(
        examples=["~/.ssh/id_ed25519"],
        default=None,
        description="Log in with this private key instead of the password. A certificate beside it (-cert.pub) is"
        " used. With agent: the public key to choose among the agent's.",
    )
    key_passphrase: SecretSource | None = Field(default=None, description="Where that key's passphrase comes from.")
    agent: bool = Field(
        default=False, description="Log in with the keys that ssh-agent holds, instead of the password."
    )
    host_key: str | None = Field(
        examples=["SHA256:…"],
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
        description="What the password becomes where the image demands a change at the first log-in. Left out: that"
        " stops the run, which says so.",
    )


class HypervisorSettings(_Strict):
    """Where both virtual machines are."""

    url: str = Field(
        default="qemu:///system",
        description="Where the virtual machines run: qemu:///system, qemu+ssh://…, vsphere://…",
    )
    store: str | None = Field(
        examples=["default"],
        default=None,
        description="The storage pool or datastore for the new disk. Left out: the only one there is, else the one that"
        " holds the old VM's first disk, if it has room.",
    )
    password: SecretSource | None = Field(
        default=None, description="Where the password of the account in a vsphere:// URL comes from."
    )
    fingerprint: str | None = Field(
        examples=["0123456789abcdef" * 4],
        default=None,
        description="SHA-256 of the certificate of vCenter or ESXi, believed instead of an authority's.",
    )
    ca_file: FullPath | None = Field(
        examples=["/etc/ssl/vcenter-ca.pem"],
        default=None,
        description="PEM file of the authority that signed the certificates of vCenter and its hosts.",
    )


class OldSettings(_Strict):
    """The appliance to be replaced. `address`: where the hypervisor does not tell it."""

    address: str | None = Field(
        examples=["192.0.2.10"], default=None, description="Its address. Left out: as the hypervisor tells it."
    )
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Where it takes mail.")
    via: Via = None
    console: ConsoleSettings = ConsoleSettings()
    ssh: SshSettings = SshSettings()

    @model_validator(mode="before")
    @classmethod
    def _unaltered(cls, value: object) -> object:
        ssh = value.get("ssh") if isinstance(value, dict) else None
        if isinstance(ssh, dict) and "new_password" in ssh:
            raise ValueError(
                "ssh.new_password is for the new VM alone: the old one is not altered; change its password by hand"
            )
        return value


class NewSettings(_Strict):
    """The appliance to be made. `console` is its account before the import; afterwards the old one's holds."""

    name: str | None = Field(
        examples=["mailgw-2"], default=None, description="Its name. Left out: the old one's with the run's id."
    )
    folder: str | None = Field(
        examples=["Mail/Gateways"],
        default=None,
        description="On vSphere, its folder: the names on the way from the datacenter. Left out: the old VM's.",
    )
    staging: str | None = Field(
        examples=["staging"],
        default=None,
        description="A network that this workstation reaches and the world does not: the new VM is prepared over it."
        " A host's bridge is bridge:NAME.",
    )
    staging_first: bool = Field(
        default=False, description="Staging on the first NIC: for images that configure only that one."
    )
    staging_address: str | None = Field(
        examples=["198.51.100.10"],
        default=None,
        description="Its address on staging. Left out: as the hypervisor tells it.",
    )
    trust_staging: bool = Field(
        default=False, description="INSECURE: believe the new VM's SSH host key as the staging network shows it."
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
        description="bios or efi. Left out: as the image's OVF says, else as the old VM has.",
    )
    disk_bus: Literal["virtio", "scsi", "sata", "ide"] | None = Field(
        examples=["sata"],
        default=None,
        description="The bus of its disk: virtio, scsi, sata or ide. Left out: as the old VM has.",
    )
    properties: dict[str, Property] = Field(
        examples=[{"net.address": "192.0.2.20", "sa.password": {"env": "MAILGW_SA"}}],
        default={},
        description="vApp properties of the image's OVF, on vSphere: by key, in quotes, a text or where a secret comes"
        " from. A table of its own, [new.properties], serves as well. Left out: none.",
    )
    via: Via = None
    console: ConsoleSettings = ConsoleSettings()
    ssh: NewSshSettings = NewSshSettings()


class ImageSettings(_Strict):
    """What the new release's image must prove before anything is made of it."""

    sha256: str | None = Field(
        examples=["0123456789abcdef" * 4],
        default=None,
        pattern=r"^[0-9a-fA-F]{64}$",
        description="The SHA-256 that its publisher tells; any other image is refused.",
    )
    ca_file: FullPath | None = Field(
        examples=["publisher-ca.pem"],
        default=None,
        description="A PEM file of the authority that signs the publisher's OVAs; others are refused.",
    )


class BackupSettings(_Strict):
    """`file`: an archive exported by hand. `password`: encrypt it by the console too, or open the one given."""

    file: FullPath | None = Field(
        examples=["backup.tar.gz"],
        default=None,
        description="Take this archive, exported by hand, and ask the console for none.",
    )
    password: SecretSource | None = Field(
        default=None, description="Where the backup's password comes from. Left out: it is exported without encryption."
    )


class Limits(_Strict):
    """How long each wait may take, in seconds."""

    boot: float = Field(default=300, gt=0, description="The new VM's first start: its address, SSH, its services.")
    restart: float = Field(default=300, gt=0, description="Its restart after the import, and that of its services.")
    drain: float = Field(default=60, gt=0, description="Mail on its way through the old gateway, before the switch.")
    shutdown: float = Field(default=120, gt=0, description="A guest's own shutdown.")
    network: float = Field(default=60, gt=0, description="The new gateway's first answer at the live address.")
    answer: float = Field(default=30, gt=0, description="The new VM's guest agent, once it has booted.")
    stall: float = Field(default=120, gt=0, description="vSphere, while it takes no byte of the new VM's disk.")


class Settings(_Strict):
    """Everything that is not the name of the old VM and the new image. Holds no secret, only their sources."""

    hypervisor: HypervisorSettings = HypervisorSettings()
    old: OldSettings = OldSettings()
    new: NewSettings = NewSettings()
    image: ImageSettings = ImageSettings()
    backup: BackupSettings = BackupSettings()
    limits: Limits = Limits()


def load(file: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Flags over environment over file; without `file`, the default one if it exists.

    Raises UsageProblem that lists every problem with its path.
    """
    path = file or default_file()
    data = _read_toml(path) if file or path.exists() else {}
    return _validated(path, _merged(_merged(data, _from_environment(environ)), flags), environ)


def _validated(path: Path, data: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise _problems(path, error, environ) from error


def default_file() -> Path:
    """`vmmigrate.toml` here, else in the user's configuration folder."""
    here = Path("vmmigrate.toml")
    return here if here.exists() else platformdirs.user_config_path("vmmigrate") / "vmmigrate.toml"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        there = f"see what is there: ls -ld {shlex.quote(str(path))}"
        missing = "vmmigrate init OLD writes one; or name another"
        hint = missing if isinstance(error, FileNotFoundError) else there
        raise UsageProblem(f"{path}: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise UsageProblem(
            f"{path}: {error}", hint="this must be TOML; a file to begin with: vmmigrate config template"
        ) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`VMMIGRATE_OLD__SSH__PORT=22` is old.ssh.port; a name without a double underscore is none of ours."""
    data: dict[str, Any] = {}
    for name, value in environ.items():
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        if name.startswith(ENV_PREFIX) and len(path) > 1:
            leaf: Any = value
            for key in reversed(path):
                leaf = {key: leaf}
            data = _merged(data, leaf)
    return data


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge; what is None in `over` says nothing."""
    result = dict(under)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key, {}), Mapping):
            result[key] = _merged(result.get(key, {}), value)
        elif value is not None:
            result[key] = value
    return result


def _problems(file: Path, error: ValidationError, environ: Mapping[str, str]) -> UsageProblem:
    """Each setting by its path, and by its variable where it came from there."""
    lines = []
    for each in error.errors():
        path = tuple(part for part in each["loc"] if part not in (_TEXT, _SOURCE))
        name = ".".join(map(str, path))
        variable = ENV_PREFIX + name.replace(".", "__").upper()
        where = f" ({variable})" if variable in {given.upper() for given in environ} else ""
        lines.append(f"{name}{where}: {_in_words(each['type'], each['msg'], path)}")
    return UsageProblem(
        "the configuration has "
        + ("a problem" if len(lines) == 1 else f"{len(lines)} problems")
        + ":\n  "
        + "\n  ".join(lines),
        hint=f"mend {'it' if len(lines) == 1 else 'them'} in {file}, in the {ENV_PREFIX}… environment or in the flags;"
        " every setting there is: vmmigrate config template",
    )


def _in_words(kind: str, message: str, path: tuple[int | str, ...]) -> str:
    if kind == "extra_forbidden" and path[:2] == ("new", "properties"):
        return "there is no such source of a secret; a key with dots in it stands in quotes"
    if kind == "extra_forbidden":
        near = get_close_matches(str(path[-1]), _beside(path), n=1)
        return "there is no such setting" + (f"; is it {'.'.join(map(str, (*path[:-1], *near)))}?" if near else "")
    if path[-2:] == ("via", "url"):
        return "give it as ssh://USER@HOST:PORT"
    return message.removeprefix("Value error, ")


def _beside(path: tuple[int | str, ...]) -> list[str]:
    """The settings that there are where this one was looked for."""
    table: Any = Settings()
    for part in path[:-1]:
        table = getattr(table, str(part), None)
    return list(type(table).model_fields) if isinstance(table, BaseModel) else []
