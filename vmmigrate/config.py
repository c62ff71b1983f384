"""What the operator says: vmmigrate.toml, environment and flags, checked all at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vmmigrate.errors import UsageProblem

ENV_PREFIX = "VMMIGRATE_"


# A run may be resumed from another folder: `~` and relative paths mean what they meant when it began.
FullPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Strict):
    """Where a secret comes from. Exactly one; none of them is the secret itself."""

    env: str | None = None
    file: FullPath | None = None
    command: tuple[str, ...] | None = Field(None, min_length=1)
    prompt: bool = False

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secret(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 -- what pydantic reports as a problem
                'a password does not belong here: use { env = "NAME" }, { file = "PATH" } or { command = […] }'
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretSource":
        given = [self.env is not None, self.file is not None, self.command is not None, self.prompt]
        if sum(given) != 1:
            raise ValueError("give exactly one of env, file, command, prompt")
        return self


class ConsoleSettings(_Strict):
    """A console and an account on it. Without a url, it is looked for on 443 and 8443."""

    url: str | None = None
    user: str = "admin"
    password: SecretSource | None = None
    fingerprint: str | None = None
    ca_file: FullPath | None = None
    profile: FullPath | None = None


class SshSettings(_Strict):
    """An SSH server and an account that may use sudo."""

    port: int = Field(default=22, ge=1, le=65535)
    user: str = "sa"
    password: SecretSource | None = None
    key_file: FullPath | None = None
    host_key: str | None = None
    known_hosts: FullPath | None = None
    insecure_ssh_rsa: bool = False


class HypervisorSettings(_Strict):
    url: str = "qemu:///system"
    store: str | None = None


class OldSettings(_Strict):
    """The appliance to be replaced. `address`: where the hypervisor does not tell it."""

    address: str | None = None
    smtp_port: int = Field(default=25, ge=1, le=65535)
    console: ConsoleSettings = ConsoleSettings()
    ssh: SshSettings = SshSettings()


class NewSettings(_Strict):
    """The appliance to be made. `console` is its account before the import; afterwards the old one's holds."""

    name: str | None = None
    staging: str | None = None
    staging_first: bool = False
    staging_address: str | None = None
    trust_staging: bool = False
    vcpus: int | None = Field(default=None, ge=1)
    memory_mib: int | None = Field(default=None, ge=128)
    console: ConsoleSettings = ConsoleSettings()
    ssh: SshSettings = SshSettings()


class BackupSettings(_Strict):
    """`file`: an archive exported by hand. `password`: encrypt it by the console too, or open the one given."""

    file: FullPath | None = None
    password: SecretSource | None = None


class Limits(_Strict):
    """How long each wait may take, in seconds."""

    boot: float = Field(default=300, gt=0)
    restart: float = Field(default=300, gt=0)
    drain: float = Field(default=60, gt=0)
    shutdown: float = Field(default=120, gt=0)
    network: float = Field(default=60, gt=0)
    answer: float = Field(default=30, gt=0)


class Settings(_Strict):
    """Everything that is not the name of the old VM and the new image. Holds no secret, only their sources."""

    hypervisor: HypervisorSettings = HypervisorSettings()
    old: OldSettings = OldSettings()
    new: NewSettings = NewSettings()
    backup: BackupSettings = BackupSettings()
    limits: Limits = Limits()


def load(file: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Flags over environment over file; without `file`, the default one if it exists.

    Raises UsageProblem that lists every problem with its path.
    """
    path = file or default_file()
    data = _read_toml(path) if file or path.exists() else {}
    try:
        return Settings.model_validate(_merged(_merged(data, _from_environment(environ)), flags))
    except ValidationError as error:
        raise _problems(path, error) from error


def default_file() -> Path:
    """`vmmigrate.toml` here, else in the user's configuration folder."""
    here = Path("vmmigrate.toml")
    return here if here.exists() else platformdirs.user_config_path("vmmigrate") / "vmmigrate.toml"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}", hint="give an existing file with --config") from error
    except ValueError as error:
        raise UsageProblem(f"{path}: {error}", hint="this must be TOML; see the example in the README") from error


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


def _problems(path: Path, error: ValidationError) -> UsageProblem:
    lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return UsageProblem(
        "the configuration has "
        + ("a problem" if len(lines) == 1 else f"{len(lines)} problems")
        + ":\n  "
        + "\n  ".join(lines),
        hint=f"mend them in {path}, in the {ENV_PREFIX}… environment or in the flags",
    )
