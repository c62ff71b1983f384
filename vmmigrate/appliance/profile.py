"""An appliance profile: what an operator says of a console that discovery cannot find out by itself (TOML)."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vmmigrate.errors import UsageProblem

_MEND = "mend the profile, or probe the console anew"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoginProfile(_Strict):
    """The log-in form. `page`, `action`: paths on the console's host; the rest: names of fields, a button's caption."""

    page: str | None = None
    action: str | None = None
    user: str | None = None
    password: str | None = None
    button: str | None = None


class BackupProfile(_Strict):
    """The backup form. `download`: the value that `location` takes for a download; `result`: a download link's text."""

    page: str | None = None
    action: str | None = None
    password: str | None = None
    location: str | None = None
    download: str | None = None
    no_database: str | None = None
    button: str | None = None
    result: str | None = None


class RestoreProfile(_Strict):
    """The restore form. `confirm`: a checkbox's name; `yes`: the caption of the button that answers a question."""

    page: str | None = None
    action: str | None = None
    file: str | None = None
    password: str | None = None
    confirm: str | None = None
    button: str | None = None
    yes: str | None = None


class ConsoleProfile(_Strict):
    """The web console of 4.x and 5.x. What is None is discovered.

    `menu`: captions of links from the home page to the backup page. `wizard_skip`: caption of the link or button
    that leaves a first-run wizard. `failure`, `success`: regular expressions on the words of an answer to a restore.
    """

    ports: tuple[int, ...] = (443, 8443)
    contexts: tuple[str, ...] = ("/ciphermail",)
    menu: tuple[str, ...] = ()
    wizard_skip: str | None = None
    failure: str | None = None
    success: str | None = None
    login: LoginProfile = LoginProfile()
    backup: BackupProfile = BackupProfile()
    restore: RestoreProfile = RestoreProfile()


UNPINNED = ConsoleProfile()


class Profile(_Strict):
    """One file: `family` is the version family it was made for ('4.x', '5.x', '6.x')."""

    family: str | None = Field(default=None, pattern=r"^[456]\.x$")
    console: ConsoleProfile = ConsoleProfile()


def read_profile(path: Path | None) -> Profile:
    """None gives the profile that pins nothing. Raises UsageProblem with every problem and its key."""
    if path is None:
        return Profile()
    try:
        return Profile.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}", hint="name a profile that `vmmigrate probe` wrote") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise UsageProblem(f"{path}: {'; '.join(lines)}", hint=_MEND) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is no TOML: {error}", hint=_MEND) from error
