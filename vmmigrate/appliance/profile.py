"""An appliance profile: what an operator says of a console that discovery cannot find out by itself (TOML)."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vmmigrate.appliance.rest.profile import RestProfile
from vmmigrate.errors import UsageProblem
from vmmigrate.invalid import plain
from vmmigrate.limits import CONFIGURATION
from vmmigrate.reading import from_toml, text

_FIX = "fix the profile, or probe the console again"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]  # a regular expression, searched for whatever the case
UrlPath = Annotated[str, Field(pattern=r"^/")]  # on the console's host, without `;jsessionid`
Name = Annotated[str, Field(min_length=1)]  # of a field, as it is sent
Caption = Annotated[str, Field(min_length=1)]  # what a link or button says
Port = Annotated[int, Field(ge=1, le=65535)]


class LoginProfile(_Strict):
    """The log-in form on `page`. `next`: the button after the user name, if the password has its own page."""

    page: UrlPath | None = None
    action: UrlPath | None = None
    user: Name | None = None
    next: Caption | None = None
    password: Name | None = None
    button: Caption | None = None


class BackupProfile(_Strict):
    """The backup form: on `page`, or behind the links `menu` from the home page.

    `download`: the value that `location` takes for a download; `no_database`: the checkbox that leaves the database
    out, `database`: the one that takes it in; `result`: the caption of the link that downloads a finished archive.
    """

    page: UrlPath | None = None
    menu: tuple[Caption, ...] = ()
    action: UrlPath | None = None
    password: Name | None = None
    repeat: Name | None = None
    location: Name | None = None
    download: str | None = None
    no_database: Name | None = None
    database: Name | None = None
    button: Caption | None = None
    result: Caption | None = None


class RestoreProfile(_Strict):
    """The restore form: on `page`, or behind the links `menu` from the home page.

    `upload`: the value that `location` takes for a file sent from here; `confirm`: a checkbox, or a choice of yes or
    no; `yes`: the button that answers a question after the upload; `success`, `failure`: what the console says at the
    end.
    """

    page: UrlPath | None = None
    menu: tuple[Caption, ...] = ()
    action: UrlPath | None = None
    file: Name | None = None
    password: Name | None = None
    repeat: Name | None = None
    location: Name | None = None
    upload: str | None = None
    confirm: Name | None = None
    button: Caption | None = None
    yes: Caption | None = None
    success: Pattern | None = None
    failure: Pattern | None = None


class QueuesProfile(_Strict):
    """Where the console lists each queue: the page's path, with the query that belongs to it. `mta` is Postfix's.

    `menu`: links from the home page to the one that lists all four of the mail agent's, or leads to them.
    """

    mta: UrlPath | None = None
    outgoing: UrlPath | None = None
    error: UrlPath | None = None
    spool: UrlPath | None = None
    respool: UrlPath | None = None
    menu: tuple[Caption, ...] = ()


class PamProfile(_Strict):
    """The form that lets Unix accounts log in: on `page`, or behind the links `menu`. `enabled`: its box or choice."""

    page: UrlPath | None = None
    menu: tuple[Caption, ...] = ()
    action: UrlPath | None = None
    enabled: Name | None = None
    button: Caption | None = None


class ConsoleProfile(_Strict):
    """The web console of 4.x and 5.x. What is None or empty is discovered.

    `contexts`: paths at which a log-in page is looked for. `wizard_skip`: the caption of the link or button that
    leaves a first-run wizard.
    """

    ports: tuple[Port, ...] = Field(default=(443, 8443), min_length=1)
    contexts: tuple[UrlPath, ...] = Field(default=("/ciphermail", "/djigzo", "/"), min_length=1)
    wizard_skip: Caption | None = None
    login: LoginProfile = LoginProfile()
    backup: BackupProfile = BackupProfile()
    restore: RestoreProfile = RestoreProfile()
    queues: QueuesProfile = QueuesProfile()
    pam: PamProfile = PamProfile()


UNPINNED = ConsoleProfile()


class Profile(_Strict):
    """One file: `family` is the version family it was made for ('4.x', '5.x', '6.x'). `rest` is for 6.x alone."""

    family: str | None = Field(default=None, pattern=r"^[456]\.x$")
    console: ConsoleProfile = ConsoleProfile()
    rest: RestProfile | None = None

    @model_validator(mode="after")
    def _one_family(self) -> "Profile":
        if self.rest and self.family not in (None, "6.x"):
            raise ValueError(f"family {self.family} has a web console: [rest] is for 6.x")
        return self


def read_profile(path: Path | None) -> Profile:
    """None gives the profile that pins nothing. Raises UsageProblem with every problem and its key."""
    if path is None:
        return Profile()
    try:
        return Profile.model_validate(from_toml(text(path, CONFIGURATION)))
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}", hint="give a profile that `vmmigrate probe` wrote") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {plain(each['type'], each['msg'])}" for each in error.errors()]
        raise UsageProblem(f"{path}: {'; '.join(lines)}", hint=_FIX) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is not TOML: {error}", hint=_FIX) from error
