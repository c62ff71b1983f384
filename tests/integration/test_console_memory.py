"""Two gibibytes out of a console and two into one, in under 80 MiB of memory."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.appliance import root as roots
from fixtures.appliance import seed
from fixtures.appliance.config import CONSOLE_TOML

SIZE = 2 << 30
LIMIT = 80 << 20
ADDRESS = "127.65.250.1"
REPOSITORY = Path(__file__).parents[2]

CLIENT = """
import sys
from hypervisors import Secret, TlsTrust, fetch_leaf, fingerprint_of, no_progress
from vmmigrate.appliance.web.console import WebConsole
from vmmigrate.appliance.port import Account

way, size, address, user, password = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]

class Nowhere:
    done = 0
    def write(self, data):
        self.done += len(data)

class Endless:
    left = size
    def read(self, amount=-1):
        piece = (b"\\x1f\\x8b" + bytes(amount))[:min(amount, self.left)]
        self.left -= len(piece)
        return piece

console = WebConsole(f"https://{address}:8443/ciphermail", TlsTrust(fingerprint_of(fetch_leaf(address, 8443))))
console.log_in(Account(user, Secret(password)))
if way == "export":
    assert console.export_backup(Nowhere(), None, no_progress).size >= size * 99 // 100
else:
    console.import_backup(Endless(), "b.tar.gz", size, None, no_progress)
# not ru_maxrss: that begins with what the forking parent had
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


@contextmanager
def console(folder: Path) -> Iterator[None]:
    roots.write_old_root(folder, seed.OLD_RELEASE, address=ADDRESS, gateway="127.65.250.254")
    argv = [sys.executable, "-m", "fixtures.appliance.console", "--config", str(folder / CONSOLE_TOML.lstrip("/"))]
    argv += ["--root", str(folder), "--store", "file", "--pam", "file", "--listen", ADDRESS]
    server = subprocess.Popen(
        [*argv, "--personality", f"BigBackup:{SIZE}"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("console of")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)
        assert server.stdout is not None
        server.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["export", "import"])
def test_two_gibibytes_in_under_80_mib(tmp_path: Path, way: str) -> None:
    account = seed.ADMIN_OLD
    with console(tmp_path / "root"):
        begun = time.monotonic()
        client = subprocess.run(
            [sys.executable, "-c", CLIENT, way, str(SIZE), ADDRESS, account.user, account.password],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert client.returncode == 0, client.stderr
    peak = int(client.stdout)
    print(f"{way}: {peak >> 20} MiB, {SIZE / (time.monotonic() - begun) / 1e6:.0f} MB/s")
    assert peak < LIMIT
