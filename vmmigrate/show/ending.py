"""Say how a run ended, and which commands can follow."""

from vmmigrate.events import RunEnded


def end_lines(event: RunEnded) -> list[str]:
    """How a run ended, and what can be done now."""
    lines = [f"{event.outcome}" + (f", outage {event.outage:.1f} s" if event.outage is not None else "")]
    lines += [f"old VM: {event.old_vm}", f"new VM: {event.new_vm}"]
    lines += [f"insecure, as asked: {flag}" for flag in event.insecure]
    lines += [f"next: {line}" for line in _next(event)]
    return lines


def _next(event: RunEnded) -> list[str]:
    verbs = {
        "migrated": ("finish", "rollback"),
        "switched-back": ("finish",),
        "interrupted": ("resume", "rollback"),
        "needs-attention": ("status", "rollback"),
    }.get(event.outcome, ())
    return [command(verb, event.run_id, back=event.outcome == "switched-back") for verb in verbs]


def command(verb: str, run_id: str, *, back: bool) -> str:
    """`back`: the switch was undone, and the new VM is kept."""
    does = {
        "finish": "deletes the new VM with all it holds; the old one stays live"
        if back
        else "when satisfied: shuts the old VM down; no way back after that",
        "resume": "to go on",
        "rollback": "to go back to the old VM",
        "status": "what was done, and what is left to you",
    }[verb]
    command = f"vmmigrate {verb} {run_id}"
    return f"{command:<{len(run_id) + 21}}{does}"
