"""Run every measurement, print a table, then one JSON line a figure."""

import json
from dataclasses import asdict

from benchmarks import (
    carry,
    cutover,
    guest_commands,
    help_time,
    local_upload,
    many_machines,
    ova_put,
    remote_upload,
    sftp_put,
)


def main() -> None:
    figures = [
        help_time.measure(),
        *guest_commands.measure(),
        *local_upload.measure(),
        *remote_upload.measure(),
        *ova_put.measure(),
        *sftp_put.measure(),
        *many_machines.measure(),
        *carry.measure(),
        *cutover.measure(),
    ]
    print(f"{'figure':<30} {'value':>10} {'unit':<8} {'ratio':>7}  peer")
    for figure in figures:
        print(f"{figure.name:<30} {figure.value:>10.3f} {figure.unit:<8} {figure.ratio:>7.2f}  {figure.peer}")
    for figure in figures:
        print(json.dumps(asdict(figure)))


if __name__ == "__main__":
    main()
