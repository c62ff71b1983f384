"""Collect the old TLS certificates and keys, which no backup contains, and store them encrypted."""

import io

from vmmigrate.appliance.tls import bundle as tls
from vmmigrate.facts import TlsKept
from vmmigrate.run.stage import Run


def do(run: Run) -> None:
    shell = run.old_shell
    bundle = tls.collect(shell, run.doors.old.software(shell))
    findings = tls.refuse_unusable(bundle, run.plan.identity.mail_name)
    remarks = tuple(finding.seen for finding in findings)
    for remark in remarks:
        run.remark(remark)
    run.rundir.sealed.encrypt(run.rundir.tls, io.BytesIO(bundle.to_bytes()))
    smtp = bundle.smtp[0].fingerprint if bundle.smtp else ""
    run.learn(TlsKept(bundle.web[0].fingerprint, smtp, remarks))


def undo(run: Run) -> None:
    run.rundir.tls.unlink(missing_ok=True)
