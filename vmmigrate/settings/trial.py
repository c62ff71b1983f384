"""From whom to whom the one message goes that proves that mail flows."""

import re

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def pair(text: str) -> tuple[str, str]:
    """Sender and recipient of 'ADDRESS', which is both, or of 'FROM,TO'.

    Raises ValueError, which does not show them: a way back records what it says of a file that is not in order.
    """
    sender, *more = [each.strip() for each in text.split(",")]
    if len(more) > 1 or not all(_ADDRESS.fullmatch(each) for each in (sender, *more)):
        raise ValueError("what is set there is no mail address: give ADDRESS, or FROM,TO")
    return sender, more[0] if more else sender


def known(text: str | None) -> str | None:
    """As it was written. Raises ValueError."""
    if text is not None:
        pair(text)
    return text
