"""The phases of a migration on one screen: what is done, in which order, and what undoes it. Read this second."""

from vmmigrate.step import Nothing, Phase, Step, UndoRefused
from vmmigrate.steps import (
    address,
    claim,
    close,
    collect_tls,
    deploy,
    export,
    import_,
    install_tls,
    intake,
    isolate,
    note_old,
    open,  # noqa: A004 -- the step's own name; this file opens no file
    ready,
    restart,
    switch,
    verify,
    verify_live,
)

READ_ONLY = Nothing("it only reads")
GOES_WITH_VM = Nothing("it changes the new VM alone, which `deploy` deletes")

PREPARE = Phase(
    "prepare",
    (
        Step("claim", "Claim the old VM", claim.do, claim.undo),
        Step("note-old", "Note the old gateway's state", note_old.do, READ_ONLY),
        Step("export", "Export the backup", export.do, export.undo),
        Step("collect-tls", "Collect TLS certificates and keys", collect_tls.do, collect_tls.undo),
        Step("deploy", "Deploy the new image", deploy.do, deploy.undo),
        Step("ready", "Start the new VM", ready.do, GOES_WITH_VM),
        Step("isolate", "Isolate the new VM", isolate.do, GOES_WITH_VM),
        Step("address", "Configure the live address", address.do, GOES_WITH_VM),
        Step("import", "Import the backup", import_.do, GOES_WITH_VM, redo_from="deploy"),
        Step("restart", "Restart the new VM", restart.do, GOES_WITH_VM),
        Step("install-tls", "Install TLS certificates and keys", install_tls.do, GOES_WITH_VM),
        Step("verify", "Verify the new gateway", verify.do, READ_ONLY),
    ),
)

SWITCH = Phase(
    "switch",
    (
        Step("close-intake", "Close the old mail intake", intake.do, intake.undo),
        Step("switch", "Unplug the old VM, plug in the new", switch.do, switch.undo),
        Step("verify-live", "Verify at the live address", verify_live.do, READ_ONLY),
        Step("open", "Open the new gateway", open.do, open.undo),
    ),
)

CLOSE = Phase(
    "close",
    (
        Step("tidy", "Remove the isolation for good", open.tidy, Nothing("`open` isolates it again")),
        Step("autostart", "Hand over autostart", close.do_autostart, close.undo_autostart),
        Step("notes", "Leave a note on both VMs", close.do_notes, close.undo_notes),
    ),
)

MIGRATE = (PREPARE, SWITCH, CLOSE)

__all__ = ["CLOSE", "MIGRATE", "PREPARE", "SWITCH", "Nothing", "Phase", "Step", "UndoRefused"]
