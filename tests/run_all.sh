#!/usr/bin/env bash
# All tests. While those without real guests run, the lab for the others is built and boots.
set -euo pipefail
cd "$(dirname "$0")/.."
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n --preserve-env=VMMIGRATE_LAB,VMMIGRATE_CACHE); fi
lab() { "${as_root[@]}" .venv/bin/python -m fixtures.lab "$@"; }

log=$(mktemp)
lab up >"$log" 2>&1 &
trap 'lab down; rm -f "$log"' EXIT  # waits for one that is still coming up
.venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not lab"
wait $! || { cat "$log"; exit 1; }
fixtures/lab/with_lab.sh .venv/bin/python -m pytest -q -m lab --durations=8
