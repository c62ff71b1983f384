"""Keep cloud-init from writing an image's network configuration again at the next boot."""

from collections.abc import Iterator

from vmmigrate.appliance.looking import LookingShell
from vmmigrate.appliance.port import FileMeta, NewFile

_FOLDER = "/etc/cloud/cloud.cfg.d"
QUESTION = ("test", "-e", _FOLDER)
PATH = f"{_FOLDER}/zz-vmmigrate-network.cfg"  # of these files the last one counts
_TEXT = b"network: {config: disabled}\n"
_META = FileMeta("0644", "root", "root")


def kept_off(look: LookingShell) -> Iterator[NewFile]:
    """The file that disables it, where there is cloud-init and the file is missing. What it has written stays."""
    if look.run(QUESTION, check=False).status != 0:
        return
    if look.file_meta(PATH) is None or look.read_file(PATH) != _TEXT:
        yield NewFile(PATH, _TEXT, _META)
