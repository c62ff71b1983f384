"""Which programs a guest has: asked without sudo, which costs a password check each time."""

from vmmigrate.appliance.port import Shell


def which(shell: Shell, name: str) -> str | None:
    """A program's path, None where it is not installed. An ordinary user's PATH lacks the sbin folders."""
    found = shell.run(question(name), check=False).stdout.splitlines()
    return found[0].strip() if found else None


def question(name: str) -> tuple[str, ...]:
    """What `which` asks, for a look ahead."""
    return ("which", name, f"/usr/sbin/{name}", f"/sbin/{name}")
