"""Where a secret or a property of the new VM comes from, as a setting says it; never the secret itself."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

# A run may be resumed from another folder: `~` and relative paths keep the meaning they had at its start.
FullPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class Strict(BaseModel):
    """A table of the settings: what it does not know is refused, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(Strict):
    """Where a secret comes from. Exactly one; none of them is the secret itself."""

    env: str | None = Field(
        examples=["MAILGW_SA"], default=None, description="The environment variable with the secret."
    )
    file: FullPath | None = Field(
        examples=["/root/mailgw.sa"],
        default=None,
        description="A file with the secret, readable only by you (chmod 600).",
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


TEXT, SOURCE = "<text>", "<source>"  # the two forms; pydantic adds them to the path of a problem


def _form(value: object) -> str | None:
    return TEXT if isinstance(value, str) else SOURCE if isinstance(value, dict | SecretSource) else None


Property = Annotated[
    Annotated[str, Tag(TEXT)] | Annotated[SecretSource, Tag(SOURCE)],
    Discriminator(
        _form,
        custom_error_type="property",
        custom_error_message='give text in quotes, or the source of a secret, as { env = "NAME" }',
    ),
]
