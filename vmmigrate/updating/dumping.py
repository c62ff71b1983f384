"""A dump of the gateway's database on the host, read back as it is made; and the database as a dump has it."""

from vmmigrate.appliance.port import Shell
from vmmigrate.errors import ApplianceError
from vmmigrate.reading import whole
from vmmigrate.updating.patience import patiently

_DATABASE = "djigzo"
# $1: the dump. It is root's alone; pg_restore --list reads its table of contents, which is at its end.
_DUMP = """\
set -e
umask 077
rm -f "$1.part"
runuser -u postgres -- pg_dump --format=custom --dbname=DATABASE > "$1.part"
pg_restore --list "$1.part" | grep -c ' TABLE DATA '
sync "$1.part"
mv "$1.part" "$1"
""".replace("DATABASE", _DATABASE)
# --create takes owner, encoding and grants of the database itself from the dump too.
_RESTORE = """\
set -e
pg_restore --list "$1" >/dev/null
runuser -u postgres -- dropdb --if-exists --force DATABASE
runuser -u postgres -- pg_restore --create --exit-on-error --dbname=postgres < "$1"
""".replace("DATABASE", _DATABASE)


def dump(shell: Shell, path: str) -> int:
    """The number of tables in it, as it was read back. Raises CommandFailed, ApplianceError."""
    said = patiently(shell, ("sh", "-c", _DUMP, "dump", path)).stdout.strip()
    tables = whole(said)
    if not tables:
        raise ApplianceError(
            f"the dump of the database of {shell.host} has no tables", hint=f"see there: pg_restore --list {path}"
        )
    return tables


def restore(shell: Shell, path: str) -> None:
    """Replace the database by what a dump has. Nobody else may use it: whoever does is cut off."""
    patiently(shell, ("sh", "-c", _RESTORE, "restore", path))
