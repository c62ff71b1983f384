"""What an operator decides with `--accept`: the ids, and what each permits."""

from collections.abc import Iterable

from vmmigrate.errors import UsageProblem

MPA_ERROR, MPA_UNKNOWN = "mpa-error", "mpa-unknown"
DECISIONS = {
    "main-cf": "main.cf of the new gateway differs from the old one's",
    "maps": "files in which Postfix looks things up differ, or are missing",
    "authorized-keys": "not the same keys may log in over SSH",
    "listeners": "the guests do not listen at the same ports",
    "ports": "ports at which the old gateway answers, and the new one does not",
    "first-password": "the password that the image had at first still opens the account of the shell",
    "first-account": "the account that the image's console had at first is still valid",
    "smtp-offers": "SMTP of the new gateway offers less than the old one's",
    "smtp-takes": "SMTP of the new gateway takes recipients that the old one refuses, or the other way round",
    "outgoing-dns": "resolvers of the new gateway do not answer",
    "outgoing-mail": "mail servers that the new gateway sends to do not answer",
    "outgoing-lookups": "directories, databases or filters that the new gateway asks do not answer",
    "outgoing-ntp": "clocks that the new gateway asks do not answer",
    "outgoing-other": "other servers that you named do not answer",
    MPA_ERROR: "mail that the old mail agent could not handle stays in its error queue",
    MPA_UNKNOWN: "nobody knows what the old mail agent's queues hold: what is in them stays in the old VM",
}


def split(text: object) -> object:
    """`mpa-error,mpa-unknown` as a list; anything else as it is."""
    return [each.strip() for each in text.split(",") if each.strip()] if isinstance(text, str) else text


def known(ids: Iterable[str]) -> tuple[str, ...]:
    """Each once. Raises ValueError for one that there is not, with all that there are."""
    given = tuple(dict.fromkeys(ids))
    if wrong := [each for each in given if each not in DECISIONS]:
        raise ValueError(f"{', '.join(wrong)}: nothing that can be accepted; there are {', '.join(DECISIONS)}")
    return given


def accepted(text: str | None) -> tuple[str, ...]:
    """As it is given to `--accept`. Raises UsageProblem."""
    try:
        return known([each.strip() for each in (text or "").split(",") if each.strip()])
    except ValueError as error:
        listed = "; ".join(f"{name}: {what}" for name, what in DECISIONS.items())
        raise UsageProblem(f"--accept: {error}", hint=listed) from error
