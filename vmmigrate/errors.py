"""What can go wrong above the hypervisor: one exception per cause, each with what to do now."""

from hypervisors import Cancelled, Problem, redacted


class UsageProblem(Problem):
    """The command line, the configuration or a given file is wrong. Nothing was changed."""


class PlanRefused(Problem):
    """The plan has a finding that blocks. Nothing was changed."""


class ApplianceError(Problem):
    """An appliance refused or failed, or is not what was expected."""


class Unanswered(ApplianceError):
    """A request that may change an appliance got no answer: it is not known whether it was done.

    Not an Unreachable, which a wait tolerates: it would be sent again.
    """


class NotDiscovered(ApplianceError):
    """A part of the console was not found: the message says what was seen.

    `keys`: the profile's keys that would settle it (`console.backup.page`); the hint names them too.
    """

    def __init__(self, message: str, *, hint: str, keys: tuple[str, ...] = ()) -> None:
        by_hand = any(key.partition(".")[0] == "rest" for key in keys)  # a back end has no pages to probe
        how = "see docs/six.md" if by_hand else "`vmmigrate probe` writes one"
        settles = f"; in a profile {' or '.join(keys)} settles it ({how})" if keys else ""
        super().__init__(message, hint=hint + settles)
        self.keys = keys


class NoBackup(ApplianceError):
    """What the console returned is not a backup, or the archive is cut short."""


class BadKeys(ApplianceError):
    """A TLS key, certificate or store cannot be used."""


class CommandFailed(ApplianceError):
    """A command in the guest failed; its output is in the message."""


class QueueHoldsMail(ApplianceError):
    """Mail is still waiting in a queue that is about to be cut off."""


class ChecksFailed(Problem):
    """Comparisons failed or could not be made; the message lists each with what was expected and seen."""


class JournalDamaged(Problem):
    """The journal does not fold: a broken chain, an unknown record, a newer schema."""


class RunFolderFailed(Problem):
    """The run's folder cannot be written: no space, no permission."""


class JournalFailed(Problem):
    """A record could not be made durable. The run stops at once: nothing may be done without a record."""


class RolledBack(Problem):
    """A step failed and the run went back: all is as it was before it."""


class NeedsAttention(Problem):
    """A person must do something; the message says what."""


class Guarded(NeedsAttention):
    """Acting now might make two machines live, or touch what another run has claimed. Nothing was touched for it."""


class Undecided(NeedsAttention):
    """Something is otherwise than it should be, and only the operator can say whether it may stay so: `--accept`."""


class NoLonger(NeedsAttention):
    """What a done step left is not so any more, and doing it again would not be safe. Nothing was touched for it."""


class BudgetSpent(Cancelled):
    """Nobody has taken mail for longer than the operator permits, and the commit is not made: the run goes back."""


class NeedsConfirmation(Problem):
    """The operation needs a yes. `flag` gives it in advance."""

    def __init__(self, question: str, flag: str) -> None:
        super().__init__(
            f"this must be confirmed, and there is no terminal: {question}",
            hint=f"run the same command with {flag}",
        )
        self.question, self.flag = question, flag


def describe(error: Exception) -> tuple[str, str]:
    """What to record of an error: a Problem's message, but only the type of a bug (its text may hold anything)."""
    if isinstance(error, Problem):
        return redacted(str(error)), redacted(error.hint)
    return f"a bug: {type(error).__name__}", "see log.txt in the run's folder"
