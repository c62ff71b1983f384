"""A socket of this machine that leads to libvirt on another, by an ssh that no key press here reaches."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from hypervisors.secrets import without_secrets

_SETTLING = 3.0  # seconds for an ssh to say its last words, or to end when it is asked to


class Tunnel:
    """Whoever connects to `path`, once, is connected to what `command` reads and writes.

    libvirt starts ssh in our own process group: Ctrl-C would end it, and with it the way back, and it would ask for
    passwords at our terminal. This one has a session of its own, without a terminal.
    """

    def __init__(self, command: list[str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vmmigrate-", dir="/tmp"))  # a socket's path has 107 bytes at most
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, name="ssh to libvirt", daemon=True).start()

    @property
    def path(self) -> Path:
        """Of the socket."""
        return self._folder / "s"

    @property
    def _words(self) -> Path:
        return self._folder / "said"

    def last_words(self) -> str:
        """All that ssh said until it ended; '' of one that still runs."""
        if self._process:
            try:
                self._process.wait(_SETTLING)
            except subprocess.TimeoutExpired:
                return ""
        return self._words.read_text(errors="replace") if self._words.exists() else ""

    def leave_no_files(self) -> None:
        """Once connected, nothing is looked for there: a process that is killed then leaves nothing behind."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """End ssh, with what it started for its way (ProxyCommand, ProxyJump)."""
        with self._lock:
            self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # nobody has come
        if self._process:
            _end(self._process)
        self.leave_no_files()

    def _serve(self) -> None:
        with suppress(OSError), self._listener:
            client, _ = self._listener.accept()
            with client, self._lock:
                if not self._closed:
                    self._start(client)

    def _start(self, client: socket.socket) -> None:
        try:
            with self._words.open("wb") as words:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=client.fileno(),
                    stdout=client.fileno(),
                    stderr=words,
                    start_new_session=True,
                    env={**without_secrets(os.environ), "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
                )
        except OSError as error:
            self._words.write_text(f"{self._command[0]} cannot be started: {error.strerror}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SETTLING)
            return
