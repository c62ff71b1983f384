"""A shell without a machine: files in a dict, a table of answers, and a record of all that was run."""

import base64
import hashlib
import shlex
from collections.abc import Callable, Sequence
from typing import BinaryIO

from fixtures.appliance import sh
from vmmigrate.appliance.port import FileMeta, NewFile, Result
from vmmigrate.errors import CommandFailed

Answer = str | int | Result | Callable[["ScriptedShell", tuple[str, ...]], Result]
TEXT = FileMeta("0644", "root", "root")


class ScriptedShell:
    """port.Shell. `answers`: command line → stdout, status, Result or function; file commands work on `files`.

    What no answer covers ends with 127, as an unknown command does.
    """

    host = "guest.example.test"

    def __init__(self, answers: dict[str, Answer] | None = None, files: dict[str, bytes | str] | None = None) -> None:
        self.answers = dict(answers or {})
        self.files = {path: _bytes(data) for path, data in (files or {}).items()}
        self.metas: dict[str, FileMeta] = {}
        self.ran: list[str] = []
        self.users: list[str | None] = []

    def run(self, argv: Sequence[str], *, user: str | None = None, check: bool = True, timeout: float = 60.0) -> Result:
        line = shlex.join(argv)
        if argv[:2] == ("sh", "-c") and line not in self.answers:
            result = self._program(argv, user)
        else:
            result = self._one(argv, user)
        if check and result.status != 0:
            raise CommandFailed(f"{line}: {result.status} {result.stderr}", hint="a script's answer")
        return result

    def _program(self, argv: Sequence[str], user: str | None) -> Result:
        """One that has a name is known by it and what follows, and not played."""
        return self._one(argv[3:], user) if len(argv) > 3 else self._line(argv[2], user)

    def _line(self, line: str, user: str | None) -> Result:
        """Each of its commands as if it had been run alone."""

        def execute(words: list[str]) -> sh.Done:
            if words[0] == "echo":
                return sh.Done(0, f"{' '.join(words[1:])}\n".encode())
            said = self._program(words, user) if words[:2] == ["sh", "-c"] else self._one(words, user)
            return sh.Done(said.status, said.stdout.encode(), said.stderr)

        done = sh.run(line, {}, execute)
        return Result(done.status, done.out.decode(), f"{done.error}\n" if done.error else "")

    def _one(self, argv: Sequence[str], user: str | None) -> Result:
        line = shlex.join(argv)
        self.ran.append(line)
        self.users.append(user)
        return self._answer(line, tuple(argv))

    def changes(self) -> list[str]:
        """What was run, but for commands that only look."""
        looking = (
            "cat ",
            "ls ",
            "which ",
            "ip -",
            "ifquery ",
            "resolvectl domain",
            "networkctl status ",
            "nmcli -t",
            "nmcli -g",
            "printenv",
            "hostname",
            "stat ",
            "test ",
            "readlink ",
            "sha256sum ",
            "base64 ",
            "systemctl is-active ",
            "systemctl list-unit-files ",
            "nft list",
            "postconf -h",
        )
        return [line for line in self.ran if not line.startswith(looking) or line.startswith("hostnamectl")]

    def read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise CommandFailed(f"cat {path}: no such file", hint="a script's answer")
        return self.files[path]

    def file_meta(self, path: str) -> FileMeta | None:
        return self.metas.get(path, TEXT) if path in self.files else None

    def install(self, *files: NewFile, folders: Sequence[str] = ()) -> None:
        for file in files:
            self.ran.append(f"INSTALL {file.path}")
            self.files[file.path] = file.data
            self.metas[file.path] = file.meta

    def give(self, argv: Sequence[str], source: BinaryIO, *, timeout: float = 60.0) -> str:
        assert argv[0] == "dd"
        self.install(NewFile(argv[1].removeprefix("of="), source.read(), TEXT))
        return ""

    def own_address(self) -> str:
        return "198.51.100.1"

    def seen_address(self) -> str:
        return "198.51.100.1"

    def close(self) -> None:
        pass

    def _answer(self, line: str, argv: tuple[str, ...]) -> Result:
        answer = self.answers.get(line)
        if callable(answer):
            return answer(self, argv)
        if isinstance(answer, Result):
            return answer
        if isinstance(answer, int):
            return Result(answer, "", "")
        if isinstance(answer, str):
            return Result(0, answer, "")
        return self._file_command(argv)

    def _file_command(self, argv: tuple[str, ...]) -> Result:
        match argv:
            case ("cat", path):
                found = self.files.get(path)
                return Result(1, "", "No such file") if found is None else Result(0, found.decode(), "")
            case ("base64", path):
                found = self.files.get(path)
                return (
                    Result(1, "", "No such file") if found is None else Result(0, base64.b64encode(found).decode(), "")
                )
            case ("stat", "-c", "%a %U %G", path):
                meta = self.file_meta(path)
                return (
                    Result(0, f"{meta.mode} {meta.owner} {meta.group}\n", "") if meta else Result(1, "", "No such file")
                )
            case ("test", "-e", path):
                return Result(
                    0 if any(name == path or name.startswith(f"{path}/") for name in self.files) else 1, "", ""
                )
            case ("ls", "-1", folder):
                names = [name.removeprefix(f"{folder}/") for name in self.files if name.startswith(f"{folder}/")]
                return Result(0 if names else 2, "".join(f"{name}\n" for name in names), "")
            case ("rm", ("-f" | "-rf"), *paths):
                for path in paths:
                    below = path.removesuffix("*") if path.endswith("*") else f"{path}/"
                    self.files = {n: d for n, d in self.files.items() if n != path and not n.startswith(below)}
                return Result(0, "", "")
            case ("which", name, *_):
                found = self.answers.get(f"which {name}", "")
                return Result(0 if found else 1, str(found), "")
            case ("mkdir", "-p", *_) | ("mkdir", "-m", "700", _) | ("find", _, "-prune", "-perm", "-0002"):
                return Result(0, "", "")
            case ("cd", path):
                return Result(0, path, "")
            case ("mv", "-f", "-T", source, target):
                self.files[target] = self.files.pop(source)
                self.metas[target] = self.metas.pop(source, TEXT)
                return Result(0, "", "")
            case ("cp", "-a", "-T", source, target):
                self.files[target], self.metas[target] = self.files[source], self.metas.get(source, TEXT)
                return Result(0, "", "")
            case ("sha256sum", *paths):
                found = [path for path in paths if path in self.files]
                lines = [f"{hashlib.sha256(self.files[path]).hexdigest()}  {path}\n" for path in found]
                return Result(0 if len(found) == len(paths) else 1, "".join(lines), "")
            case ("stat", "-c", "%a %U %G %n", *paths):
                metas = [(path, meta) for path in paths if (meta := TEXT if path == "/" else self.file_meta(path))]
                lines = [f"{int(meta.mode, 8):o} {meta.owner} {meta.group} {path}\n" for path, meta in metas]
                return Result(0 if len(metas) == len(paths) else 1, "".join(lines), "")
            case ("readlink", "-f", path):
                return Result(0, f"{path}\n", "")
            case _:
                return Result(127, "", f"{argv[0]}: command not found")


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
