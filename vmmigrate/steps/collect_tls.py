"""Collect the old TLS certificates and keys, which no backup contains, and keep them encrypted."""

import io
from datetime import UTC, datetime

from vmmigrate.appliance import keys, tls
from vmmigrate.errors import BadKeys
from vmmigrate.model import TlsKept
from vmmigrate.run import Run


def do(run: Run) -> None:
    shell = run.old_shell
    bundle = tls.collect(shell, run.doors.software(shell))
    remarks = refuse_unusable(bundle, run.plan.identity.mail_name)
    for remark in remarks:
        run.remark(remark)
    run.rundir.encrypt(run.rundir.tls, io.BytesIO(bundle.to_bytes()))
    smtp = bundle.smtp.fingerprint if bundle.smtp else ""
    run.learn(TlsKept(bundle.web.fingerprint, smtp, remarks))


def undo(run: Run) -> None:
    run.rundir.tls.unlink(missing_ok=True)


def refuse_unusable(bundle: tls.TlsBundle, host: str) -> tuple[str, ...]:
    """What works as badly as before, in words. Raises BadKeys for what would not work at all."""
    pairs = [("console", bundle.web)] + ([("SMTP", bundle.smtp)] if bundle.smtp else [])
    remarks = []
    for use, pair in pairs:
        for finding in keys.check(pair, host, datetime.now(UTC)):
            if finding.severity == "error":
                raise BadKeys(f"{use} certificate: {finding.text}", hint=finding.remedy)
            remarks.append(f"{use} certificate: {finding.text}")
    return tuple(remarks)
