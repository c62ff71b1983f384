"""What was tried in the model and what came of it, as a table in Markdown."""

from tests.faults.many import Sum

WORDS = {
    "kill": "the process is killed (SIGKILL)",
    "power-loss": "the workstation loses its power; what was not fsynced is lost, in part or whole",
    "lost": "one answer is lost: the act was done, or not",
    "away": "the hypervisor's service is away for 1 to 41 seconds, and all its sessions are gone",
    "cancel": "Ctrl-C",
    "full": "the workstation's disk is full",
    "room": "there is room on it again",
    "fsync": "one fsync fails",
    "reboot-host": "the host reboots: all off, those with autostart come up with their stored links",
    "reboot-old": "the old guest reboots",
    "reboot-new": "the new guest reboots",
    "off-old": "somebody switches the old VM off",
    "off-new": "somebody switches the new VM off",
    "on-old": "somebody switches the old VM on",
    "on-new": "somebody switches the new VM on",
    "plug-old": "somebody plugs the old VM in",
    "plug-new": "somebody plugs the new VM in",
    "unplug-old": "somebody unplugs the old VM",
    "unplug-new": "somebody unplugs the new VM",
    "rename-old": "somebody renames the old VM",
    "rename-new": "somebody renames the new VM",
    "clone-old": "somebody clones the old VM",
    "clone-new": "somebody clones the new VM, with its tag",
    "delete-old": "somebody deletes the old VM",
    "delete-new": "somebody deletes the new VM",
    "notes": "somebody writes into the old VM's notes",
    "unclaim": "somebody removes the claim from the old VM's notes",
    "untag": "somebody removes the new VM's tag",
    "second-run": "a second run begins on another workstation",
    "readdress": "the workstation's address changes",
    "clock": "the workstation's clock is set, by up to 70 minutes",
    "mail": "mail arrives at whoever takes it",
    "slow-mail": "an SMTP session lasts for up to 20 seconds",
    "relay-down": "the smarthost refuses mail, so that it waits in a queue",
    "relay-up": "the smarthost takes mail again",
    "staging-down": "nobody on the staging network is reached any more",
    "staging-up": "the staging network is there again",
    "unread": "one to three looks at machines get no answer from the hypervisor",
    "row": "a user is added at whoever serves",
    "deaf": "guests do not heed a request to shut down",
    "pause-old": "somebody pauses the old VM",
    "pause-new": "somebody pauses the new VM",
    "go-on": "somebody lets paused VMs go on",
    "empty-notes": "somebody empties the old VM's notes",
    "twin-old": "a whole copy of the old VM is switched on, with its MAC, as often as not plugged in",
    "twin-new": "a whole copy of the new VM is switched on, with its MAC and tag, as often as not plugged in",
    "snapshot-old": "somebody takes a snapshot of the old VM",
    "snapshot-new": "somebody takes a snapshot of the new VM",
    "revert-old": "somebody takes the old VM back to a snapshot: links, notes, autostart and disk",
    "revert-new": "somebody takes the new VM back to a snapshot",
    "boots-old": "somebody gives the old VM its host's autostart",
    "boots-new": "somebody gives the new VM its host's autostart",
    "flush-old": "another firewall's start removes all rules in the old guest",
    "flush-new": "another firewall's start removes all rules in the new guest",
    "start-postfix-old": "somebody starts Postfix in the old guest",
    "start-postfix-new": "somebody starts Postfix in the new guest",
    "let-go-old": "somebody lets all held mail go in the old guest",
    "let-go-new": "somebody lets all held mail go in the new guest",
    "lease-new": "the new guest gets another address on staging",
    "remac-old": "somebody gives the old VM's NIC another MAC",
    "keep-folder": "somebody keeps a copy of the workstation's disk",
    "older-folder": "the workstation's disk is put back from that copy",
    "lose-file": "a file of the run's folder is lost, which a run can do without",
    "other-terminal": "`resume` in another terminal, while a command is at work",
}
_ENDS = ("migrated", "finished", "rolled-back", "rehearsed", "switched back", "needs-attention")


def table(total: Sum) -> str:
    head = ["fault", "schedules with it", *(f"ended {end}" for end in _ENDS), "otherwise"]
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
    for move in sorted(total.outcomes, key=list(WORDS).index):
        ends = total.outcomes[move]
        known = [ends.get(end, 0) for end in _ENDS]
        rest = sum(ends.values()) - sum(known)
        lines.append(_line([WORDS[move], sum(ends.values()), *known, rest]))
    return "\n".join(lines) + "\n"


def _line(cells: list[object] | list[str]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
