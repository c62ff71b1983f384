"""The old gateway's console: find it, trust it, log in once, check its backup page."""

from hypervisors import Dial, LoginRefused, Problem, TlsTrust
from vmmigrate.appliance.port import Account, Shell
from vmmigrate.doors import Doors
from vmmigrate.init import certificates
from vmmigrate.init.conversation import Conversation, Refusals

PASSWORD = "old.console.password"  # noqa: S105 -- the name of a setting
_BY_HAND = "export the backup by hand (in the browser: Admin, Backup) and give it with --backup-file FILE"


def try_console(talk: Conversation, doors: Doors, shell: Shell) -> bool:
    """Whether it can make a backup. If not, the output says so, and how to continue without."""
    found = _find(talk, doors, shell)
    if found is None:
        talk.dialogue.note(f"without the console: {_BY_HAND}")
        return False
    url, trust = found
    refusals = Refusals(talk.dialogue, f"the console at {url}")
    user = "admin"
    while True:
        user = talk.dialogue.text("Console user", user)
        password = talk.dialogue.secret(f"Console password of {user}")
        if refusals.knows(user, password):
            continue
        try:
            return _log_in(talk, doors, url, trust, Account(user, password))
        except LoginRefused as problem:
            refusals.add(user, password, problem)


def _log_in(talk: Conversation, doors: Doors, url: str, trust: TlsTrust, account: Account) -> bool:
    console = doors.old.console(url, trust)
    try:
        console.log_in(account)
        talk.dialogue.good(f"logged in to the console as {account.user}")
        talk.answers.put("old.console.url", url, "found there")
        talk.answers.put("old.console.user", account.user, "logged in")
        talk.secrets[PASSWORD] = account.password
        console.find_backup()
    except LoginRefused:
        raise
    except Problem as problem:
        talk.dialogue.bad(problem)
        talk.dialogue.note(f"this console cannot make a backup: {_BY_HAND}")
        return False
    finally:
        console.close()
    talk.dialogue.good("the backup page is there (no backup was made)")
    return True


# ---- where it is, and why it is trusted ----------------------------------------------------------------------


def _find(talk: Conversation, doors: Doors, shell: Shell) -> tuple[str, TlsTrust] | None:
    """None if the operator continues without a console."""
    trust: TlsTrust | None = None
    try:
        trust = doors.old.trust(shell)
        url = doors.old.console_url(shell.host, trust)
    except Problem as problem:
        talk.dialogue.bad(problem)
        return _ask_where(talk, trust, doors.old.dial)
    talk.dialogue.good(f"console at {url}, with the certificate that SSH sees in the appliance's key store")
    return url, trust


def _ask_where(talk: Conversation, inside: TlsTrust | None, dial: Dial) -> tuple[str, TlsTrust] | None:
    """By its URL; if the certificate is not the one seen `inside`, the operator compares it, and it is pinned."""
    while url := talk.dialogue.optional("The console's URL as in the browser, or nothing to continue without it"):
        if not url.startswith("https://"):
            talk.dialogue.note(f"{url!r} is not an https URL: give it as in https://HOST:8443/ciphermail")
            continue
        try:
            seen = certificates.shown_at(url, dial)
        except Problem as problem:
            talk.dialogue.bad(problem)
            continue
        if inside and seen == inside.fingerprint:
            talk.dialogue.good("its certificate is the one that SSH sees in the appliance's key store")
            return url, inside
        if certificates.compared(talk, seen, "old.console.fingerprint"):
            return url, TlsTrust(seen)
    return None
