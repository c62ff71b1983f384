"""What an SMTP server offered at one port, as it is recorded."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Offered:
    """`keywords`: those of EHLO with their words; `secured`: after STARTTLS. `answers`: recipient → code."""

    port: int
    keywords: dict[str, str] = field(default_factory=dict)
    secured: dict[str, str] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
