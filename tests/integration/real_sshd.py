"""The mark of tests that need OpenSSH's own server."""

import pytest

from fixtures import openssh

NEEDS_SSHD = pytest.mark.skipif(not openssh.SSHD, reason="needs openssh-server")
