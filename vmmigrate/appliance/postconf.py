"""Parameters of main.cf with their `$name` looked up."""

import re

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError

_DEEPEST = 8  # `$` expansions: a loop in main.cf must end


def expanded(shell: Shell, values: dict[str, str], value: str) -> str:
    """A value with its `$name`, `${name}` and `$(name)` replaced; what main.cf does not set is asked for."""
    for _ in range(_DEEPEST):
        names = re.findall(r"\$[({]?(\w+)[)}]?", value)
        if not names:
            return value
        for name in dict.fromkeys(names):
            known = values[name] if name in values else _default(shell, name)
            value = re.sub(rf"\$(?:\({name}\)|\{{{name}\}}|{name}\b)", known.replace("\\", r"\\"), value)
    raise ApplianceError(
        f"{shell.host}: parameters of main.cf refer to themselves: {value}",
        hint="fix /etc/postfix/main.cf",
    )


def _default(shell: Shell, name: str) -> str:
    return shell.run(("postconf", "-h", name), user="root", check=False).stdout.strip()
