"""Show backups: what a file holds, what was exported, what an import asks and leaves to do. Pure functions."""

import dataclasses
from pathlib import Path

from vmmigrate.alone.backup import Written
from vmmigrate.appliance.backup.contents import CONFIGURATION, DATABASE, OTHER, Contents, printable
from vmmigrate.appliance.port import Exported
from vmmigrate.archives import Inspected
from vmmigrate.show.sizes import size

NOT_ENCRYPTED = "the archive is not encrypted and contains private keys and passwords: keep it safe"
NO_TLS = "the TLS certificates and private keys are not in it: `vmmigrate tls copy OLD NEW` copies them"
RESTART = "restart the system now (Admin ‣ System ‣ Gateway): until then it runs half on old settings"
_CONTAINERS = {
    "gzip": "gzip",
    "zip": "zip",
    "tar": "tar",
    "openssl": "openssl enc (`Salted__`)",
    "pgp": "PGP",
    "unknown": "unknown",
}


def inspected_lines(seen: Inspected) -> list[str]:
    encrypted = ", encrypted" if seen.encrypted else ", not encrypted"
    return [
        *_file_lines(seen.path, _CONTAINERS[seen.container] + encrypted, seen),
        *_opens(seen),
        *(_contents(seen.contents) if seen.contents else []),
    ]


def _file_lines(path: Path, container: str, measured: Inspected | Exported) -> list[str]:
    return [
        f"file        {printable(str(path))}",
        f"container   {container}",
        f"size        {_bytes(measured.size)}",
        f"SHA-256     {measured.sha256}",
    ]


def _opens(seen: Inspected) -> list[str]:
    contents = seen.contents
    if contents is not None:
        scheme = f" ({seen.scheme})" if seen.scheme else ""
        return [f"opens       yes{scheme}: {_form(contents)} read to the end, {_unpacked(contents)}"]
    if seen.container == "pgp":
        plain = seen.path.with_suffix(".plain").name
        return [
            "opens       not here: PGP is opened by hand",
            f"            gpg --output {printable(plain)} --decrypt {printable(seen.path.name)}",
            f"            vmmigrate backup inspect {printable(plain)}",
        ]
    if seen.tried:
        return ["opens       not with this password and any of:", *(f"            {name}" for name in seen.tried)]
    return [
        "opens       unknown: cipher and key derivation are not in the file",
        "            --password-file FILE tries the well-known combinations",
    ]


def _form(contents: Contents) -> str:
    return {"tar": "a tar", "zip": "a zip", "other": "one stream, not an archive"}[contents.form]


def _unpacked(contents: Contents) -> str:
    if contents.unread:
        return f"except {contents.unread} that cannot be read here"
    checked = "checksums right, " if contents.checked else ""
    return f"{checked}{size(contents.unpacked)} unpacked"


def _contents(contents: Contents) -> list[str]:
    if contents.form == "other":
        return []
    kinds = ", ".join(
        f"{contents.counts[kind]} {kind} ({size(contents.sizes[kind])})"
        for kind in (CONFIGURATION, DATABASE, OTHER)
        if kind in contents.counts
    )
    lines = [f"holds       {contents.count} members, {size(contents.total)}: {kinds}"]
    if DATABASE not in contents.counts:
        lines.append("            no member looks like a database dump")
    lines += [f"{size(each.size):>11} {each.kind:<14} {each.name}" for each in contents.members]
    if contents.count > len(contents.members):
        lines.append(f"            … and {contents.count - len(contents.members)} more")
    return lines + [f"odd         {each}" for each in contents.oddities]


def inspected_json(seen: Inspected) -> dict[str, object]:
    return _json(
        "Inspected",
        seen.path,
        container=seen.container,
        encrypted=seen.encrypted,
        size=seen.size,
        sha256=seen.sha256,
        opens=seen.contents is not None,
        scheme=seen.scheme,
        tried=list(seen.tried),
        contents=dataclasses.asdict(seen.contents) if seen.contents else None,
    )


def _json(event: str, path: Path, **fields: object) -> dict[str, object]:
    return {"event": event, "file": str(path), **fields}


def written_lines(written: Written) -> list[str]:
    made = written.exported
    return [
        f"exported    {made.name} from {written.url}",
        *_file_lines(written.path, _CONTAINERS[made.container], made),
        *(f"warning     {text}" for text in warnings(written)),
    ]


def warnings(written: Written) -> list[str]:
    remarks = [] if written.encrypted else [NOT_ENCRYPTED]
    if written.asked_to_encrypt and not written.encrypted:
        remarks.append("a password was given, and the console did not encrypt")
    if written.encrypted:
        remarks.append("only a release with the same encryption can read it: the encryption changed between releases")
    if written.exported.container == "unknown":
        remarks.append("its container is unknown to this program: it is not known whether the archive is complete")
    return [*remarks, NO_TLS]


def written_json(written: Written) -> dict[str, object]:
    made = dataclasses.asdict(written.exported)
    fields = {"encrypted": written.encrypted, "warnings": warnings(written)}
    return _json("Exported", written.path, url=written.url, **made, **fields)


def import_question(archive: Inspected, where: str) -> str:
    """What is about to happen, and where."""
    whole = "opened and complete" if archive.contents else _unopened(archive)
    return (
        f"{printable(str(archive.path))} ({size(archive.size)}, {whole}) will overwrite all settings of the console at"
        f" {where}; this cannot be undone"
    )


def _unopened(archive: Inspected) -> str:
    return (
        "encrypted, not opened here"
        if archive.encrypted
        else "of an unknown format: it is not known whether it is complete"
    )


def imported_lines(archive: Inspected, url: str) -> list[str]:
    return [
        f"imported    {printable(str(archive.path))} into {url}",
        f"next        {RESTART}",
        "next        log in with an account of the archive: it has replaced the accounts too",
        f"warning     {NO_TLS}",
    ]


def imported_json(archive: Inspected, url: str) -> dict[str, object]:
    fields = {"next": [RESTART], "warnings": [NO_TLS]}
    return _json("Imported", archive.path, url=url, size=archive.size, sha256=archive.sha256, **fields)


def _bytes(count: int) -> str:
    return f"{size(count)} ({count} bytes)" if count >= 1024 else size(count)
