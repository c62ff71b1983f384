#!/usr/bin/env bash
# All tests, in three parts beside each other: those in the lab of real guests, whose emulated guests and whose waiting
# leave a core half idle; the others, which wait as much as they compute; and the model, which waits for nothing and
# takes what both leave.
set -euo pipefail -m  # -m: what runs in the background is a process group of its own, which can be interrupted
cd "$(dirname "$0")/.."
export VMMIGRATE_TEST_BUDGET=${VMMIGRATE_TEST_BUDGET:-1}
said=$(mktemp -d)
parts=()
beside() {  # NAME COMMAND…: what it prints is shown at the end
  local name=$1
  shift
  "$@" >"$said/$name" 2>&1 &
  parts+=("$!")
}
stop() {  # the lab takes itself down
  for part in "${parts[@]}"; do if kill -INT -- "-$part" 2>/dev/null; then wait "$part" || true; fi; done
  rm -rf "$said"
}
trap stop EXIT
mkdir -p .pytest_cache/lab .pytest_cache/others  # before the lab does, which may be root
# Guests that are starved answer too late for their tests; processes only take longer.
beside lab fixtures/lab/with_lab.sh tests/twice.sh .pytest_cache/lab -q -m "lab and not long" --durations=8 tests/lab tests/contract
beside model nice -n 19 .venv/bin/python -m tests.faults --schedules 10000
status=0
nice -n 10 tests/twice.sh .pytest_cache/others -q -n 3 --dist worksteal -m "not lab and not long" || status=$?
for part in "${parts[@]}"; do wait "$part" || status=$?; done
cat "$said/model" "$said/lab"
exit "$status"
