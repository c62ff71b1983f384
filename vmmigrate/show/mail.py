"""Show whether mail flows, for programs."""

from dataclasses import asdict

from vmmigrate.events import Service


def mail_json(mail: Service | None) -> dict[str, object] | None:
    """Its fields, and the line that people read. None: a kind of run that serves no mail, or nobody looked."""
    return {**asdict(mail), "words": str(mail)} if mail else None
