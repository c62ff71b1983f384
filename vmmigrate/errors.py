"""What can go wrong on our side of the hypervisor: one exception a cause, each with what to do now."""

from hypervisors import Problem


class UsageProblem(Problem):
    """The command line, the configuration or a file given is wrong. Nothing was touched."""


class PlanRefused(Problem):
    """The plan has a finding that blocks. Nothing was touched."""


class ApplianceError(Problem):
    """An appliance refused or failed, or is not what was expected."""


class Unanswered(ApplianceError):
    """Something was sent that may change an appliance, and no answer came: whether it was done is not known.

    Not an Unreachable, which a wait tolerates: it would be sent again.
    """


class NotDiscovered(ApplianceError):
    """Something of the console was looked for and not found: the message says what was seen.

    `keys`: the profile's keys that would settle it (`console.backup.page`); the hint names them too.
    """

    def __init__(self, message: str, *, hint: str, keys: tuple[str, ...] = ()) -> None:
        by_hand = any(key.partition(".")[0] == "rest" for key in keys)  # a back end has no pages to probe
        how = "docs/six.md tells how" if by_hand else "`vmmigrate probe` writes one"
        settles = f"; in a profile {' or '.join(keys)} settles it ({how})" if keys else ""
        super().__init__(message, hint=hint + settles)
        self.keys = keys


class NoBackup(ApplianceError):
    """What the console returned is no backup, or the archive is cut short."""


class BadKeys(ApplianceError):
    """A TLS key, certificate or store cannot be used as it is."""


class CommandFailed(ApplianceError):
    """A command in the guest ended non-zero; its words are in the message."""


class QueueHoldsMail(ApplianceError):
    """Mail still waits in a queue that is about to be cut off."""


class ChecksFailed(Problem):
    """Comparisons failed or could not be made; the message lists each with what was expected and seen."""


class JournalDamaged(Problem):
    """The journal does not fold: a broken chain, an unknown record, a newer schema."""


class RunFolderFailed(Problem):
    """The run's folder cannot be written: no room, no permission."""


class JournalFailed(Problem):
    """A record could not be made durable. The run stops at once: what is not recorded must not be done."""


class RolledBack(Problem):
    """A step failed and the run went back: all is as it was before it."""


class NeedsAttention(Problem):
    """Something is left to a person; the message lists what."""


class NeedsConfirmation(Problem):
    """What is about to be done wants a yes. `flag` gives it in advance."""

    def __init__(self, question: str, flag: str) -> None:
        super().__init__(
            f"a yes is needed, and there is no terminal to ask for it: {question}",
            hint=f"give it in advance: the same command with {flag}",
        )
        self.question, self.flag = question, flag
