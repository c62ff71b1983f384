"""SSH: a verified server, a log-in that is tried once, commands, tunnels. Paramiko is used only here."""

from hypervisors.wire.ssh.answers import Answers, Unanswerable
from hypervisors.wire.ssh.breaking import BrokeOff
from hypervisors.wire.ssh.connecting import connect, host_key_seen
from hypervisors.wire.ssh.connection import Connection
from hypervisors.wire.ssh.conversation import Questions
from hypervisors.wire.ssh.execution import Output, TooMuch, Unfinished
from hypervisors.wire.ssh.jump import Jump
from hypervisors.wire.ssh.keys import SshKey, agent_holds_any, opens
from hypervisors.wire.ssh.login import Login
from hypervisors.wire.ssh.server import HostKey, SshServer, fingerprint_of_key, known_fingerprints
from hypervisors.wire.ssh.sftp import Files

__all__ = [
    "Answers",
    "BrokeOff",
    "Connection",
    "Files",
    "HostKey",
    "Jump",
    "Login",
    "Output",
    "Questions",
    "SshKey",
    "SshServer",
    "TooMuch",
    "Unanswerable",
    "Unfinished",
    "agent_holds_any",
    "connect",
    "fingerprint_of_key",
    "host_key_seen",
    "known_fingerprints",
    "opens",
]
