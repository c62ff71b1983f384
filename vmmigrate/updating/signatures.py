"""See that packages are signed by the key that the operator names, in a keyring of its own for that one look.

Neither the operator's keyring nor the host's is read, and nothing is imported there.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from vmmigrate.errors import UsageProblem
from vmmigrate.findings import Findings
from vmmigrate.updating.packages import format_of
from vmmigrate.updating.running import Ran, Runs, here

_GPG = ("gpg", "--batch", "--no-tty", "--no-autostart", "--no-auto-key-retrieve", "--trust-model", "always")
# What gpg says beside a good signature of a key that is not good any more (doc/DETAILS of GnuPG).
_STALE = ("EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")
_ENDINGS = (".asc", ".sig")


def verify(paths: Iterable[Path], key: Path, sums: Path | None, run: Runs = here) -> str:
    """The key's fingerprints. `sums`: a SHA256SUMS file, whose own signature stands for each package that it names.

    Each package is signed by itself (an .rpm), by a file of its name with `.asc` beside it, or named by signed `sums`:
    those are compared by the caller. Raises PlanRefused with each that is not; UsageProblem for a file without a key.
    """
    found = Findings()
    with tempfile.TemporaryDirectory(prefix="vmmigrate-keys-") as home:
        ring = _Ring(Path(home), run)
        fingerprints = ring.take(key)
        if sums is None or not ring.signed_beside(sums):
            for path in paths:
                if not (ring.signed_beside(path) or (format_of(path) == "rpm" and ring.signed_within(path))):
                    beside = "no signature of that key is in it or beside it"
                    remedy = "get the package again, or the publisher's .asc file beside it"
                    found.error("package-unsigned", f"{path.name}: {beside}", remedy)
    found.refuse_if_blocked()
    return fingerprints


class _Ring:
    """gpg's and rpm's, both in one folder that goes."""

    def __init__(self, home: Path, run: Runs) -> None:
        self._home, self._run = home, run
        self._armored = home / "key.asc"

    def _gpg(self, *words: str) -> Ran:
        return self._run((*_GPG, "--homedir", str(self._home), *words))

    def take(self, key: Path) -> str:
        """The fingerprints of what is in that file."""
        if not key.is_file():
            raise UsageProblem(f"{key} is no file", hint="give the publisher's public key")
        taken = self._gpg("--status-fd", "1", "--import", str(key.absolute()))
        if taken.code == 127:
            raise UsageProblem(f"signatures cannot be looked at here: {taken.err}", hint="install gnupg")
        found = re.findall(r"^\[GNUPG:\] IMPORT_OK \d+ ([0-9A-F]{40,64})$", taken.out, re.MULTILINE)
        exported = self._gpg("--armor", "--export")
        if not found or exported.code or not exported.out:
            raise UsageProblem(f"{key} has no public key: {_words(taken)}", hint="give the publisher's public key")
        self._armored.write_text(exported.out)
        return ", ".join(dict.fromkeys(found))

    def signed_beside(self, path: Path) -> bool:
        """Raises UsageProblem for a signature that is there and is not good."""
        signatures = (path.with_name(path.name + ending) for ending in _ENDINGS)
        signature = next((each for each in signatures if each.is_file()), None)
        if signature is None:
            return False
        said = self._gpg("--status-fd", "1", "--verify", str(signature.absolute()), str(path.absolute()))
        words = set(re.findall(r"^\[GNUPG:\] (\w+)", said.out, re.MULTILINE))
        if said.code or "VALIDSIG" not in words or words.intersection(_STALE):
            raise UsageProblem(
                f"{signature.name} is not that key's signature of {path.name}: {_words(said)}",
                hint="get both again from the publisher, and look whether that is the publisher's key",
            )
        return True

    def signed_within(self, path: Path) -> bool:
        """By rpm: a package without any signature passes its own look too, so its words are read."""
        database = ("--dbpath", str(self._home / "rpm"))
        self._run(("rpmkeys", *database, "--import", str(self._armored)))
        said = self._run(("rpmkeys", *database, "--checksig", "--verbose", str(path.absolute())))
        lines = list(_looked_at(said.out))
        return said.code == 0 and bool(lines) and all(line.endswith(": OK") for line in lines)


def _looked_at(text: str) -> Iterator[str]:
    """`    Header V4 EdDSA/SHA512 Signature, key ID 0123abcd: OK` (rpmkeys(8)); the first line is the file's name."""
    return (line for line in text.splitlines() if re.match(r"\s+(Header )?V\d \S+ Signature, ", line))


def _words(ran: Ran) -> str:
    return " ".join(ran.err.split())
