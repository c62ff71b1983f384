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

from hypervisors import limits
from hypervisors.secrets import without_secrets

_REPEATED = limits.SSH_TO_LIBVIRT.most
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
        self._said = b""
        self._listening: threading.Thread | None = None
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

    def last_words(self) -> str:
        """What ssh said last until it ended; '' of one that still runs."""
        if self._process:
            try:
                self._process.wait(_SETTLING)
            except subprocess.TimeoutExpired:
                return ""
        if self._listening:
            self._listening.join(_SETTLING)
        return self._said.decode(errors="replace")

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
            self._process = subprocess.Popen(
                self._command,
                stdin=client.fileno(),
                stdout=client.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**without_secrets(os.environ), "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
            )
        except OSError as error:
            self._said = f"{self._command[0]} cannot be started: {error.strerror}".encode()
            return
        self._listening = threading.Thread(target=self._listen, name="ssh's words", daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        """Not into a file: a host may say as much as the disk holds."""
        assert self._process is not None
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while piece := os.read(stream.fileno(), _REPEATED):
                self._said = (self._said + piece)[-_REPEATED:]


def _end(process: "subprocess.Popen[bytes]") -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return  # it was waited for, and its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SETTLING)
