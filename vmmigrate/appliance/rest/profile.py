"""The `[rest]` table of an appliance profile: a back end's endpoints, their requests and their answers.

All of it is unknown for 6.x [F-REST-4]: so only method and kind of body have defaults.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

ID = "{id}"  # the only placeholder in a path, filled from an answer


def _place(text: str) -> str:
    """A path below the base, such as `/backup/jobs/{id}`: never another host, never upwards."""
    segments = text.partition("?")[0].lower().replace("%2e", ".").split("/")
    if not re.fullmatch(r"/(?!/)[!-~]*", text) or re.search(r"[\\#]", text) or {".", ".."} & set(segments):
        raise ValueError(f"{text!r} is not a path: a path begins with one / and has no space, backslash, # or ..")
    if re.search(r"[{}]", text.replace(ID, "")):
        raise ValueError(f"{text!r}: only {ID} can be put in")
    return text


def _fixed(text: str) -> str:
    if ID in _place(text):
        raise ValueError(f"{text!r}: there is no {ID} yet to put in here")
    return text


def _base(text: str) -> str:
    if text == "":
        return text
    if _fixed(text).endswith("/") or "?" in text:
        raise ValueError(f"{text!r} ends with / or has a query; the endpoints' paths are appended to it")
    return text


def _pointer(text: str) -> str:
    if text and not re.fullmatch(r"(/([^~/]|~[01])*)+", text):
        raise ValueError(f'{text!r} is not a JSON pointer: "/data/token" is one, "" is the whole answer')
    return text


Place = Annotated[str, AfterValidator(_place)]
FixedPlace = Annotated[str, AfterValidator(_fixed)]
Pointer = Annotated[str, AfterValidator(_pointer)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]  # what HTTP calls a token
Name = Annotated[str, Field(min_length=1)]
Options = dict[Name, StrictBool | StrictInt | StrictStr]
Change = Literal["POST", "PUT"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestLogin(_Strict):
    """`user`, `password`: names of the body's fields; `options`: further ones with their values.

    `second_factor`: where an answer says that a second factor is needed, beside the usual words and keys.
    """

    method: Change = "POST"
    path: FixedPlace
    body: Literal["json", "form"] = "json"
    user: Name
    password: Name
    options: Options = {}
    second_factor: Pointer | None = None


class RestToken(_Strict):
    """From exactly one of `json` (a pointer), `header`, `cookie`; sent as a header with a scheme, or as a cookie.

    A cookie is sent back as any browser does, without further settings.
    """

    json_: Pointer | None = Field(default=None, alias="json")
    header: Word | None = None
    cookie: Word | None = None
    send_header: Word | None = None
    scheme: Word | None = None
    send_cookie: Word | None = None

    @model_validator(mode="after")
    def _one_way_each(self) -> "RestToken":
        if sum(each is not None for each in (self.json_, self.header, self.cookie)) != 1:
            raise ValueError("give exactly one of json, header, cookie: where the token comes from")
        sent = sum(each is not None for each in (self.send_header, self.send_cookie))
        if sent > 1 or (sent == 0 and self.cookie is None):
            raise ValueError("give one of send_header, send_cookie: how the token is sent")
        if self.scheme and not self.send_header:
            raise ValueError("scheme goes with send_header")
        return self


class RestCheck(_Strict):
    """A harmless request. With `at`, the value there must contain each of `wanted` (a permission, a state)."""

    method: Literal["GET", "HEAD"] = "GET"
    path: FixedPlace
    at: Pointer | None = None
    wanted: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _together(self) -> "RestCheck":
        if (self.at is None) != (not self.wanted):
            raise ValueError("at and wanted go together")
        if self.at is not None and self.method == "HEAD":
            raise ValueError("an answer to HEAD has no body to look at")
        return self


class RestJob(_Strict):
    """A job that the client polls. `id`: where the answer that started the job names it.

    `message`: where the job's own message is.
    """

    id: Pointer | None = None
    poll: Place
    state: Pointer
    done: tuple[str, ...] = Field(min_length=1)
    failed: tuple[str, ...] = ()
    message: Pointer | None = None

    @model_validator(mode="after")
    def _named_where_needed(self) -> "RestJob":
        _same(self.id is not None, any(ID in place for place in self.places()))
        return self

    def places(self) -> tuple[str, ...]:
        return (self.poll,)


class RestExportJob(RestJob):
    """`download`: the path of the archive when the job is done."""

    download: Place

    def places(self) -> tuple[str, ...]:
        return self.poll, self.download


class RestExport(_Strict):
    """Ask for a backup. `password`: the body's field for it. Without `job` the answer is the archive itself."""

    method: Literal["GET", "POST", "PUT"] = "POST"
    path: FixedPlace
    body: Literal["json", "form"] = "json"
    options: Options = {}
    password: Name | None = None
    job: RestExportJob | None = None

    @model_validator(mode="after")
    def _no_password_in_a_url(self) -> "RestExport":
        if self.method == "GET" and self.password:
            raise ValueError("a GET would put the password into a URL, where logs keep it")
        return self


class RestConfirm(_Strict):
    """The request that restores an uploaded archive, if the upload does not do that."""

    method: Change = "POST"
    path: Place
    id: Pointer | None = None
    options: Options = {}

    @model_validator(mode="after")
    def _named_where_needed(self) -> "RestConfirm":
        _same(self.id is not None, ID in self.path)
        return self


class RestImport(_Strict):
    """Send a backup. `file`: the multipart field of the archive; without it, the archive is the whole body.

    `options`: further multipart fields (such as a consent); of a whole-body upload, the query.
    """

    method: Change = "POST"
    path: FixedPlace
    file: Name | None = None
    password: Name | None = None
    options: Options = {}
    confirm: RestConfirm | None = None
    job: RestJob | None = None

    @model_validator(mode="after")
    def _somewhere_for_the_password(self) -> "RestImport":
        if self.password and not self.file:
            raise ValueError("a body that is the archive has no field for a password; give file")
        return self


class RestProfile(_Strict):
    """A back end below `base`, on the first of `ports` that answers. An operation that is None is not available."""

    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(default=(443, 8443), min_length=1)
    base: Annotated[str, AfterValidator(_base)] = ""
    login: RestLogin
    token: RestToken
    check: RestCheck | None = None
    export: RestExport | None = None
    import_: RestImport | None = Field(default=None, alias="import")


def _same(named: bool, wanted: bool) -> None:
    if named != wanted:
        raise ValueError(f"id and {ID} in a path go together")
