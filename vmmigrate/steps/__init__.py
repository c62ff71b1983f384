"""The phases of a migration on one screen: the steps, their order, and their undo. Read this second."""

from vmmigrate.facts import (
    Backup,
    Claim,
    Intake,
    NewGuest,
    NewVm,
    OldState,
    Opened,
    Plugged,
    Reboot,
    TlsInstalled,
    TlsKept,
    Verified,
    VerifiedLive,
)
from vmmigrate.step import Nothing, Phase, Step
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
GOES_WITH_VM = Nothing("it changes only the new VM, which `deploy` deletes")

PREPARE = Phase(
    "prepare",
    (
        Step("claim", "Claim the old VM", claim.do, claim.undo, learns=(Claim,)),
        Step("note-old", "Note the old gateway's state", note_old.do, READ_ONLY, learns=(OldState,)),
        Step("export", "Export the backup", export.do, export.undo, learns=(Backup,)),
        Step("collect-tls", "Collect TLS certificates and keys", collect_tls.do, collect_tls.undo, learns=(TlsKept,)),
        Step("deploy", "Deploy the new image", deploy.do, deploy.undo, learns=(NewVm,)),
        Step("ready", "Start the new VM", ready.do, GOES_WITH_VM, learns=(NewGuest,), needs=(NewVm,)),
        Step("isolate", "Isolate the new VM", isolate.do, GOES_WITH_VM, needs=(OldState, NewGuest)),
        Step("address", "Configure the live address", address.do, GOES_WITH_VM, needs=(NewVm, NewGuest)),
        Step("import", "Import the backup", import_.do, GOES_WITH_VM, needs=(Backup, NewGuest), redo_from="deploy"),
        Step("restart", "Restart the new VM", restart.do, GOES_WITH_VM, learns=(Reboot,), needs=(NewVm, NewGuest)),
        Step(
            "install-tls",
            "Install TLS certificates and keys",
            install_tls.do,
            GOES_WITH_VM,
            learns=(TlsInstalled,),
            needs=(TlsKept, NewGuest),
        ),
        Step(
            "verify",
            "Verify the new gateway",
            verify.do,
            READ_ONLY,
            learns=(Verified,),
            needs=(OldState, Backup, TlsKept, NewGuest, TlsInstalled),
        ),
    ),
)

SWITCH = Phase(
    "switch",
    live=True,
    steps=(
        Step("close-intake", "Close the old mail intake", intake.do, intake.undo, learns=(Intake,), needs=(Backup,)),
        Step(
            "switch",
            "Unplug the old VM, plug in the new",
            switch.do,
            switch.undo,
            learns=(Plugged,),
            needs=(OldState, NewVm, NewGuest),
        ),
        Step(
            "verify-live",
            "Verify at the live address",
            verify_live.do,
            READ_ONLY,
            learns=(VerifiedLive,),
            needs=(OldState, TlsKept, NewGuest, TlsInstalled),
        ),
        Step("open", "Open the new gateway", open.do, open.undo, learns=(Opened,), needs=(OldState, NewGuest)),
    ),
)

CLOSE = Phase(
    "close",
    live=True,
    steps=(
        Step(
            "tidy", "Remove the isolation for good", open.tidy, Nothing("`open` isolates it again"), needs=(NewGuest,)
        ),
        Step(
            "autostart", "Hand over autostart", close.do_autostart, close.undo_autostart, needs=(Claim, NewVm, Plugged)
        ),
        Step("notes", "Leave a note on both VMs", close.do_notes, close.undo_notes, needs=(NewVm,)),
    ),
)
