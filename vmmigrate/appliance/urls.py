"""The parts of a console's URL that may be shown and compared: its origin and its path. Pure functions."""

import re
from urllib.parse import urljoin, urlsplit


def origin_of(url: str) -> str:
    """`https://host:port` in lower case, the port always written. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def joined(base: str, target: str) -> str:
    """The absolute address of a `target` that stands on the page `base`; '' for what no browser could open either."""
    try:
        url = urljoin(base, target)
        origin_of(url)
    except ValueError:
        return ""
    return url


def path_of(url: str) -> str:
    """The path alone: session ids stand in its parameters, tokens in its query."""
    return re.sub(r";[^/]*", "", urlsplit(url).path) or "/"
