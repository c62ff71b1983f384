"""Collect the old certificates, TLS keys and SSH host keys, which no backup has, and store them encrypted."""

import io
from collections.abc import Iterator

from hypervisors import LoginRefused
from vmmigrate.appliance.family import Software
from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.facts import TlsInstalled, TlsKept
from vmmigrate.findings import Check, Verdict
from vmmigrate.run.stage import Run
from vmmigrate.steps import host_keys


def do(run: Run) -> None:
    software = run.doors.old.software(run.old_shell)
    look = _look(run, software)
    bundle = tls.collect(look, software)
    findings = tls.refuse_unusable(bundle, run.plan.identity.mail_name)
    remarks = tuple(finding.seen for finding in findings)
    for remark in remarks:
        run.remark(remark)
    run.rundir.sealed.encrypt(run.rundir.tls, io.BytesIO(bundle.to_bytes()))
    smtp = bundle.smtp[0].fingerprint if bundle.smtp else ""
    run.learn(TlsKept(bundle.web[0].fingerprint, smtp, remarks))
    host_keys.collect(run, look)


def _look(run: Run, software: Software) -> LookingShell:
    """A list of sudoers as of an earlier version lacks the host keys: these are asked apart then."""
    try:
        return tls.look_at(run.old_shell, software, web=True, smtp=True, beside=host_keys.asked(run))
    except LoginRefused:
        return tls.look_at(run.old_shell, software, web=True, smtp=True)


def undo(run: Run) -> None:
    run.rundir.tls.unlink(missing_ok=True)
    run.rundir.host_keys.unlink(missing_ok=True)


def holds(run: Run) -> Iterator[Check]:
    """The pairs are kept until they are installed."""
    if run.facts.find(TlsInstalled) is None:
        run.rundir.sealed.decrypt_small(run.rundir.tls)  # raises where it is not whole
        what = "the collected certificates and keys"
        yield Check("tls-kept", what, "as they were collected", "as they were collected", Verdict.PASS)
