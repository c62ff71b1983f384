#!/usr/bin/env bash
# All tests. Those in the lab of real guests run beside the others: their guests are emulated and leave a core half idle.
set -euo pipefail -m  # -m: what runs in the background is a process group of its own, which can be interrupted
cd "$(dirname "$0")/.."
export VMMIGRATE_TEST_BUDGET=${VMMIGRATE_TEST_BUDGET:-1}
said=$(mktemp)
fixtures/lab/with_lab.sh .venv/bin/python -m pytest -q -m lab --durations=8 >"$said" 2>&1 &
lab=$!
stop() { if kill -INT -- "-$lab" 2>/dev/null; then wait "$lab" || true; fi; rm -f "$said"; }  # it takes the lab down itself
trap stop EXIT
status=0
# Guests that are starved answer too late for their tests; processes only take longer.
nice -n 10 .venv/bin/python -m pytest -q -n 2 --dist worksteal -m "not lab" || status=$?
nice -n 10 .venv/bin/python -m tests.faults --schedules 10000 || status=$?
wait "$lab" || status=$?
cat "$said"
exit "$status"
