"""`vmmigrate probe`: a profile that works, tells nothing it should not, and is known when it no longer fits."""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console_cli import Cli, believed, command_line, secret_file, told
from rest_stand_in import fitting, six
from stand_in import Guest, old_guest

from fixtures.appliance import seed
from fixtures.appliance.config import CONSOLE_TOML
from hypervisors import no_progress
from vmmigrate.alone import probe
from vmmigrate.alone.visit import Visit
from vmmigrate.appliance import https
from vmmigrate.appliance.profile import ConsoleProfile, Profile, read_profile
from vmmigrate.appliance.web import browser
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.appliance.web.probing import keys_of, pins


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    with command_line(tmp_path, monkeypatch) as invoke:
        yield invoke


@pytest.fixture(scope="module")
def one_old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    with old_guest(tmp_path_factory.mktemp("old")) as guest:
        yield guest


@pytest.fixture
def old(one_old: Guest) -> Iterator[Guest]:
    root = one_old.machine.root
    before = root.read(CONSOLE_TOML)
    yield one_old
    root.write(CONSOLE_TOML, before)


@pytest.fixture
def profile(cli: Cli, old: Guest, tmp_path: Path) -> Path:
    """As probe writes it."""
    assert cli("probe", old.url, "-o", "profile.toml", *believed(old, tmp_path)).exit_code == 0
    return tmp_path / "profile.toml"


@contextmanager
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is asked of the console, by method and path."""
    lines: list[str] = []
    request = https.HttpsOrigin.request

    def watched(origin: Any, method: str, url: str, **given: Any) -> Any:
        lines.append(f"{method} {url.partition('8443')[2]}")
        return request(origin, method, url, **given)

    with monkeypatch.context() as patch:
        patch.setattr(https.HttpsOrigin, "request", watched)
        yield lines


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The pages as they came."""
    pages: list[str] = []
    read = browser.read_page

    def watched(html: bytes, *given: Any, **more: Any) -> Any:
        pages.append(html.decode())
        return read(html, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(browser, "read_page", watched)
        yield pages


def misfit(profile: Path, text: str) -> Path:
    path = profile.with_name("other.toml")
    path.write_text(text)
    assert text != profile.read_text()
    return path


# ---- write -----------------------------------------------------------------------------------------------


def test_what_it_says_and_writes(cli: Cli, old: Guest, tmp_path: Path) -> None:
    result = cli("probe", old.address, "-o", "profile.toml", *believed(old, tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split("  ")[4:5] == ["Examine the console"]
    assert lines[1:3] == [f"profile     profile.toml, from {old.url}", f"release     {seed.OLD_RELEASE}"]
    written = tmp_path / "profile.toml"
    found = pins(read_profile(written).console)
    empty = len(list(keys_of(ConsoleProfile))) - len(found)
    assert lines[3:] == [f"found       {len(found)} keys; {empty} are left empty"]
    assert written.stat().st_mode & 0o777 == 0o600
    assert read_profile(written).family == "5.x"
    assert found["ports"] == (8443,)
    assert found["contexts"] == ("/ciphermail",)
    assert {"login.user", "login.password", "backup.page", "backup.location", "restore.file"} <= found.keys()


def test_nothing_but_the_log_in_is_sent(cli: Cli, old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked(monkeypatch) as lines:
        assert cli("probe", old.url, *believed(old, tmp_path)).exit_code == 0
    assert len([line for line in lines if line.startswith("POST")]) == 1


def test_it_tells_no_secret_no_hidden_value_no_name(
    cli: Cli, old: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(monkeypatch) as pages:
        written = cli("probe", old.url, *believed(old, tmp_path)).stdout
    html = "".join(pages)
    hidden = [
        value
        for tag in re.findall(r"<input[^>]*>", html)
        if re.search(r'type=["\']?hidden', tag)
        for value in re.findall(r'value="([^"]+)"', tag)
    ]
    assert len(hidden) > 3
    for text in (*hidden, *seed.SECRETS.values(), old.address, "mailgw", "JSESSIONID"):
        assert text not in written


def test_with_it_the_client_looks_for_nothing(
    cli: Cli, old: Guest, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def visited(pinned: ConsoleProfile) -> list[str]:
        console = WebConsole(old.url, old.trust, profile=pinned, timeout=10)
        with asked(monkeypatch) as lines:
            try:
                console.log_in(old.admin)
                console.find_backup()
                console.find_restore()
            finally:
                console.close()
        return lines

    with_it, without = visited(read_profile(profile).console), visited(ConsoleProfile())
    assert with_it == [
        "GET /ciphermail/login",
        "POST /ciphermail/login.loginform",
        "GET /ciphermail/admin/backup",
        "GET /ciphermail/admin/backup",
    ]
    assert len(without) >= len(with_it)


def test_a_migrations_export_works_with_it(old: Guest, profile: Path, tmp_path: Path) -> None:
    console = WebConsole(old.url, old.trust, profile=read_profile(profile).console, timeout=10)
    try:
        console.log_in(old.admin)
        with (tmp_path / "b").open("wb") as sink:
            assert console.export_backup(sink, None, no_progress).container == "gzip"
    finally:
        console.close()


def test_what_is_not_found_is_told_and_left_empty(cli: Cli, old: Guest, tmp_path: Path) -> None:
    old.behave("backup_feature = false")
    result = cli("probe", old.url, "-o", "profile.toml", *believed(old, tmp_path))
    assert result.exit_code == 0
    missing = [line for line in result.stdout.splitlines() if line.startswith("missing ")]
    assert [line.split(" found at ")[0] for line in missing] == [
        "missing     no backup form (Backup location, Password)",
        "missing     no restore form (a file field)",
    ]
    written = (tmp_path / "profile.toml").read_text()
    assert set(tomllib.loads(written)["console"]["backup"]) == set()
    assert '\n# location = ""  # field that says where the archive goes\n' in written
    assert "backup.location" in "".join(line[2:] for line in written.splitlines() if line.startswith("# "))


def test_on_standard_output_it_is_a_profile_and_nothing_else(cli: Cli, old: Guest, tmp_path: Path) -> None:
    old.behave("backup_feature = false")
    result = cli("probe", old.url, *believed(old, tmp_path))
    assert tomllib.loads(result.stdout)["family"] == "5.x"
    assert result.stderr.startswith("missing     no backup form ")


@pytest.mark.parametrize(
    ("host", "user", "names"),
    [
        ("mail.example.com", "admin", ("mail.example.com",)),
        ("mx1.example.com", "Carol", ("mx1.example.com", "mx1", "carol")),
        ("192.0.2.1", "sa", ("192.0.2.1", "")),
        ("ciphermail", "backup", ()),
    ],
)
def test_names_that_identify_are_kept_out_and_words_that_any_console_says_are_not(
    host: str, user: str, names: tuple[str, ...]
) -> None:
    visited = probe.Host(f"https://{host}:8443/ciphermail", None, Profile())  # type: ignore[arg-type]
    assert probe._names(Visit(host, user), visited) == names


def test_a_family_given_goes_before_the_pages(cli: Cli, old: Guest, tmp_path: Path) -> None:
    result = cli("probe", old.url, "--family", "4.x", *believed(old, tmp_path))
    assert tomllib.loads(result.stdout)["family"] == "4.x"


def test_the_same_for_programs(cli: Cli, old: Guest, tmp_path: Path) -> None:
    result = cli("probe", old.url, "-o", "p.toml", "--json", *believed(old, tmp_path))
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["event"] for event in events] == ["StepBegan", "StepEnded", "Probed"]
    assert events[-1]["found"]["backup.page"] == "/ciphermail/admin/backup"
    assert (events[-1]["family"], events[-1]["missing"], events[-1]["withheld"]) == ("5.x", [], [])


def test_a_profile_that_exists_stays(cli: Cli, old: Guest, profile: Path, tmp_path: Path) -> None:
    before = profile.read_text()
    words = ("probe", old.url, "-o", "profile.toml", *believed(old, tmp_path))
    assert told(cli(*words)) == (
        2,
        "error: profile.toml exists\n  → give another path, or --force to replace it\n",
    )
    assert profile.read_text() == before
    assert cli(*words, "--force").exit_code == 0


def test_a_refused_log_in_writes_nothing(cli: Cli, old: Guest, tmp_path: Path) -> None:
    wrong = secret_file(tmp_path / "wrong", "wrong horse")
    trust = ["--fingerprint", old.trust.fingerprint]
    code, message = told(cli("probe", old.url, "-o", "p.toml", "--password-file", wrong, *trust))
    assert code == 2
    assert message.startswith(f"error: the console at https://{old.address}:8443 refused the account 'admin': ")
    assert not list(tmp_path.glob("*p.toml*"))


def test_words_that_do_not_go_together(cli: Cli) -> None:
    for words in (["--check", "a", "-o", "b"], ["--check", "a", "--profile", "b"], ["--family", "6.x"]):
        result = cli("probe", "192.0.2.1", *words)
        assert result.exit_code == 2
        assert "Invalid value for --" in result.stderr


# ---- check -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True], ids=["url", "host"])
def test_a_profile_fits_the_console_it_was_written_from(
    cli: Cli, old: Guest, profile: Path, tmp_path: Path, bare: bool
) -> None:
    where = old.address if bare else old.url
    result = cli("probe", where, "--check", "profile.toml", *believed(old, tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == [f"fits        profile.toml: {old.url}"]


def test_each_key_that_differs_is_named_with_what_is_seen(cli: Cli, old: Guest, profile: Path, tmp_path: Path) -> None:
    found = pins(read_profile(profile).console)
    text = profile.read_text().replace("8443", "9443").replace('"5.x"', '"4.x"')
    text = text.replace(f'"{found["backup.location"]}"', '"elsewhere"')
    text = text.replace(f'page = "{found["restore.page"]}"', 'page = "/none"')
    misfit(profile, text)
    result = cli("probe", old.address, "--check", "other.toml", *believed(old, tmp_path))
    assert told(result) == (
        2,
        (
            f"error: other.toml does not fit the console at {old.url}: 5 keys differ\n"
            "  → fix it; for 4.x and 5.x, write it again: vmmigrate probe URL -o FILE\n"
        ),
    )
    assert result.stdout.splitlines()[1:] == [
        "differs     console.ports: pinned 9443, seen 8443",
        f"differs     console.backup.page: pinned '/none', seen {found['backup.page']!r}",
        f"differs     console.backup.location: pinned 'elsewhere', seen {found['backup.location']!r}",
        f"differs     console.restore.page: pinned '/none', seen {found['restore.page']!r}",
        "differs     family: pinned '4.x', seen '5.x'",
    ]


def test_a_log_in_form_that_changed(cli: Cli, old: Guest, profile: Path, tmp_path: Path) -> None:
    found = pins(read_profile(profile).console)
    misfit(profile, profile.read_text().replace(f'user = "{found["login.user"]}"', 'user = "nobody"'))
    result = cli("probe", old.url, "--check", "other.toml", "--json", *believed(old, tmp_path))
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 2
    assert events[-2] == {
        "event": "Checked",
        "file": "other.toml",
        "url": old.url,
        "fits": False,
        "differences": [{"key": "console.login.user", "pinned": "nobody", "seen": found["login.user"]}],
        "missing": [],
        "untried": [],
    }


def test_what_the_console_no_longer_has_is_seen_as_nothing(cli: Cli, old: Guest, profile: Path, tmp_path: Path) -> None:
    old.behave("backup_feature = false")
    result = cli("probe", old.url, "--check", "profile.toml", *believed(old, tmp_path))
    assert result.exit_code == 2
    lines = result.stdout.splitlines()[1:]
    assert "differs     console.backup.page: pinned '/ciphermail/admin/backup', seen nothing" in lines
    assert [line[:50] for line in lines if line.startswith("missing")] == [
        "missing     no backup form (Backup location, Passw",
        "missing     no restore form (a file field) found a",
    ]


def test_keys_that_only_a_backup_would_try_are_named(cli: Cli, old: Guest, profile: Path, tmp_path: Path) -> None:
    text = profile.read_text().replace('# yes = ""', 'yes = "Yes, restore"')
    misfit(profile, text)
    result = cli("probe", old.url, "--check", "other.toml", *believed(old, tmp_path))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        f"fits        other.toml: {old.url}",
        "not tried   console.restore.yes: it shows only when a backup is made or restored",
    ]


def test_a_file_that_is_no_profile(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("no = [")
    code, message = told(cli("probe", "192.0.2.1", "--check", "p.toml"))
    assert (code, message[:24]) == (2, "error: p.toml is not TOM")
    assert told(cli("probe", "192.0.2.1", "--check", "none")) == (
        2,
        "error: none: No such file or directory\n  → give a profile that `vmmigrate probe` wrote\n",
    )


# ---- 6.x -------------------------------------------------------------------------------------------------


def toml_of(table: dict[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps({"family": "6.x", "rest": table})


def test_a_back_end_is_asked_for_no_more_than_its_harmless_question(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with six(tmp_path / "six") as back_end:
        table = fitting(back_end.back_end.switches)
        (tmp_path / "six.toml").write_text(toml_of(table))
        password = secret_file(tmp_path / "word", seed.ADMIN_OLD.password)
        flags = [
            "--user",
            seed.ADMIN_OLD.user,
            "--password-file",
            password,
            "--fingerprint",
            back_end.trust.fingerprint,
        ]
        fits = cli("probe", back_end.url, "--check", "six.toml", *flags)
        assert (fits.exit_code, fits.stdout.splitlines()[1:]) == (0, [f"fits        six.toml: {back_end.url}"])

        (tmp_path / "six.toml").write_text(toml_of(table | {"check": {"path": "/auth/nobody"}}))
        other = cli("probe", back_end.url, "--check", "six.toml", *flags)
        assert other.exit_code == 2
        assert "rest.check.path" in other.stdout

        written = cli("probe", back_end.url, "--profile", "six.toml", *flags)
        assert told(written) == (
            2,
            (
                "error: a profile with [rest] is written by hand: nothing can be discovered there\n"
                "  → --check FILE shows whether one fits\n"
            ),
        )
