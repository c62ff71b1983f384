"""appliance.port.Console over the stand-in's archive: no page, no TLS."""

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from fixtures.appliance import accounts, archive
from fixtures.appliance.restart import Pending
from fixtures.appliance.store import FileStore
from fixtures.model.guest import Guest
from fixtures.model.host import LostAnswer
from hypervisors import LoginRefused, ProgressListener, Secret, Unreachable
from vmmigrate.appliance.port import Account, Exported
from vmmigrate.errors import ApplianceError, Unanswered

if TYPE_CHECKING:
    from tests.faults.doors import Doors


class ModelConsole:
    """The console of whoever answers at `host`."""

    def __init__(self, doors: "Doors", host: str) -> None:
        self._doors, self._host = doors, host
        self._account = ""

    def log_in(self, account: Account) -> None:
        guest = self._guest("log in to the console")
        rows = Pending(guest.root).accounts() or FileStore(guest.root).rows("cm_admins")
        if not accounts.in_table(rows, account.user, account.password.reveal()):
            raise LoginRefused(f"the console at {self._host} refuses {account.user!r}", hint=f"see {account.given}")

    def find_backup(self) -> None:
        self._guest("find the backup page")

    def export_backup(self, sink: BinaryIO, password: Secret | None, progress: ProgressListener) -> Exported:
        guest = self._guest("export")
        made = io.BytesIO()
        archive.make(self._appliance(guest), made, "", database=True, network=False)
        data = made.getvalue()
        sink.write(data)
        self._after("export")
        return Exported("backup.tar.gz", "gzip", len(data), hashlib.sha256(data).hexdigest())

    def import_backup(
        self, source: BinaryIO, name: str, size: int, password: Secret | None, progress: ProgressListener
    ) -> None:
        """The restore is in force from the next start of the services on; cut off in between, it is half done."""
        guest, world = self._guest("upload the backup"), self._doors.world
        vm = world.id_of(guest)
        data = source.read()
        world.imports[vm] = world.imports.get(vm, 0) + 1
        Pending(guest.root).begin(FileStore(guest.root).rows("cm_admins"))
        self._after("restore, half of it")
        try:
            archive.restore(self._appliance(guest), io.BytesIO(data), "", network=False)
        except archive.ArchiveError as error:
            raise ApplianceError(str(error), hint="see its log") from error
        self._after("restore")

    def mail_queues(self) -> dict[str, int]:
        """The model's mail is Postfix's alone."""
        self._guest("count the mail agent's queues")
        return dict.fromkeys(("outgoing", "error", "spool", "respool"), 0)

    def close(self) -> None:
        """Nothing is held."""

    def _guest(self, what: str) -> Guest:
        try:
            self._doors.hook("guest", f"{self._host}: console: {what}", "before")
        except LostAnswer as lost:
            raise Unreachable(f"the console at {self._host} does not answer", hint="is it up?") from lost
        guest = self._doors.world.answering(self._host, 8443)
        if guest is None:
            raise Unreachable(f"the console at {self._host} does not answer", hint="is it up?")
        return guest

    def _after(self, what: str) -> None:
        try:
            self._doors.hook("guest", f"{self._host}: console: {what}", "after")
        except LostAnswer as lost:
            raise Unanswered(f"{what}: no answer", hint="see its log") from lost
        if self._doors.world.answering(self._host, 8443) is None:
            raise Unanswered(f"{what}: no answer", hint="see its log")

    def _appliance(self, guest: Guest) -> archive.Appliance:
        release = guest.root.text("/etc/standin/console.toml").split('release = "')[1].partition('"')[0]
        return archive.Appliance(guest.root, FileStore(guest.root), release)
