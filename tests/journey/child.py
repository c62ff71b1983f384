"""A process that has imported the program once and forks a run of it when asked; some runs die at a record."""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from fixtures.memory import MemoryHypervisor
from hypervisors import Clock
from vmmigrate import operations
from vmmigrate.config import Settings
from vmmigrate.journal import Journal, Scope
from vmmigrate.operations import Parts


def die_at(when: str, number: int) -> None:
    """SIGKILL this process just before or after its `number`th record (from 1) is made durable."""
    append, made = Journal.append, [0]

    def append_or_die(self: Journal, *args: Any, **kwargs: Any) -> Any:
        made[0] += 1
        if made[0] == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        record = append(self, *args, **kwargs)
        if made[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return record

    Journal.append = append_or_die  # type: ignore[method-assign]


def impatient() -> Clock:
    """Real time, but pauses of a few milliseconds: the stand-ins need no more."""
    return Clock(time.monotonic, lambda seconds: time.sleep(min(seconds, 0.005)))


def act(request: dict[str, Any]) -> str:
    """One operation; the outcome, or the name of the error."""
    if request.get("die"):
        die_at(*request["die"])
    folder = Path(request["folder"])
    parts = Parts(
        environ=request["secrets"],
        runs_folder=folder / "runs",
        keys_folder=folder / "keys",
        connect=lambda url: MemoryHypervisor(Path(request["lab"])),
        clock=impatient(),
    )
    try:
        if request["verb"] == "migrate":
            settings = Settings.model_validate(request["settings"])
            return operations.migrate(request["old"], Path(request["image"]), settings, parts, yes=True)
        if request["verb"] == "resume":
            return operations.resume(request["run"], parts)
        if request["verb"] == "finish":
            return operations.finish(request["run"], parts, yes=True)
        scope = Scope(request["scope"]) if request.get("scope") else None
        return operations.rollback(request["run"], parts, scope=scope, leave_mail=request.get("leave_mail", False))
    except Exception as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"


def serve() -> None:
    """A request a line; answers [exit status of the fork or -signal, outcome]."""
    for line in sys.stdin:
        request = json.loads(line)
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            os.close(told)
            sys.stderr = Path(request["folder"], "stderr.txt").open("a")
            os.write(tell, act(request).encode())
            os._exit(0)
        os.close(tell)
        with os.fdopen(told, "rb") as words:
            outcome = words.read().decode()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([status, outcome]), flush=True)


if __name__ == "__main__":
    serve()
