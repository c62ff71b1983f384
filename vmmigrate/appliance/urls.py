"""The parts of a console's URL that may be shown and compared: its origin and its path. Pure functions."""

import re
from urllib.parse import urlsplit


def origin_of(url: str) -> str:
    """`https://host:port` in lower case, the port always written."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def path_of(url: str) -> str:
    """The path alone: session ids stand in its parameters, tokens in its query."""
    return re.sub(r";[^/]*", "", urlsplit(url).path) or "/"
