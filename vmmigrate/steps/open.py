"""Open the new gateway to the world: the commit point. Going back closes it first and loses no mail."""

from collections.abc import Iterator

from hypervisors import NotFound, PowerState, Problem, VmRef
from vmmigrate.appliance import mail
from vmmigrate.appliance.looking import looking
from vmmigrate.appliance.net import firewall
from vmmigrate.appliance.port import Shell
from vmmigrate.appliance.queues import carrying
from vmmigrate.appliance.units import boot_id
from vmmigrate.errors import Guarded, NeedsAttention, QueueHoldsMail
from vmmigrate.facts import Frozen, NewVm, Opened
from vmmigrate.findings import Check, Checks, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.step import UndoRefused
from vmmigrate.steps import carry, carry_back, deploy, guards, isolate, links, neighbours
from vmmigrate.steps.intake import refuse_stuck_mail
from vmmigrate.steps.ready import BOOTS

BY_HAND = (  # what `do` does: the table, and what would load it at a boot
    "nft delete table inet vmmigrate_isolation;"
    " rm -f /etc/systemd/system/sysinit.target.wants/vmmigrate-isolation.service"
)

_SHELL, _QUEUES = "the new gateway's shell", "the new queues"
_LEAVE = "or go back with --leave-mail: the mail then stays in it, and it is kept, unplugged"
_WAITS = f"wait until it is delivered (postqueue -p in the new VM says why it waits), then run this again, {_LEAVE}"
_NOT_ASKED = f"whether mail waits in the new VM could not be seen: make its guest answer and run this again, {_LEAVE}"
_UNASKED = (
    "nothing was changed: mail that came to it could be lost. See its screen; if it has another address on staging, set"
    " new.staging_address; or go back with --leave-mail: the mail then stays in it, and it is kept, unplugged"
)


def do(run: Run) -> None:
    """Recorded first: from now on the new gateway may have accepted mail."""
    shell = run.new_shell
    if run.facts.find(Opened) is None:
        run.learn(Opened(run.wall(), _keep_back_its_own(run, shell)))
    else:
        firewall.open_intake(shell)  # a way back closed it, and was refused
        carry_back.not_taken(run, shell)
    firewall.let_the_world_in(shell)
    carry.release(run)


def _keep_back_its_own(run: Run, shell: Shell) -> tuple[str, ...]:
    """What the new VM wrote while it was isolated (cron, bounces) would go out with the first of the world's mail."""
    if run.facts.find(Frozen) is None:
        return ()  # a run that carries nothing would be stopped by it on its way back
    ours = set(carry.ids(run))
    own = tuple(message.id for message in carrying.hold_all(shell) if message.id not in ours)
    if own:
        run.remark(
            f"{len(own)} messages that {run.plan.new_name} wrote itself before it was open are on hold there, and not"
            f" sent: {', '.join(own[:20])}{' …' if len(own) > 20 else ''}; to read one: postcat -q ID; to send it:"
            " postsuper -H ID"
        )
    return own


def holds(run: Run) -> Iterator[Check]:
    """Nothing isolates it, now or after a boot, its intake is open, and it greets at the live address."""
    look = firewall.look_at(run.new_shell)
    shut = {
        "isolated": firewall.is_isolated(look),
        "isolated after its next boot": firewall.is_isolated_at_boot(look),
        "closed to mail": firewall.intake_closed(look),
    }
    seen = ", ".join(word for word, so in shut.items() if so) or "open"
    yield Check("opened", "the new guest's firewall", "open", seen, Verdict.of(seen == "open"))
    host = run.plan.identity.host
    greeting = mail.banner(host, run.settings.old.smtp_port, dial=run.dial_to(host))
    yield Check("live-greeting", f"SMTP at {host}", "a greeting", repr(greeting), Verdict.PASS)


def tidy(run: Run) -> None:
    """Remove the last of the isolation, and see that the new gateway is open.

    A network switch that was still learning lost the first announcement of another MAC: it is repeated.
    """
    firewall.remove_isolation(run.new_shell)
    neighbours.renew(run)
    checks = Checks()
    checks.compare("opened", "the new gateway is open", "", lambda: holds(run))
    checks.refuse_if_failed()


def may_close(run: Run) -> Iterator[Check]:
    """Before a way back is begun that needs the new guest: it answers. One that is off is started by that way back."""
    if run.facts.find(Opened) is None or run.leave_behind or _is_deleted(run) or _is_unplugged(run):
        return
    vm, what, limit = run.facts.of(NewVm).vm, f"the shell of {run.plan.new_name}", run.settings.limits.network
    if links.with_mac(run.hypervisor.inventory(vm).nics, run.facts.of(NewVm).staging_mac) is None:
        hint = f"to end the run as it is: vmmigrate finish {run.run_id}; {_LEAVE}"
        yield Check("new-shell", what, "an answer", "its NIC on staging was removed", Verdict.FAIL, hint)
        return
    try:
        if guards.refuse_paused(run, vm) is not PowerState.OFF:
            run.wait_for_answer(what, lambda: boot_id(run.new_shell), timeout=limit, clears=BOOTS)
    except NeedsAttention as paused:
        hint = f"{paused.hint}; then run this again, {_LEAVE}"
        yield Check("new-shell", what, "an answer", str(paused), Verdict.UNKNOWN, hint)
    except Problem as problem:
        yield Check("new-shell", what, "an answer", str(problem), Verdict.UNKNOWN, _UNASKED)


def undo(run: Run) -> None:
    """Close, let the queues drain, isolate. Raises UndoRefused if mail would stay behind without --leave-mail.

    Of one that is unplugged already nothing is lost by going back: it is kept with what it holds.
    """
    if run.facts.find(Opened) is None:
        return
    untouched = True
    try:
        for act in (_ask, _close):
            act(run)
            untouched = False
    except Problem as problem:
        if not run.leave_behind:
            raise UndoRefused(
                f"not going back: {problem}",
                hint=_WAITS if isinstance(problem, QueueHoldsMail) else f"{problem.hint}; {_NOT_ASKED}",
                untouched=untouched,
            ) from problem
        run.remark(f"going back anyway, as requested: {problem}")


def _ask(run: Run) -> None:
    """One that serves, before it is closed: what would stop the way back stops it here. Changes nothing."""
    if run.leave_behind or _is_deleted(run) or _is_unplugged(run):
        return
    if guards.refuse_paused(run, run.facts.of(NewVm).vm) is not PowerState.OFF:
        run.wait_for_answer(_SHELL, lambda: _see(run), timeout=run.settings.limits.network, clears=BOOTS)


def _see(run: Run) -> None:
    """That it answers, and where mail is not carried back, that none would stay."""
    if carry_back.carries(run):
        boot_id(run.new_shell)
    else:
        refuse_stuck_mail(run.new_shell, _QUEUES)


def _close(run: Run) -> None:
    if _is_deleted(run):
        run.remark(f"{run.plan.new_name} is deleted, and whatever mail it held with it: there is nothing to close")
    elif _is_unplugged(run):
        _close_unplugged(run)
    else:
        _close_plugged(run)


def _is_deleted(run: Run) -> bool:
    """Untagged is not deleted, and what could not be looked for is not either."""
    try:
        run.hypervisor.power_state(run.facts.of(NewVm).vm)
    except NotFound:
        return True
    return False


def _is_unplugged(run: Run) -> bool:
    new = run.facts.of(NewVm)
    return links.is_down(run, new.vm, new.live_mac)


def _close_plugged(run: Run) -> None:
    """Waits for a guest that is booting. One that is off may hold mail: it is asked too."""
    vm, shell, limits = run.facts.of(NewVm).vm, run.new_shell, run.settings.limits
    off = guards.refuse_paused(run, vm) is PowerState.OFF
    if off and not run.leave_behind:
        _start_to_look(run, deploy.ours(run))
        if _is_unplugged(run):
            _close_unplugged(run, boots=True)
            return
    run.wait_for_answer(
        _SHELL,
        lambda: _close_intake(run, shell, asked=run.leave_behind or not off),
        timeout=limits.boot if off else limits.network,
        clears=BOOTS,
    )
    carries, port = carry_back.carries(run), run.settings.old.smtp_port
    if not run.leave_behind:
        mail.wait_until_quiet(shell, port, timeout=limits.drain, pace=run.pace, carried=carries)
    firewall.isolate(shell, isolate.allowed(run), isolate.ports(run))
    if carries:
        carry_back.take(run, shell)


def _close_intake(run: Run, shell: Shell, *, asked: bool) -> None:
    """`asked`: it holds no mail that would not leave, or that may stay behind."""
    if not asked and not carry_back.carries(run):
        refuse_stuck_mail(shell, _QUEUES)
    _close_every_port(run, shell)


def _close_every_port(run: Run, shell: Shell) -> None:
    ports = mail.ports_of(looking(shell), run.settings.old.smtp_port)
    firewall.close_intake(shell, firewall.lay_intake(shell, ports=ports.all))


def _close_unplugged(run: Run, *, boots: bool = False) -> None:
    """It serves nobody, and no mail can leave it: no mail is waited for or refused while nobody may be live."""
    name = run.plan.new_name
    try:
        shell = run.new_shell
        if boots:
            run.wait_for_answer(name, lambda: boot_id(shell), timeout=run.settings.limits.boot, clears=BOOTS)
        _close_every_port(run, shell)
        waiting = mail.queues(shell)
        firewall.isolate(shell, isolate.allowed(run), isolate.ports(run))
        if carry_back.carries(run):
            carry_back.take(run, shell)
            return
    except Problem as problem:
        run.remark(f"{name} is unplugged, and cannot be asked: whatever mail waits in it stays in it: {problem}")
        return
    if waiting.total:
        run.remark(f"{name} is unplugged: the mail that waits in it stays in it, undelivered: {waiting}")


def _start_to_look(run: Run, vm: VmRef) -> None:
    """Unplugged, where it would be live beside another: its mail then cannot leave it, but can be counted."""
    try:
        guards.before_starting(run, vm)
    except Guarded as guarded:
        run.remark(f"{vm.name} is started unplugged: {guarded}")
        run.hypervisor.set_nic(vm, run.facts.of(NewVm).live_mac, link_up=False)
    run.hypervisor.start(vm)
