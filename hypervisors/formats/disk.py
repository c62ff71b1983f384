"""Detect a disk image's format and disk size from its bytes; anything else is refused."""

from hypervisors.formats import extents, foreign, qcow2, raw, vmdk
from hypervisors.formats.source import FETCH_AGAIN, Source


def format_and_size(source: Source) -> tuple[str, int]:
    """'qcow2', 'vmdk' or 'raw', and the disk's bytes. Raises BadImage."""
    if not source.size:
        raise source.refused("is empty", hint=FETCH_AGAIN)
    magic = source.peek(0, 4)
    if magic == qcow2.MAGIC:
        return "qcow2", qcow2.virtual_size(source)
    if magic == vmdk.MAGIC:
        return "vmdk", vmdk.virtual_size(source)
    if refusal := foreign.refusal(source):
        raise refusal
    if refusal := extents.refusal_of_part(source):
        raise refusal
    if raw.is_disk(source):
        return "raw", raw.virtual_size(source)
    raise source.refused(
        "is not a disk image: neither qcow2 nor VMDK, and without a boot sector",
        hint="give the appliance's image: an OVA, an OVF, or a disk (qcow2, VMDK, or a raw disk that boots)",
    )
